-- Rules over the energy of an asset's local day and over a battery's history.
with powers as (
    select
        lod.asset_id,
        lod.local_date,
        lod.bucket_start,
        lod.bucket_end,
        {% for role in ['grid_power', 'load_power', 'pv_power', 'battery_discharge_power'] -%}
        sum(lod.mean_time_weighted * {{ kw_per_unit('lod.unit') }}) filter (where signals.role = '{{ role }}') as {{ role }}_kw,
        sum(lod.value_seconds_positive * {{ kw_per_unit('lod.unit') }}) filter (where signals.role = '{{ role }}') / 3600 as {{ role }}_out_kwh,
        -sum(lod.value_seconds_negative * {{ kw_per_unit('lod.unit') }}) filter (where signals.role = '{{ role }}') / 3600 as {{ role }}_in_kwh,
        min(lod.coverage) filter (where signals.role = '{{ role }}') as {{ role }}_coverage{{ ',' if not loop.last }}
        {% endfor -%}
    from {{ ref('lod_1d') }} as lod
    inner join {{ ref('stg_shared__signals') }} as signals on lod.asset_id = signals.asset_id and lod.signal = signals.signal
    inner join {{ ref('int_asset_days') }} as days on lod.asset_id = days.asset_id and lod.bucket_start = days.day_start
    where signals.role in ('grid_power', 'load_power', 'pv_power', 'battery_discharge_power')
        and signals.kind in ('instant', 'interval_mean')
    group by lod.asset_id, lod.local_date, lod.bucket_start, lod.bucket_end
),

counted as (
    select
        energy.asset_id,
        energy.local_date,
        signals.role,
        sum(energy.energy_kwh)::double as energy_kwh,
        min(energy.coverage) as coverage,
        bool_or(energy.is_estimated) as is_estimated
    from {{ ref('energy_1d') }} as energy
    inner join {{ ref('stg_shared__signals') }} as signals on energy.asset_id = signals.asset_id and energy.signal = signals.signal
    inner join {{ ref('int_asset_days') }} as days on energy.asset_id = days.asset_id and energy.interval_start = days.day_start
    where signals.role in ('import_energy', 'export_energy', 'pv_energy', 'charge_energy', 'discharge_energy')
    group by energy.asset_id, energy.local_date, signals.role
),

compared as (
    select
        powers.*,
        counted.role,
        counted.energy_kwh,
        case counted.role
            when 'import_energy' then grid_power_out_kwh
            when 'export_energy' then grid_power_in_kwh
            when 'pv_energy' then pv_power_out_kwh
            when 'discharge_energy' then battery_discharge_power_out_kwh
            when 'charge_energy' then battery_discharge_power_in_kwh
        end as integrated_kwh
    from powers
    inner join counted on powers.asset_id = counted.asset_id and powers.local_date = counted.local_date
    where not counted.is_estimated
        and counted.coverage >= 0.98
        and case counted.role
            when 'pv_energy' then pv_power_coverage
            when 'import_energy' then grid_power_coverage
            when 'export_energy' then grid_power_coverage
            else battery_discharge_power_coverage
        end >= 0.98
),

health as (
    select
        asset_id,
        local_date,
        interval_start,
        interval_end,
        soh_pct,
        min(soh_pct) over (
            partition by asset_id order by local_date
            range between interval 30 days preceding and interval 1 day preceding
        ) as lowest_soh_pct,
        round_trip_efficiency,
        round_trip_full_cycles
    from {{ ref('bess_kpis') }}
    semi join (select distinct asset_id from {{ ref('int_asset_days') }}) using (asset_id)
)

select
    'power_vs_counter' as rule,
    case when abs(integrated_kwh - energy_kwh) > 0.1 * abs(energy_kwh) then 'warning' else 'info' end as severity,
    asset_id,
    -- Several registers may share a role, so the finding names the role.
    role as signal,
    bucket_start as interval_start,
    bucket_end as interval_end,
    integrated_kwh - energy_kwh as value,
    format(
        'Power adds up to {:.3f} kWh on {}, the counters of {} to {:.3f} kWh.',
        integrated_kwh, local_date, role, energy_kwh
    ) as message
from compared
where abs(integrated_kwh - energy_kwh) > greatest(0.02 * abs(energy_kwh), 0.1)
union all
select
    'energy_balance',
    'warning',
    asset_id,
    '',
    bucket_start,
    bucket_end,
    load_power_kw - pv_power_kw - grid_power_kw - battery_discharge_power_kw,
    format(
        'On {} the load of {:.3f} kW differs by {:.3f} kW from photovoltaic {:.3f}, grid {:.3f} and battery {:.3f} kW.',
        local_date, load_power_kw, load_power_kw - pv_power_kw - grid_power_kw - battery_discharge_power_kw,
        pv_power_kw, grid_power_kw, battery_discharge_power_kw
    )
from powers
where least(load_power_coverage, pv_power_coverage, grid_power_coverage, battery_discharge_power_coverage) >= 0.9
    and abs(load_power_kw - pv_power_kw - grid_power_kw - battery_discharge_power_kw) > greatest(0.1 * abs(load_power_kw), 0.02)
union all
select
    'soh_rise',
    'warning',
    asset_id,
    '',
    interval_start,
    interval_end,
    soh_pct - lowest_soh_pct,
    format('State of health of {:g} % on {}, {:g} points above its lowest of the 30 days before.', soh_pct, local_date, soh_pct - lowest_soh_pct)
from health
where soh_pct - lowest_soh_pct >= 2
union all
select
    'rte_range',
    'warning',
    asset_id,
    '',
    interval_start,
    interval_end,
    round_trip_efficiency,
    format('Round-trip efficiency of {:.3f} on {} over {:.1f} cycles; batteries lie between 0.6 and 1.0.', round_trip_efficiency, local_date, round_trip_full_cycles)
from health
where round_trip_efficiency not between 0.6 and 1.0 or round_trip_efficiency = 1.0
