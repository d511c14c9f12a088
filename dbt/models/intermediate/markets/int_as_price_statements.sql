-- As int_price_statements, of ancillary services.
with changed as (
    select *, hash(iso, market, location, product, interval_start) as price_hash
    from {{ ref('stg_markets__as_prices') }}
    where {{ changed_prices('as_prices') }}
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
window price as (partition by iso, market, location, product, interval_start)
