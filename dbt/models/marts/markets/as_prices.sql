{{ config(pre_hook="{{ delete_changed_prices('as_prices') }}") }}

with restated as (
    select * from {{ ref('int_as_price_statements') }}
),

stated as (
    select *, 1 as statements
    from {{ ref('stg_markets__as_prices') }}
    where {{ changed_prices('as_prices') }}
        and hash(iso, market, location, product, interval_start) not in (select price_hash from restated)
    union all by name
    select * exclude (newness, superseded_at, price_hash)
    from restated
    where newness = 1
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
