{#- Counters in whole numbers: billionths of a kWh (or millionths of another unit), W and microseconds. Products are HUGEINT,
    because a limit of 1 GW over a day is beyond BIGINT, and a register in MWh over a century is beyond HUGEINT unless it is
    divided first. -#}

{% macro exceeds(amount, power_limit_w, duration_us) -%}
(({{ amount }}) * 3600 > {{ power_limit_w }}::hugeint * ({{ duration_us }}))
{%- endmacro %}

{% macro rise(before, after, duration_us) -%}
case
    when {{ after }} < {{ before }}
        and {{ after }} - {{ before }} + windows.rollover >= 0
        and coalesce(
            not {{ exceeds(after ~ ' - ' ~ before ~ ' + windows.rollover', 'windows.power_limit_w', duration_us) }},
            ({{ after }} - {{ before }} + windows.rollover) * 10 < windows.rollover
        )
        then {{ after }} - {{ before }} + windows.rollover
    else {{ after }} - {{ before }}
end
{%- endmacro %}

{% macro share(amount, part_us, whole_us) -%}
(({{ amount }}) // ({{ whole_us }}) * ({{ part_us }}) + ({{ amount }}) % ({{ whole_us }}) * ({{ part_us }}) // ({{ whole_us }}))
{%- endmacro %}

{% macro longest_spread_us() -%}
{{ 1096 * 24 * 3600 * 1000000 }}
{%- endmacro %}
