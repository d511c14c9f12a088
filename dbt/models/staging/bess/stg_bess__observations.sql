-- Bounded by the build: the view holds what is read of the changed assets, with a day around it.
select
    asset_id,
    signal,
    ts,
    interval_end,
    value,
    value_exact,
    text
from {{ source('raw', 'bess_observations') }}
