{#- Names and numbers of the market models: products, caveats, exact money. -#}

{#- Quarters of an hour since 1970: 15 minutes of every American market start at one. -#}
{% macro quarter_us() %}900000000{% endmacro %}

{% macro hour_us() %}3600000000{% endmacro %}

{#- A run of SCED states its values until the next one, and for so long at most (docs/battery-revenue.md). -#}
{% macro run_holds_us() %}900000000{% endmacro %}

{#- Cadence of SCED by the nodal protocols (6.5.7.3): at least every five minutes. -#}
{% macro run_cadence_us() %}300000000{% endmacro %}

{#- First operating day of real-time co-optimisation (RTC+B): one resource a battery, ancillary services settled in real time. -#}
{% macro rtcb_from() %}date '2025-12-05'{% endmacro %}

{#- Ancillary services: column stem, name in ERCOT's price postings, stems of the columns of an award in the DAM and in SCED. -#}
{% macro services() -%}
{{ return([
    {'name': 'regup', 'posted': 'REGUP', 'dam': ['regup'], 'sced': ['regup']},
    {'name': 'regdown', 'posted': 'REGDN', 'dam': ['regdown'], 'sced': ['regdn']},
    {'name': 'rrs', 'posted': 'RRS', 'dam': ['rrs', 'rrspfr', 'rrsffr', 'rrsufr'], 'sced': ['rrs', 'rrspfr', 'rrsffr', 'rrsufr']},
    {'name': 'ecrs', 'posted': 'ECRS', 'dam': ['ecrssd', 'ecrsmd'], 'sced': ['ecrs']},
    {'name': 'nonspin', 'posted': 'NSPIN', 'dam': ['nonspin'], 'sced': ['nspin']},
]) }}
{%- endmacro %}

{#- Hours for which a battery must be able to deliver an award since RTC+B (NPRR1282): regulation and RRS half an hour, fast
    frequency response a quarter of it, ECRS one; non-spinning reserve four as before. -#}
{% macro hours_up() -%}
{{ return({'regup': 0.5, 'rrs': 0.5, 'ecrs': 1, 'nonspin': 4}) }}
{%- endmacro %}

{#- A shortfall of energy below this, MWh, is rounding of telemetry. -#}
{% macro soc_tolerance_mwh() %}0.1{% endmacro %}

{#- Share of the time between two states of charge that telemetry must cover for losses to be told from what is unknown. -#}
{% macro soc_coverage() %}0.99{% endmacro %}

{#- Components of revenue that are computed one by one; the others are sums of these. -#}
{% macro leaf_components() -%}
{%- set found = ['dam_energy_usd'] -%}
{%- for service in services() %}{% do found.append('dam_as_' ~ service.name ~ '_usd') %}{% endfor -%}
{%- do found.append('rt_energy_usd') -%}
{%- for service in services() %}{% do found.append('rt_as_' ~ service.name ~ '_usd') %}{% endfor -%}
{{ return(found) }}
{%- endmacro %}

{#- Components in the order of a statement: energy and services of the day-ahead market, then of real time. -#}
{% macro statement_components() -%}
{{ return(['dam_energy_usd', 'dam_as_usd'] + leaf_components()[1:6] + ['rt_energy_usd', 'rt_as_usd'] + leaf_components()[7:]) }}
{%- endmacro %}

{#- Sum of amounts of which NULL means none; NULL only where all are. Wide: a sum of decimals that does not fit its type is an
    error, and the error of one battery would be that of all. -#}
{% macro sum_of_stated(columns, type=none) -%}
case when coalesce({{ columns | join(', ') }}) is not null then {% for column in columns %}coalesce({{ column }}, 0){{ '::' ~ type if type }}{{ ' + ' if not loop.last }}{% endfor %} end
{%- endmacro %}

{#- Dollars of an amount at a price, exactly: an amount of at most nine decimals. Nothing costs nothing whatever its price.
    Unknown from 10^17 $ on, which is no revenue and leaves room for the sums of a month. -#}
{% macro usd(amount, price) -%}
case
    when ({{ amount }}) = 0 then 0
    when abs(({{ amount }})::double * ({{ price }})::double) < 1e17
        then ({{ amount }})::decimal(32, 9) * ({{ price }})::decimal(18, 6)
end::decimal(38, 15)
{%- endmacro %}

{#- Power from which on it is unknown: a thousand times the load of Texas is no battery, and what it moves must fit. -#}
{% macro mw_limit() %}1e8{% endmacro %}

{#- MW in whole millionths, so that energy is counted and not rounded on the way. -#}
{% macro micro_mw(mw) -%}
case when abs({{ mw }}) < {{ mw_limit() }} then round(({{ mw }}) * 1000000)::bigint end
{%- endmacro %}

{#- Millionths of MW times microseconds → billionths of MWh, half away from zero. -#}
{% macro nano_mwh(product) -%}
((({{ product }})::hugeint + case when ({{ product }}) < 0 then -1800000 else 1800000 end) // 3600000)
{%- endmacro %}

{#- Whole billionths, exactly; below a billion, which keeps it in 64 bits. -#}
{% macro nano(value) -%}
(({{ value }})::bigint::decimal(18, 0) * 0.000000001::decimal(9, 9))::decimal(18, 9)
{%- endmacro %}

{#- Site of a resource: its name without the last part, when that is a unit such as BES1, ESR1, UNIT2 or LD1. -#}
{% macro site_of(resource) -%}
regexp_replace({{ resource }}, '_[A-Z]+[0-9]*$', '')
{%- endmacro %}

{#- Number at the end of a resource's name, '' where there is none. -#}
{% macro unit_number(resource) -%}
regexp_extract({{ resource }}, '([0-9]*)$', 1)
{%- endmacro %}

{#- What a statement of revenue does not know or had to assume: bit (NULL: holds for every row of its era), code, era,
    meaning. The bits are or-ed over the intervals of a day and a month. -#}
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

{#- CTE: the caveats of every combination of era and bits as text: a few thousand rows to join, and none to work out. -#}
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

{#- Order of the statements of a price: preliminary ones come last, then what was published earlier. -#}
{% macro newest_first() -%}
vintage <> 'prelim' desc, published_at desc, source_object desc
{%- endmacro %}

{#- Post-hook: `<mart>_as_of(instant)`, the rows of a mart of prices as they were known then. Names carry the catalog of the
    published file, so that it works wherever that is attached. -#}
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

{#- Components over several intervals: unknown where one of them is; known_usd is what is known of them. -#}
{% macro summed_components() -%}
{% for component in statement_components() + ['total_usd'] -%}
case when count({{ component }}) = count(*) then sum({{ component }}) end::decimal(38, 15) as {{ component }},
{% endfor -%}
sum(known_usd)::decimal(38, 15) as known_usd
{%- endmacro %}

{#- Energy over several intervals: what the covered ones moved, see coverage. NULL: nothing is covered. -#}
{% macro summed_energy() -%}
sum(discharged_mwh)::decimal(38, 9) as discharged_mwh,
sum(charged_mwh)::decimal(38, 9) as charged_mwh,
sum(net_mwh)::decimal(38, 9) as net_mwh
{%- endmacro %}
