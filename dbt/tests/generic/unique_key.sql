{#- No two rows share the key. Looks at the rows of the assets that the build touched. -#}
{% test unique_key(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as found,
    1 as expected
from {{ model }}
{% if 'asset_id' in columns -%}
where asset_id in (select asset_id from {{ source('build', 'changed_spans') }})
{% endif -%}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
