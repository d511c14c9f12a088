select
    asset_id,
    domain,
    native_id,
    site_id,
    time_zone,
    is_simulated,
    max_power_kw,
    coalesce(max_power_kw, {{ var('default_max_power_kw') }}) as power_limit_kw,
    max_power_kw is not null as has_power_limit,
    capacity_kwh
from {{ source('raw', 'assets') }}
