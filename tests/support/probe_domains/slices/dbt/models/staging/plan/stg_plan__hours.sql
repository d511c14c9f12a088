select
    area,
    interval_start,
    planned_mw
from {{ source('raw', 'plans') }}
