{{ config(rebuild_by='finding', bounded=true) }}

{% for model in finding_models() -%}
select
    rule::varchar as rule,
    severity::varchar as severity,
    asset_id,
    signal,
    interval_start,
    interval_end,
    value::double as value,
    message
from {{ ref(model) }}
{{ 'union all' if not loop.last }}
{% endfor %}
