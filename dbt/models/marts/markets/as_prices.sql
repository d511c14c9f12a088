{{ config(rebuild_by='market_day', bounded=true) }}

with stated as (
    {{ latest_statements('as_prices', ref('stg_markets__as_prices'), ref('int_as_price_statements')) | indent }}
)

select
    iso,
    market,
    location,
    product,
    interval_start,
    interval_end,
    mcpc_usd_mw,
    vintage,
    published_at,
    published_basis,
    statements,
    is_simulated,
    source_object,
    line
from stated
