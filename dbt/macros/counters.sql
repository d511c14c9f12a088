{#- Counters in whole numbers: billionths of a kWh (or millionths of another unit), W and microseconds. Products are HUGEINT,
    because a limit of 1 GW over a day is beyond BIGINT, and a register in MWh over a century is beyond HUGEINT unless it is
    divided first. -#}

{#- Whether an amount is more than a connection delivers in a time; NULL where there is no limit. 1 W for 1 us is 1/3600 of a
    billionth of a kWh. -#}
{% macro exceeds(amount, power_limit_w, duration_us) -%}
(({{ amount }}) * 3600 > {{ power_limit_w }}::hugeint * ({{ duration_us }}))
{%- endmacro %}

{#- From one value of a register to a later one, by its window: past the value at which it begins again where it is declared,
    the difference is a fall, and the connection can have carried what lies between; of what is no energy, where it is less
    than a tenth of the register. -#}
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

{#- The part of an amount that belongs to a part of its time, cut to a whole number. Divided first: the same to the last digit. -#}
{% macro share(amount, part_us, whole_us) -%}
(({{ amount }}) // ({{ whole_us }}) * ({{ part_us }}) + ({{ amount }}) % ({{ whole_us }}) * ({{ part_us }}) // ({{ whole_us }}))
{%- endmacro %}

{#- Energy of a longer time is spread over the last three years of it: a clock that was never set says 1970, and quarters of an
    hour since then would be millions of rows that say nothing. -#}
{% macro longest_spread_us() -%}
{{ 1096 * 24 * 3600 * 1000000 }}
{%- endmacro %}
