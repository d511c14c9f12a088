{{ config(rebuild_by='market_day', bounded=true) }}

select
    iso,
    market,
    location,
    product,
    interval_start,
    interval_end,
    mcpc_usd_mw,
    published_at,
    published_basis,
    is_simulated,
    source_object,
    line
from {{ ref('stg_markets__as_prices_advisory') }}
where {{ changed_prices('as_prices') }}
