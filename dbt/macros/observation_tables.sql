{#- Made from the contracts by `python -m flows.dbt_sources`; change those, not this. -#}
{% macro observation_tables() -%}
{{ return([
    'bess_observations',
    'meter_observations',
]) }}
{%- endmacro %}
