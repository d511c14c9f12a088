{#- What a build finds changed, as conditions on rows. -#}

{% macro builds_whole() -%}
{%- if not execute -%}{{ return(true) }}{%- endif -%}
{{ return(flags.FULL_REFRESH or adapter.get_relation(target.database, target.schema, 'bess_revenue_1d') is none) }}
{%- endmacro %}

{% macro in_changed_spans(columns, time_column=none) -%}
exists (
    select 1 from {{ source('build', 'changed_spans') }} as spans
    where {% for column in columns %}{{ 'and ' if not loop.first }}spans.{{ column }} = made.{{ column }} {% endfor %}
    {%- if time_column %}
        and made.{{ time_column }} >= spans.rebuild_from
        and made.{{ time_column }} < spans.rebuild_to
    {%- endif %}
)
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
