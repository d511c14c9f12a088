-- depends_on: {{ ref('as_prices') }} (the macro of the post-hook reads it)
{{ config(
    rebuild_by='market_day',
    bounded=true,
    post_hook="{{ as_of_macro('as_prices') }}",
) }}

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
    superseded_at,
    is_simulated,
    source_object,
    line
from {{ ref('int_as_price_statements') }}
where newness > 1
