-- Prices that were stated more than once, among the changed ones: every statement with its place, 1 is the latest. What an
-- operator calls preliminary comes before anything else; then the later published one counts. Most prices are
-- stated once and are not sorted here; two that share a hash are told apart by the window.
with changed as (
    select *, hash(iso, market, place, place_type, price_type, interval_start) as price_hash
    from {{ ref('stg_markets__prices') }}
    where {{ changed_prices('iso_prices') }}
)

select
    *,
    count(*) over price as statements,
    row_number() over (price order by {{ newest_first() }}) as newness,
    -- The first instant at which a statement above it was known.
    greatest(
        published_at,
        min(published_at) over (
            price order by {{ newest_first() }} rows between unbounded preceding and 1 preceding
        )
    ) as superseded_at
from changed
where price_hash in (select price_hash from changed group by price_hash having count(*) > 1)
window price as (partition by iso, market, place, place_type, price_type, interval_start)
