-- As int_price_statements, of load.
with changed as (
    select *, hash(iso, report, kind, area, area_type, model, interval_start) as load_hash
    from {{ ref('stg_markets__system_load') }}
    where {{ changed_prices('system_load') }}
),

-- A schedule dates a forecast that was stated once. What differs from it was published at a time that nobody says: it counts from
-- when it was received.
dated as (
    select
        * exclude (published_at, published_basis),
        published_basis = 'schedule' and row_number() over (scheduled order by received_at, source_object) > 1 as is_revision,
        case when is_revision then greatest(published_at, received_at) else published_at end as published_at,
        case when is_revision then 'received' else published_basis end as published_basis
    from changed
    where load_hash in (select load_hash from changed group by load_hash having count(*) > 1)
    window scheduled as (
        partition by iso, report, kind, area, area_type, model, interval_start, published_basis = 'schedule', published_at
    )
)

select
    * exclude (is_revision),
    count(*) over load as statements,
    row_number() over (load order by {{ newest_load_first() }}) as newness,
    -- The first instant at which a statement above it was known.
    greatest(
        published_at,
        min(published_at) over (
            load order by {{ newest_load_first() }} rows between unbounded preceding and 1 preceding
        )
    ) as superseded_at
from dated
window load as (partition by iso, report, kind, area, area_type, model, interval_start)
