-- As int_price_statements, of load.
with restated as (
    {{ stated_again('system_load', ref('stg_markets__system_load')) | indent }}
),

-- A schedule dates a forecast that was stated once. What differs from it was published at a time that nobody says: it counts from
-- when it was received.
dated as (
    select
        * exclude (published_at, published_basis),
        published_basis = 'schedule' and row_number() over (scheduled order by received_at, source_object) > 1 as is_revision,
        case when is_revision then greatest(published_at, received_at) else published_at end as published_at,
        case when is_revision then 'received' else published_basis end as published_basis
    from restated
    window scheduled as (partition by {{ statement_key('system_load') }}, published_basis = 'schedule', published_at)
)

{{ ranked_statements('system_load', '(select * exclude (is_revision) from dated)') }}
