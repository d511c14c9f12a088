-- As int_price_statements, of ancillary services.
select
    *,
    count(*) over price as statements,
    row_number() over (price order by vintage not in ('prelim', 'advisory') desc, published_at desc, source_object desc) as newness,
    greatest(
        published_at,
        min(published_at) over (
            price order by vintage not in ('prelim', 'advisory') desc, published_at desc, source_object desc
            rows between unbounded preceding and 1 preceding
        )
    ) as superseded_at
from {{ ref('stg_iso__as_prices') }}
where {{ changed_prices('as_prices') }}
window price as (partition by iso, market, location, product, interval_start)
