{#- One domain's observations, bounded by literals so that Iceberg files outside are never opened. A day on each side lets
    models look at a second signal of the same asset (a power beside its power factor) just outside of what changed. -#}
{% macro observations(table_name) -%}
{%- set day = modules.datetime.timedelta(days=1) -%}
{%- set read_from = modules.datetime.datetime.fromisoformat(var('read_from')) - day -%}
{%- set read_to = modules.datetime.datetime.fromisoformat(var('read_to')) + day -%}
select
    asset_id,
    signal,
    ts,
    interval_end,
    value,
    value_exact,
    text
from {{ source('raw', table_name) }}
where ts >= timestamptz '{{ read_from.isoformat(sep=" ") }}'
    and ts <= timestamptz '{{ read_to.isoformat(sep=" ") }}'
{%- endmacro %}
