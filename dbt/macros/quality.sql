{#- The rule pack in one place: what each rule says, and what a build has to redo of it.
    days: findings of the rebuilt days of a signal; signal: all of a changed signal; asset_days: findings of the days in which
    anything of the asset is rebuilt; asset: all of a changed asset. -#}
{% macro quality_rules() -%}
{{ return([
    ['completeness', 'days', 'A day of a signal with a declared cadence is covered by less than 99 %.'],
    ['gap', 'days', 'Between two samples of a day a signal had no valid value for five minutes or more.'],
    ['gap_overnight', 'signal', 'No valid value for five minutes or more around a midnight.'],
    ['missing_days', 'signal', 'Whole local days without a sample between two days with samples.'],
    ['counter_step', 'days', 'A counter was reset or corrected, rolled over, stood still and then caught up, or rose by more than the connection can deliver.'],
    ['spike', 'days', 'A counter jumped away and came back within a day; the samples between are left out.'],
    ['power_limit', 'days', 'More power than the connection can deliver.'],
    ['frozen_value', 'days', 'A measured quantity kept one value to the last digit for a whole day.'],
    ['estimated_energy', 'days', 'Part of a day of energy is estimated: across a gap, a freeze, a correction, a jump, or by its status.'],
    ['dead_register', 'signal', 'A counter never moved in seven days or more.'],
    ['unit_jump', 'signal', 'Values are about a thousand times those of the week before, or a thousandth: W and kW mixed up.'],
    ['pf_range', 'days', 'A power factor beyond -1 to 1.'],
    ['clock', 'days', 'A sample carries a stamp in the future.'],
    ['night_pv', 'days', 'Photovoltaic power between midnight and 3:00 local time.'],
    ['timezone_proof', 'signal', 'The middle of photovoltaic days does not fit the stated time zone.'],
    ['alarm_value', 'days', 'An alarm flag that is neither 0 nor 1.'],
    ['temperature_range', 'days', 'A temperature below -30 or above 90 degrees Celsius.'],
    ['soc_range', 'days', 'A state of charge below 0 or above 100 %.'],
    ['soc_step', 'asset_days', 'The state of charge moved by ten points or more within five minutes.'],
    ['soc_flat_under_current', 'asset_days', 'The state of charge stood still while more charge went in or out than moves it by one and a half of its steps, or all day in spite of more than 50 A.'],
    ['cell_order', 'asset_days', 'At one instant the mean cell lies outside of the lowest and the highest.'],
    ['spread_mismatch', 'asset_days', 'At one instant the reported cell spread differs from highest less lowest.'],
    ['rack_sum', 'asset_days', 'At one instant the rack currents do not add up to the total within 1 % (1 A at least).'],
    ['power_vs_counter', 'asset_days', 'Energy by integrated power and by counter differ by more than 2 % (0.1 kWh at least).'],
    ['energy_balance', 'asset_days', 'Load differs from photovoltaic, grid and battery power by more than 10 % (20 W at least).'],
    ['soh_rise', 'asset', 'The state of health lies 2 points or more above its lowest of the 30 days before.'],
    ['rte_range', 'asset', 'Round-trip efficiency outside of 0.6 to 1.0.'],
    ['contradiction', 'file', 'Two lines of one file say different things of one instant; the later line holds.'],
]) }}
{%- endmacro %}

{% macro rules_of(scope) -%}
{%- set names = [] -%}
{%- for rule in quality_rules() if rule[1] == scope -%}{%- do names.append("'" ~ rule[0] ~ "'") -%}{%- endfor -%}
{{ names | join(', ') }}
{%- endmacro %}

{#- Pre-hooks of quality_findings, one a scope. -#}
{% macro delete_findings(scope) -%}
{%- if is_incremental() -%}
delete from {{ this }} as kept
{% if scope == 'file' -%}
where kept.rule in ({{ rules_of(scope) }})
{%- else -%}
using {{ source('build', 'changed_spans') }} as spans
where kept.rule in ({{ rules_of(scope) }})
    and kept.asset_id = spans.asset_id
    {% if scope in ('days', 'signal') -%}
    and kept.signal = spans.signal
    {%- endif %}
    {% if scope in ('days', 'asset_days') -%}
    and kept.interval_start >= spans.rebuild_from
    and kept.interval_start < spans.rebuild_to
    {%- endif %}
{%- endif -%}
{%- endif -%}
{%- endmacro %}

{#- The unit as it stands behind a number in a message. -#}
{% macro unit_text(unit) -%}
coalesce(' ' || {{ unit }}, '')
{%- endmacro %}
