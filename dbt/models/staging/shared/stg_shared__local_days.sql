select
    time_zone,
    local_date,
    day_start,
    day_end,
    epoch_us(day_start) as day_start_us,
    epoch_us(day_end) as day_end_us
from {{ source('build', 'local_days') }}
