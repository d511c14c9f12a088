{{ config(rebuild_by='report_day', bounded=true) }}

with stated as (
    {{ latest_statements('system_load', ref('stg_markets__system_load'), ref('int_load_statements')) | indent }}
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
