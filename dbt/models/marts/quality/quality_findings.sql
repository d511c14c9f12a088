{{ config(pre_hook=[
    "{{ delete_findings('days') }}",
    "{{ delete_findings('signal') }}",
    "{{ delete_findings('asset_days') }}",
    "{{ delete_findings('asset') }}",
    "{{ delete_findings('file') }}",
]) }}

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
