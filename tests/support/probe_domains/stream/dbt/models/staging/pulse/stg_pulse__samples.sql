select
    counter,
    ts,
    power_w
from {{ source('raw', 'pulse_samples') }}
where power_w is not null
