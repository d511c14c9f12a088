{#- Names and numbers of the market models: products, caveats, exact money. -#}

{% macro quarter_us() %}900000000{% endmacro %}

{% macro hour_us() %}3600000000{% endmacro %}

{% macro run_holds_us() %}900000000{% endmacro %}

{% macro run_cadence_us() %}300000000{% endmacro %}

{% macro rtcb_from() %}date '2025-12-05'{% endmacro %}

{% macro services() -%}
{{ return([
    {'name': 'regup', 'posted': 'REGUP', 'dam': ['regup'], 'sced': ['regup']},
    {'name': 'regdown', 'posted': 'REGDN', 'dam': ['regdown'], 'sced': ['regdn']},
    {'name': 'rrs', 'posted': 'RRS', 'dam': ['rrs', 'rrspfr', 'rrsffr', 'rrsufr'], 'sced': ['rrs', 'rrspfr', 'rrsffr', 'rrsufr']},
    {'name': 'ecrs', 'posted': 'ECRS', 'dam': ['ecrssd', 'ecrsmd'], 'sced': ['ecrs']},
    {'name': 'nonspin', 'posted': 'NSPIN', 'dam': ['nonspin'], 'sced': ['nspin']},
]) }}
{%- endmacro %}

{% macro hours_up() -%}
{{ return({'regup': 0.5, 'rrs': 0.5, 'ecrs': 1, 'nonspin': 4}) }}
{%- endmacro %}

{% macro soc_tolerance_mwh() %}0.1{% endmacro %}

{% macro soc_coverage() %}0.99{% endmacro %}

{% macro leaf_components() -%}
{%- set found = ['dam_energy_usd'] -%}
{%- for service in services() %}{% do found.append('dam_as_' ~ service.name ~ '_usd') %}{% endfor -%}
{%- do found.append('rt_energy_usd') -%}
{%- for service in services() %}{% do found.append('rt_as_' ~ service.name ~ '_usd') %}{% endfor -%}
{{ return(found) }}
{%- endmacro %}

{% macro statement_components() -%}
{{ return(['dam_energy_usd', 'dam_as_usd'] + leaf_components()[1:6] + ['rt_energy_usd', 'rt_as_usd'] + leaf_components()[7:]) }}
{%- endmacro %}

{% macro sum_of_stated(columns, type=none) -%}
case when coalesce({{ columns | join(', ') }}) is not null then {% for column in columns %}coalesce({{ column }}, 0){{ '::' ~ type if type }}{{ ' + ' if not loop.last }}{% endfor %} end
{%- endmacro %}

{% macro usd(amount, price) -%}
case
    when ({{ amount }}) = 0 then 0
    when abs(({{ amount }})::double * ({{ price }})::double) < 1e17
        then ({{ amount }})::decimal(32, 9) * ({{ price }})::decimal(18, 6)
end::decimal(38, 15)
{%- endmacro %}

{% macro mw_limit() %}1e8{% endmacro %}

{% macro micro_mw(mw) -%}
case when abs({{ mw }}) < {{ mw_limit() }} then round(({{ mw }}) * 1000000)::bigint end
{%- endmacro %}

{% macro nano_mwh(product) -%}
((({{ product }})::hugeint + case when ({{ product }}) < 0 then -1800000 else 1800000 end) // 3600000)
{%- endmacro %}

{% macro nano(value) -%}
(({{ value }})::bigint::decimal(18, 0) * 0.000000001::decimal(9, 9))::decimal(18, 9)
{%- endmacro %}

{% macro site_of(resource) -%}
regexp_replace({{ resource }}, '_[A-Z]+[0-9]*$', '')
{%- endmacro %}

{% macro unit_number(resource) -%}
regexp_extract({{ resource }}, '([0-9]*)$', 1)
{%- endmacro %}

{% macro caveats() -%}
{{ return([
    (none, 'metered_mwh', 'all', 'Energy is integrated from telemetry of the dispatch runs; what settlement metered is not public for batteries.'),
    (none, 'node_price_for_charging', 'all', 'Charging settles at a bus price (RTRMPRESR, floored at -251 $/MWh) and as wholesale storage load; here at the price of the settlement point.'),
    (none, 'set_point_deviation', 'all', 'Charges for deviating from the base point (6.6.5.5) are not priced; bess_soc_1d has the deviation.'),
    (none, 'ruc', 'all', 'Make-whole payments and claw-back of reliability unit commitment are not public by resource.'),
    (none, 'sasm', 'all', 'Supplemental ancillary service markets and services moved after the DAM are not public by resource.'),
    (none, 'self_arranged_and_trades', 'all', 'Self-arranged services and trades belong to the scheduling entity, not to a resource.'),
    (none, 'bilateral', 'all', 'Tolling, hedges and other contracts between two parties are not public.'),
    (none, 'later_corrections', 'all', 'Prices may be corrected after they were posted; a correction counts once it has landed.'),
    (none, 'soc_penalties', 'rtcb', 'Charges for a state of charge that cannot carry the awards are not public.'),
    (none, 'no_rt_as_market', 'before', 'Before 2025-12-05 services had no real-time market: rt_as_usd of these days is 0; the imbalance settled at the ORDC adders is not computed.'),
    (none, 'dam_purchases', 'before', 'Energy bought day-ahead for charging was bid by the scheduling entity and settlement point; it is not attributed.'),
    (1, 'dam_missing', 'all', 'No row of the 60-day DAM disclosure for an hour.'),
    (2, 'dam_price_missing', 'all', 'A day-ahead award without a price.'),
    (4, 'telemetry_missing', 'all', 'No telemetry for an interval: what it earned in real time is unknown, and so is the sum of the day and month; known_usd has the rest.'),
    (8, 'telemetry_gap', 'all', 'Telemetry covers a part of an interval; energy is that of the covered part, see coverage.'),
    (16, 'rt_price_missing', 'all', 'No real-time price of the settlement point for an interval.'),
    (32, 'rt_as_award_missing', 'all', 'No real-time awards of services for an interval.'),
    (64, 'rt_as_price_missing', 'all', 'No real-time price of a service for an interval with an imbalance.'),
    (128, 'pairing_inferred', 'all', 'The charging half is a load resource that was found by site and capacity; see pairing.'),
    (256, 'charging_half_unknown', 'all', 'No load resource could be told to be the charging half: energy in real time is unknown, and services are those of the generation half.'),
    (512, 'load_dam_missing', 'all', 'The charging half has no row of the DAM disclosure for an hour; taken as without awards.'),
    (1024, 'change_of_model', 'all', 'On 2025-12-05 the DAM still knew two resources and SCED one.'),
    (2048, 'price_corrected', 'all', 'A correction of a day-ahead price that was published after the disclosure was applied.'),
    (4096, 'days_missing', 'all', 'Days of the month are not disclosed, or not landed, for this resource; dollars, energy and coverage are of the days that are there.'),
]) }}
{%- endmacro %}

{% macro caveat_texts() -%}
select
    is_rtcb,
    caveat_bits,
    concat_ws(
        ', '
        {%- for bit, code, era, _ in caveats() %},
        {% set of_era = {'all': 'true', 'rtcb': 'is_rtcb', 'before': 'not is_rtcb'}[era] -%}
        case when {{ of_era if bit is none else 'caveat_bits & ' ~ bit ~ ' > 0' }} then '{{ code }}' end
        {%- endfor %}
    ) as caveats
from unnest([true, false]) as eras (is_rtcb), range({{ 2 * caveats()[-1][0] }}) as combinations (caveat_bits)
{%- endmacro %}

{% macro as_of_macro(mart) -%}
create or replace macro {{ this.database }}.{{ this.schema }}.{{ mart }}_as_of(known_at) as table
select * exclude (statements), null::timestamptz as superseded_at
from {{ this.database }}.{{ this.schema }}.{{ mart }}
where published_at <= known_at
union all by name
select *
from {{ this.database }}.{{ this.schema }}.{{ mart }}_superseded
where published_at <= known_at and superseded_at > known_at
{%- endmacro %}

{% macro summed_components() -%}
{% for component in statement_components() + ['total_usd'] -%}
case when count({{ component }}) = count(*) then sum({{ component }}) end::decimal(38, 15) as {{ component }},
{% endfor -%}
sum(known_usd)::decimal(38, 15) as known_usd
{%- endmacro %}

{% macro summed_energy() -%}
sum(discharged_mwh)::decimal(38, 9) as discharged_mwh,
sum(charged_mwh)::decimal(38, 9) as charged_mwh,
sum(net_mwh)::decimal(38, 9) as net_mwh
{%- endmacro %}
