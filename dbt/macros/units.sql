{% macro nano_kwh_per_micro(unit) -%}
case {{ unit }} when 'Wh' then 1 when 'kWh' then 1000 when 'MWh' then 1000000 end
{%- endmacro %}

{% macro kw_per_unit(unit) -%}
case {{ unit }} when 'W' then 0.001 when 'kW' then 1.0 when 'MW' then 1000.0 when 'VA' then 0.001 when 'kVA' then 1.0 end
{%- endmacro %}

{% macro nano_to_kwh(nano) -%}
(({{ nano }})::decimal(29, 0) * 0.000000001)::decimal(38, 9)
{%- endmacro %}

{% macro micro(value) -%}
({{ value }}::decimal(28, 6) * 1000000::decimal(7, 0))::hugeint
{%- endmacro %}

{% macro volts_per_unit(unit) -%}
case {{ unit }} when 'V' then 1.0 when 'mV' then 0.001 end
{%- endmacro %}

{% macro is_celsius(unit) -%}
{{ unit }} in ('°C', 'C', 'degC')
{%- endmacro %}
