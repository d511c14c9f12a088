{{ config(rebuild_by='market_day', bounded=true) }}

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
    congestion_published_usd_mwh,
    published_at,
    published_basis,
    is_simulated,
    source_object,
    line
from {{ ref('stg_markets__prices_advisory') }}
where {{ changed_prices('iso_prices') }}
