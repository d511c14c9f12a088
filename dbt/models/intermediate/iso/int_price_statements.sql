-- Every statement of the changed prices, with its place among those of the same price: 1 is the latest. What an operator calls
-- preliminary or a forecast comes before anything else; then the later published one counts.
select
    *,
    count(*) over price as statements,
    row_number() over (price order by vintage not in ('prelim', 'advisory') desc, published_at desc, source_object desc) as newness,
    -- The first instant at which a statement above it was known.
    greatest(
        published_at,
        min(published_at) over (
            price order by vintage not in ('prelim', 'advisory') desc, published_at desc, source_object desc
            rows between unbounded preceding and 1 preceding
        )
    ) as superseded_at
from {{ ref('stg_iso__prices') }}
where {{ changed_prices('iso_prices') }}
window price as (partition by iso, market, location, location_type, price_type, interval_start)
