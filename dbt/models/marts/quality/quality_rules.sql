{{ config(materialized='table') }}

select *
from (
    values
    {% for rule in quality_rules() -%}
    ('{{ rule[0] }}', '{{ rule[2] }}'){{ ',' if not loop.last }}
    {% endfor %}
) as rules (rule, description)
