{{ config(pre_hook="{{ delete_changed_prices('iso_prices') }}") }}

with restated as (
    select * from {{ ref('int_price_statements') }}
),

stated as (
    select *, 1 as statements
    from {{ ref('stg_markets__prices') }}
    where {{ changed_prices('iso_prices') }}
        and hash(iso, market, place, place_type, price_type, interval_start) not in (select price_hash from restated)
    union all by name
    select * exclude (newness, superseded_at, price_hash)
    from restated
    where newness = 1
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
