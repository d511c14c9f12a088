-- Telemetry of the SCED disclosure of batteries and load resources: every statement. mw is signed: positive leaves the battery.
{% for kind, table in [('esr', 'ercot_sced_esr_resources'), ('gen', 'ercot_sced_gen_resources'), ('load', 'ercot_sced_load_resources')] -%}
select
    '{{ kind }}' as kind,
    resource_name,
    sced_at,
    resource_status,
    {% if kind == 'load' -%}
    -real_power_consumption_mw as mw,
    -base_point_mw as base_point_mw,
    max_power_consumption_mw as capacity_mw,
    {%- else -%}
    telemetered_net_output_mw as mw,
    base_point_mw,
    hsl_mw as capacity_mw,
    {%- endif %}
    {% if kind == 'esr' -%}
    soc_mwh,
    min_soc_mwh,
    max_soc_mwh,
    {% for service in services() -%}
    {% set parts = [] -%}
    {% for part in service.sced %}{% do parts.append('as_award_' ~ part ~ '_mw') %}{% endfor -%}
    {{ sum_of_stated(parts) }} as {{ service.name }}_award_mw,
    {% endfor -%}
    as_award_rrsffr_mw as ffr_award_mw,
    -- A row with neither awards nor capabilities comes from a file without these columns: its awards are unknown, not none.
    {% set stated = [] -%}
    {% for service in services() -%}
    {% for part in service.sced %}{% do stated.extend(['as_award_' ~ part ~ '_mw', 'as_capability_' ~ part ~ '_mw']) %}{% endfor -%}
    {% endfor -%}
    coalesce({{ stated | join(', ') }}) is not null as knows_awards,
    {%- else -%}
    null::double as soc_mwh,
    null::double as min_soc_mwh,
    null::double as max_soc_mwh,
    {% for service in services() -%}
    null::double as {{ service.name }}_award_mw,
    {% endfor -%}
    null::double as ffr_award_mw,
    false as knows_awards,
    {%- endif %}
    published_at,
    is_simulated,
    source_object
from {{ source('raw', table) }}
{% if kind == 'gen' %}where resource_type = 'PWRSTR'{% endif %}
{{ 'union all' if not loop.last }}
{% endfor %}
