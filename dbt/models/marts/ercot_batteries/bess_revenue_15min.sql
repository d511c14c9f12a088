{{ config(rebuild_by='operating_day', bounded=true) }}

with grid as (
    select
        halves.resource,
        halves.operating_day,
        halves.kind,
        halves.pairing,
        halves.load_resource is not null as is_paired,
        halves.load_resource is not null or halves.kind = 'esr' as is_whole,
        days.is_rtcb,
        unnest(range(days.first_quarter, days.end_quarter)) as quarter
    from {{ ref('int_bess_halves') }} as halves
    inner join {{ ref('int_market_days') }} as days on halves.operating_day = days.operating_day
),

hours as (
    select *, epoch_us(interval_start) // {{ hour_us() }} as hour
    from {{ ref('bess_dam_hours') }}
    where operating_day in (select operating_day from {{ ref('int_market_days') }}) and {{ at_changed_site('resource') }}
),

energy_prices as (
    -- A settlement point may have prices of several types under one name; that of the resource node is the one that counts.
    select
        location,
        epoch_us(interval_start) // {{ quarter_us() }} as quarter,
        arg_min(
            {'price': lmp_usd_mwh, 'published_at': published_at, 'vintage': vintage, 'is_simulated': is_simulated},
            case location_type when 'RN' then '' else location_type || '.' end
        ) as stated
    from {{ ref('iso_prices') }}
    where iso = 'ERCOT' and market = 'RT15'
        and location in (select settlement_point from hours)
        and interval_start >= (select min(day_start) from {{ ref('int_market_days') }})
        and interval_start < (select max(day_end) from {{ ref('int_market_days') }})
    group by all
),

service_prices as (
    select
        epoch_us(interval_start) // {{ quarter_us() }} as quarter,
        {% for service in services() -%}
        max(mcpc_usd_mw) filter (where product = '{{ service.posted }}') as {{ service.name }},
        {% endfor -%}
        max(published_at) as published_at,
        bool_or(is_simulated) as is_simulated
    from {{ ref('as_prices') }}
    where iso = 'ERCOT' and market = 'RT15'
        and interval_start >= (select min(day_start) from {{ ref('int_market_days') }})
        and interval_start < (select max(day_end) from {{ ref('int_market_days') }})
    group by all
),

joined as (
    select
        grid.*,
        dam.resource is not null as has_dam,
        dam.settlement_point,
        dam.spp_usd_mwh as dam_spp_usd_mwh,
        dam.awarded_mw as dam_awarded_mw,
        coalesce(dam.awarded_mw, 0)::decimal(28, 6) as bought_or_sold_mw,
        -- A quarter of an hour's dollars: exact, for the hour's have at most twelve decimals.
        (dam.dam_energy_usd * 0.25)::decimal(38, 15) as dam_energy_usd,
        {% for service in services() -%}
        (dam.dam_as_{{ service.name }}_usd * 0.25)::decimal(38, 15) as dam_as_{{ service.name }}_usd,
        coalesce(dam.{{ service.name }}_awarded_mw, 0)::decimal(28, 6) as {{ service.name }}_dam_mw,
        {{ nano('telemetry.' ~ service.name ~ '_award_nano') }} as rt_{{ service.name }}_award_mw,
        services.{{ service.name }} as rt_{{ service.name }}_mcpc_usd_mw,
        {% endfor -%}
        case when telemetry.covered_us > 0 then {{ nano('telemetry.out_nano') }} end as out_mwh,
        case when telemetry.covered_us > 0 and is_whole then {{ nano('telemetry.in_nano') }} end as in_mwh,
        coalesce(telemetry.covered_us, 0) as covered_us,
        coalesce(telemetry.runs, 0) as sced_runs,
        coalesce(telemetry.missing_runs, 0) as missing_sced_runs,
        energy.stated.price as rt_spp_usd_mwh,
        energy.stated.vintage as rt_spp_vintage,
        dam.is_price_corrected,
        dam.is_load_missing,
        greatest(dam.published_at, telemetry.published_at) as disclosed_at,
        greatest(
            energy.stated.published_at, case when grid.is_rtcb then services.published_at end, dam.price_corrected_at
        ) as prices_published_at,
        coalesce(dam.is_simulated, false) or coalesce(telemetry.is_simulated, false)
        or coalesce(energy.stated.is_simulated, false) or coalesce(grid.is_rtcb and services.is_simulated, false) as is_simulated
    from grid
    left join hours as dam on grid.resource = dam.resource and grid.quarter // 4 = dam.hour
    left join {{ ref('int_bess_quarters') }} as telemetry
        on grid.resource = telemetry.resource and grid.quarter = telemetry.quarter
    left join energy_prices as energy on dam.settlement_point = energy.location and grid.quarter = energy.quarter
    left join service_prices as services on grid.quarter = services.quarter
),

