{% macro delete_changed(time_column) -%}
{%- if is_incremental() -%}
delete from {{ this }} as kept
using {{ source('build', 'changed_spans') }} as spans
where kept.asset_id = spans.asset_id
    and kept.signal = spans.signal
    and kept.{{ time_column }} >= spans.rebuild_from
    and kept.{{ time_column }} < spans.rebuild_to
{%- endif -%}
{%- endmacro %}

{% macro delete_changed_asset_days(time_column) -%}
{%- if is_incremental() -%}
delete from {{ this }} as kept
using {{ source('build', 'changed_spans') }} as spans
where kept.asset_id = spans.asset_id
    and kept.{{ time_column }} >= spans.rebuild_from
    and kept.{{ time_column }} < spans.rebuild_to
{%- endif -%}
{%- endmacro %}

{% macro builds_whole() -%}
{%- if not execute -%}{{ return(true) }}{%- endif -%}
{{ return(flags.FULL_REFRESH or adapter.get_relation(target.database, target.schema, 'bess_revenue_1d') is none) }}
{%- endmacro %}

{% macro of_changed_days(table, instant) -%}
{%- set changes = source('build', 'changed_tables') -%}
{%- if builds_whole() -%}
true
{%- else -%}
exists (
    select 1 from {{ changes }} as changes
    where changes.table_name = '{{ table }}'
        and {{ instant }} >= changes.first_day::timestamptz
        and {{ instant }} < (changes.last_day + 1)::timestamptz
)
{%- endif -%}
{%- endmacro %}

{% macro delete_changed_days(table, instant) -%}
{%- if is_incremental() -%}
delete from {{ this }} where {{ of_changed_days(table, instant) }}
{%- endif -%}
{%- endmacro %}
