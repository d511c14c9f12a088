{{ config(pre_hook="{{ delete_changed_prices('system_load') }}") }}

with restated as (
    select * from {{ ref('int_load_statements') }}
),

stated as (
    select *, 1 as statements
    from {{ ref('stg_markets__system_load') }}
    where {{ changed_prices('system_load') }}
        and hash(iso, report, kind, area, area_type, model, interval_start) not in (select load_hash from restated)
    union all by name
    select * exclude (newness, superseded_at, load_hash)
    from restated
    where newness = 1
)

select
    iso,
    report,
    kind,
    area,
    area_type,
    model,
    interval_start,
    interval_end,
    load_mw,
    native_load_mw,
    is_in_use,
    published_at < interval_start as is_ahead,
    published_at,
    published_basis,
    statements,
    is_simulated,
    source_object,
    line
from stated
