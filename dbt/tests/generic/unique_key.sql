{#- No two rows share the key and no part of it is NULL. Looks at the rows of the assets, prices and operating days that the build
    touched. -#}
{% test unique_key(model, columns) %}
select
    {{ columns | join(', ') }},
    1 as expected,
    count(*) as found
from {{ model }}
{% if 'asset_id' in columns -%}
where asset_id in (select asset_id from {{ source('build', 'changed_spans') }}) or asset_id is null
{% elif 'iso' in columns -%}
where {{ checked_prices('as_prices' if 'product' in columns else 'system_load' if 'report' in columns else 'iso_prices') }}
{% elif 'resource' in columns and 'month' not in columns -%}
where {{ checked_operating_days() }}
{% endif -%}
group by {{ columns | join(', ') }}
having count(*) > 1
{%- for column in columns %}
    or {{ column }} is null
{%- endfor %}
{% endtest %}
