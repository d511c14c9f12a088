select
    asset_id,
    domain,
    native_id,
    site_id,
    time_zone,
    is_simulated,
    max_power_kw,
    capacity_kwh
from {{ ref('stg_shared__assets') }}
