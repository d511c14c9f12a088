{#- What `rebuild_by` of a mart may say: the rows that are rebuilt together. `rows_of_<unit>` is the condition on the rows of a mart
    that reads what changed, and makes the rows of that alone. `keys_of` has the columns by which any other mart is cut. -#}

{% macro keys_of(unit) -%}
{%- set stated = config.get('meta', {}).get('key', []) -%}
{{ return({
    'signal_day': ['asset_id', 'signal'],
    'asset_day': ['asset_id'],
    'market_day': ['iso', 'market'],
    'report_day': ['iso', 'report'],
    'month': ['asset_id'] if 'asset_id' in stated else ['iso', 'market'],
}.get(unit, [])) }}
{%- endmacro %}

{% macro time_of_mart() -%}
{{ return(config.get('meta', {}).get('time')) }}
{%- endmacro %}

{% macro rows_of_signal_day() -%}
{{ in_changed_spans(['asset_id', 'signal'], time_of_mart()) }}
{%- endmacro %}

{% macro rows_of_asset_day() -%}
{{ in_changed_spans(['asset_id'], time_of_mart()) }}
{%- endmacro %}

{% macro rows_of_market_day() -%}
{{ of_changed_statements() }}
{%- endmacro %}

{% macro rows_of_report_day() -%}
{{ of_changed_statements() }}
{%- endmacro %}

{% macro of_changed_statements() -%}
{%- for table in raw_tables_of(model.unique_id) | map(attribute='name') | unique -%}
{{ 'or ' if not loop.first }}{{ changed_prices(table) }}
{%- endfor -%}
{%- endmacro %}

{% macro rows_of_day() -%}
{%- for table in raw_tables_of(model.unique_id) | map(attribute='name') | unique -%}
{{ 'or ' if not loop.first }}{{ of_changed_days(table, 'made.' ~ time_of_mart()) }}
{%- endfor -%}
{%- endmacro %}

{% macro rows_of_operating_day() -%}
operating_day in ({{ changed_operating_days() }}) and {{ at_changed_site('resource') }}
{%- endmacro %}

{% macro rows_of_operating_month() -%}
month in (select date_trunc('month', operating_day)::date from ({{ changed_operating_days() }}) as changed)
and {{ at_changed_site('resource') }}
{%- endmacro %}

{% macro rows_of_finding() -%}
case
    when rule in ({{ rules_of('days') }}) then {{ in_changed_spans(['asset_id', 'signal'], 'interval_start') }}
    when rule in ({{ rules_of('signal') }}) then {{ in_changed_spans(['asset_id', 'signal']) }}
    when rule in ({{ rules_of('asset_days') }}) then {{ in_changed_spans(['asset_id'], 'interval_start') }}
    when rule in ({{ rules_of('asset') }}) then {{ in_changed_spans(['asset_id']) }}
    else true
end
{%- endmacro %}

{% macro rows_of_market_finding() -%}
case rule
    when 'price_components' then {{ changed_prices('iso_prices') }}
    else (interval_start at time zone 'America/Chicago')::date in ({{ changed_operating_days() }})
        and {{ at_changed_site('resource') }}
end
{%- endmacro %}
