-- Hours of the DAM disclosure of batteries and of load resources, which are the charging halves of some: every statement.
{% set awards = [] -%}
{% for service in services() -%}
{% for part in service.dam %}{% do awards.append(part ~ '_awarded_mw') %}{% endfor -%}
{% do awards.append(service.name ~ '_mcpc_usd_mw') -%}
{% endfor -%}
{% for kind, table in [('esr', 'ercot_dam_esr_resources'), ('gen', 'ercot_dam_gen_resources'), ('load', 'ercot_dam_load_resources')] -%}
select
    '{{ kind }}' as kind,
    resource_name,
    operating_day,
    epoch_us(interval_start) // {{ hour_us() }} as hour,
    hour_ending,
    interval_start,
    interval_end,
    {% if kind == 'load' -%}
    null::varchar as qse,
    null::varchar as resource_status,
    null::varchar as settlement_point,
    max_power_consumption_mw as capacity_mw,
    null::double as hsl_mw,
    null::double as lsl_mw,
    null::decimal(18, 6) as awarded_mw,
    null::decimal(18, 6) as spp_usd_mwh,
    {%- else -%}
    qse,
    resource_status,
    settlement_point,
    hsl_mw as capacity_mw,
    hsl_mw,
    lsl_mw,
    awarded_mw,
    spp_usd_mwh,
    {%- endif %}
    {{ awards | join(',\n    ') }},
    published_at,
    is_simulated,
    source_object,
    member,
    line
from {{ source('raw', table) }}
{% if kind == 'gen' %}where resource_type = 'PWRSTR'{% endif %}
{{ 'union all' if not loop.last }}
{% endfor %}