priced as (
    select
        *,
        case
            when has_dam and in_mwh is not null
                then {{ usd('out_mwh::decimal(32, 9) - in_mwh - (bought_or_sold_mw * 0.25)::decimal(32, 9)', 'rt_spp_usd_mwh') }}
        end as rt_energy_usd,
        {% for service in services() -%}
        case
            when not is_rtcb then 0::decimal(38, 15)
            when has_dam
                then {{ usd('((rt_' ~ service.name ~ '_award_mw::decimal(32, 9) - ' ~ service.name ~ '_dam_mw) * 0.25)::decimal(32, 9)', 'rt_' ~ service.name ~ '_mcpc_usd_mw') }}
        end as rt_as_{{ service.name }}_usd,
        {% endfor -%}
    from joined
),

summed as (
    select
        *,
        {% for side in ['dam', 'rt'] -%}
        {% for service in services() %}{{ side }}_as_{{ service.name }}_usd{{ ' + ' if not loop.last }}{% endfor %} as {{ side }}_as_usd,
        {% endfor -%}
        {% for leaf in leaf_components() %}coalesce({{ leaf }}, 0){{ ' + ' if not loop.last }}{% endfor %} as known_usd,
        case when not has_dam then 1 else 0 end
        + case when has_dam and ({% for leaf in leaf_components()[:6] %}{{ leaf }} is null{{ ' or ' if not loop.last }}{% endfor %}) then 2 else 0 end
        + case when covered_us = 0 then 4 else 0 end
        + case when covered_us between 1 and {{ quarter_us() }} - 1 then 8 else 0 end
        + case when has_dam and in_mwh is not null and rt_energy_usd is null then 16 else 0 end
        + case when is_rtcb and kind = 'esr' and covered_us > 0 and rt_regup_award_mw is null then 32 else 0 end
        + case when is_rtcb and has_dam and rt_regup_award_mw is not null
            and ({% for leaf in leaf_components()[7:] %}{{ leaf }} is null{{ ' or ' if not loop.last }}{% endfor %}) then 64 else 0 end
        + case when is_paired then 128 else 0 end
        + case when kind = 'gen' and not is_whole then 256 else 0 end
        + case when is_load_missing then 512 else 0 end
        + case when operating_day = {{ rtcb_from() }} then 1024 else 0 end
        + case when is_price_corrected then 2048 else 0 end as caveat_bits
    from priced
),

texts as (
    {{ caveat_texts() }}
)

select
    summed.resource,
    summed.operating_day,
    make_timestamptz(summed.quarter * {{ quarter_us() }}) as interval_start,
    make_timestamptz((summed.quarter + 1) * {{ quarter_us() }}) as interval_end,
    summed.settlement_point,
    {% for component in statement_components() -%}
    summed.{{ component }}::decimal(38, 15) as {{ component }},
    {% endfor -%}
    summed.known_usd::decimal(38, 15) as known_usd,
    (summed.dam_energy_usd + summed.dam_as_usd + summed.rt_energy_usd + summed.rt_as_usd)::decimal(38, 15) as total_usd,
    summed.out_mwh as discharged_mwh,
    summed.in_mwh as charged_mwh,
    summed.out_mwh - summed.in_mwh as net_mwh,
    summed.dam_awarded_mw,
    summed.dam_spp_usd_mwh,
    summed.rt_spp_usd_mwh,
    summed.rt_spp_vintage,
    {% for service in services() -%}
    summed.rt_{{ service.name }}_award_mw,
    {% endfor -%}
    summed.covered_us / {{ quarter_us() }} as coverage,
    summed.sced_runs,
    summed.missing_sced_runs,
    summed.pairing,
    summed.disclosed_at,
    summed.prices_published_at,
    summed.is_simulated,
    summed.is_rtcb,
    summed.caveat_bits::integer as caveat_bits,
    texts.caveats
from summed
inner join texts on summed.is_rtcb = texts.is_rtcb and summed.caveat_bits = texts.caveat_bits
