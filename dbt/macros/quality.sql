{% macro finding_rules() -%}
{{ return([
    {'rule': 'completeness', 'family': 'completeness', 'found_in': ['int_findings_values'], 'redo': 'days',
     'says': 'A day of a signal with a declared cadence is covered by less than 99 %.'},
    {'rule': 'gap', 'family': 'completeness', 'found_in': ['int_findings_gaps'], 'redo': 'days',
     'says': 'Between two samples of a day a signal had no valid value for five minutes or more.'},
    {'rule': 'gap_overnight', 'family': 'completeness', 'found_in': ['int_findings_gaps'], 'redo': 'signal',
     'says': 'No valid value for five minutes or more around a midnight.'},
    {'rule': 'missing_days', 'family': 'completeness', 'found_in': ['int_findings_gaps'], 'redo': 'signal',
     'says': 'Whole local days without a sample between two days with samples.'},
    {'rule': 'clock', 'family': 'completeness', 'found_in': ['int_findings_values'], 'redo': 'days',
     'says': 'A sample carries a stamp in the future.'},
    {'rule': 'counter_step', 'family': 'counters', 'found_in': ['int_findings_counters'], 'redo': 'days',
     'says': 'A counter was reset or corrected, rolled over, stood still and then caught up, or rose by more than the connection can deliver.'},
    {'rule': 'spike', 'family': 'counters', 'found_in': ['int_findings_counters'], 'redo': 'days',
     'says': 'A counter jumped away and came back within a day; the samples between are left out.'},
    {'rule': 'power_limit', 'family': 'counters', 'found_in': ['int_findings_counters', 'int_findings_values'], 'redo': 'days',
     'says': 'More power than the connection can deliver.'},
    {'rule': 'estimated_energy', 'family': 'counters', 'found_in': ['int_findings_counters'], 'redo': 'days',
     'says': 'Part of a day of energy is estimated: across a gap, a freeze, a correction, a jump, or by its status.'},
    {'rule': 'dead_register', 'family': 'counters', 'found_in': ['int_findings_counters'], 'redo': 'signal',
     'says': 'A counter never moved in seven days or more.'},
    {'rule': 'frozen_value', 'family': 'values', 'found_in': ['int_findings_values'], 'redo': 'days',
     'says': 'A measured quantity kept one value to the last digit for a whole day.'},
    {'rule': 'unit_jump', 'family': 'values', 'found_in': ['int_findings_units'], 'redo': 'signal',
     'says': 'Values are about a thousand times those of the week before, or a thousandth: W and kW mixed up.'},
    {'rule': 'pf_range', 'family': 'values', 'found_in': ['int_findings_values'], 'redo': 'days',
     'says': 'A power factor beyond -1 to 1.'},
    {'rule': 'alarm_value', 'family': 'values', 'found_in': ['int_findings_values'], 'redo': 'days',
     'says': 'An alarm flag that is neither 0 nor 1.'},
    {'rule': 'temperature_range', 'family': 'values', 'found_in': ['int_findings_values'], 'redo': 'days',
     'says': 'A temperature below -30 or above 90 degrees Celsius.'},
    {'rule': 'contradiction', 'family': 'values', 'found_in': ['int_findings_contradictions'], 'redo': 'file',
     'says': 'Two lines of one file say different things of one instant; the later line holds.'},
    {'rule': 'night_pv', 'family': 'solar', 'found_in': ['int_findings_solar'], 'redo': 'days',
     'says': 'Photovoltaic power between midnight and 3:00 local time.'},
    {'rule': 'timezone_proof', 'family': 'solar', 'found_in': ['int_findings_solar'], 'redo': 'signal',
     'says': 'The middle of photovoltaic days does not fit the stated time zone.'},
    {'rule': 'soc_range', 'family': 'batteries', 'found_in': ['int_findings_values'], 'redo': 'days',
     'says': 'A state of charge below 0 or above 100 %.'},
    {'rule': 'soc_step', 'family': 'batteries', 'found_in': ['int_findings_soc'], 'redo': 'asset_days',
     'says': 'The state of charge moved by ten points or more within five minutes.'},
    {'rule': 'soc_flat_under_current', 'family': 'batteries', 'found_in': ['int_findings_soc'], 'redo': 'asset_days',
     'says': 'The state of charge stood still while more charge went in or out than moves it by one and a half of its steps, or all day in spite of more than 50 A.'},
    {'rule': 'cell_order', 'family': 'batteries', 'found_in': ['int_findings_cells'], 'redo': 'asset_days',
     'says': 'At one instant the mean cell lies outside of the lowest and the highest.'},
    {'rule': 'spread_mismatch', 'family': 'batteries', 'found_in': ['int_findings_cells'], 'redo': 'asset_days',
     'says': 'At one instant the reported cell spread differs from highest less lowest.'},
    {'rule': 'rack_sum', 'family': 'batteries', 'found_in': ['int_findings_cells'], 'redo': 'asset_days',
     'says': 'At one instant the rack currents do not add up to the total within 1 % (1 A at least).'},
    {'rule': 'soh_rise', 'family': 'batteries', 'found_in': ['int_findings_systems'], 'redo': 'asset',
     'says': 'The state of health lies 2 points or more above its lowest of the 30 days before.'},
    {'rule': 'rte_range', 'family': 'batteries', 'found_in': ['int_findings_systems'], 'redo': 'asset',
     'says': 'Round-trip efficiency outside of 0.6 to 1.0.'},
    {'rule': 'power_vs_counter', 'family': 'agreement', 'found_in': ['int_findings_systems'], 'redo': 'asset_days',
     'says': 'Energy by integrated power and by counter differ by more than 2 % (0.1 kWh at least).'},
    {'rule': 'energy_balance', 'family': 'agreement', 'found_in': ['int_findings_systems'], 'redo': 'asset_days',
     'says': 'Load differs from photovoltaic, grid and battery power by more than 10 % (20 W at least).'},
]) }}
{%- endmacro %}

{% macro market_finding_rules() -%}
{{ return([
    {'rule': 'price_components', 'family': 'markets', 'found_in': ['market_findings'],
     'says': 'The components of a price do not add up to it, by more than two cents.'},
    {'rule': 'award_limits', 'family': 'markets', 'found_in': ['market_findings'],
     'says': 'Day-ahead awards of a battery lie beyond its sustained limits by more than 0.1 MW.'},
]) }}
{%- endmacro %}

{% macro finding_models() -%}
{%- set models = [] -%}
{%- for rule in finding_rules() -%}
{%- for model in rule.found_in if model not in models -%}{%- do models.append(model) -%}{%- endfor -%}
{%- endfor -%}
{{ return(models) }}
{%- endmacro %}

{% macro rules_of(scope) -%}
{%- set names = [] -%}
{%- for rule in finding_rules() if rule.redo == scope -%}{%- do names.append("'" ~ rule.rule ~ "'") -%}{%- endfor -%}
{{ names | join(', ') }}
{%- endmacro %}

{% macro unit_text(unit) -%}
coalesce(' ' || {{ unit }}, '')
{%- endmacro %}
