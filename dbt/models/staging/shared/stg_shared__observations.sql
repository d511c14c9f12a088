-- Bounded by the build: the views hold what is read of the changed assets, with a day around it.
{% for table in observation_tables() -%}
select
    asset_id,
    signal,
    ts,
    interval_end,
    value,
    value_exact,
    text
from {{ source('raw', table) }}
{{ 'union all' if not loop.last }}
{% endfor %}
