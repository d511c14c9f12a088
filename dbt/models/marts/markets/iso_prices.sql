{{ config(rebuild_by='market_day', bounded=true) }}

with stated as (
    {{ latest_statements('iso_prices', ref('stg_markets__prices'), ref('int_price_statements')) | indent }}
)

select
    iso,
    market,
    location,
    location_type,
    location_id,
    price_type,
    interval_start,
    interval_end,
    lmp_usd_mwh,
    energy_usd_mwh,
    congestion_usd_mwh,
    loss_usd_mwh,
    ghg_usd_mwh,
    congestion_published_usd_mwh,
    vintage,
    published_at,
    published_basis,
    statements,
    is_simulated,
    source_object,
    line
from stated
