-- depends_on: {{ ref('iso_prices') }} (the macro of the post-hook reads it)
{{ config(
    rebuild_by='market_day',
    bounded=true,
    post_hook="{{ as_of_macro('iso_prices') }}",
) }}

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
    superseded_at,
    is_simulated,
    source_object,
    line
from {{ ref('int_price_statements') }}
where newness > 1
