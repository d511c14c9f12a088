-- depends_on: {{ ref('system_load') }} (the macro of the post-hook reads it)
{{ config(
    rebuild_by='report_day',
    bounded=true,
    post_hook="{{ as_of_macro('system_load') }}",
) }}

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
    superseded_at,
    is_simulated,
    source_object,
    line
from {{ ref('int_load_statements') }}
where newness > 1
