{{ config(rebuild_by='asset_day', bounded=true) }}

with days as (
    select days.*, assets.capacity_kwh
    from {{ ref('int_asset_days') }} as days
    inner join {{ ref('stg_shared__assets') }} as assets on days.asset_id = assets.asset_id
    where assets.domain = 'bess'
),

levels as (
    select
        days.local_date,
        signals.role,
        {{ kw_per_unit('signals.unit') }} as kw_per_unit,
        coalesce({{ volts_per_unit('signals.unit') }}, 0) as volts_per_unit,
        {{ is_celsius('signals.unit') }} as is_celsius,
        lod.*
    from {{ ref('lod_1d') }} as lod
    inner join {{ ref('stg_shared__signals') }} as signals on lod.asset_id = signals.asset_id and lod.signal = signals.signal
    inner join days on lod.asset_id = days.asset_id and lod.bucket_start = days.day_start
),

figures as (
    select
        asset_id,
        local_date,
        sum(coverage) as coverage_sum,
        max(covered_s) as reported_seconds,
        min(min) filter (where role = 'soc') as soc_min_pct,
        max(max) filter (where role = 'soc') as soc_max_pct,
        sum(value_seconds) filter (where role = 'soc') / nullif(sum(covered_s) filter (where role = 'soc'), 0) as soc_mean_pct,
        arg_min(first, first_at) filter (where role = 'soc') as soc_first_pct,
        arg_max(last, last_at) filter (where role = 'soc') as soc_last_pct,
        arg_max(last, last_at) filter (where role = 'soh') as soh_pct,
        -- Power that discharges is counted where it is positive, power that charges where it is negative; the other way
        -- round for a signal that is declared as charging power.
        sum(value_seconds_positive * kw_per_unit) filter (where role = 'battery_discharge_power') / 3600 as battery_out_kwh,
        -sum(value_seconds_negative * kw_per_unit) filter (where role = 'battery_discharge_power') / 3600 as battery_in_kwh,
        min(coverage) filter (where role = 'battery_discharge_power') as battery_coverage,
        -sum(value_seconds_negative * kw_per_unit) filter (where role = 'battery_charge_power') / 3600 as charger_out_kwh,
        sum(value_seconds_positive * kw_per_unit) filter (where role = 'battery_charge_power') / 3600 as charger_in_kwh,
        min(coverage) filter (where role = 'battery_charge_power') as charger_coverage,
        sum(value_seconds_positive * kw_per_unit) filter (where role = 'pcs_power') / 3600 as pcs_out_kwh,
        -sum(value_seconds_negative * kw_per_unit) filter (where role = 'pcs_power') / 3600 as pcs_in_kwh,
        min(coverage) filter (where role = 'pcs_power') as pcs_coverage,
        sum(value_seconds_positive * kw_per_unit) filter (where role = 'aux_power') / 3600 as aux_power_kwh,
        max(max * volts_per_unit) filter (where role = 'cell_v_spread' and volts_per_unit > 0) as cell_v_spread_max_v,
        max(max * volts_per_unit) filter (where role in ('cell_v_max', 'cell_v') and volts_per_unit > 0) as cell_v_max_v,
        min(min * volts_per_unit) filter (where role in ('cell_v_min', 'cell_v') and volts_per_unit > 0) as cell_v_min_v,
        max(max) filter (where role in ('cell_t_max', 'cell_t', 'cell_t_avg') and is_celsius) as cell_t_max_c,
        min(min) filter (where role in ('cell_t_min', 'cell_t', 'cell_t_avg') and is_celsius) as cell_t_min_c,
        avg(mean_time_weighted) filter (where role = 'cell_t_avg' and is_celsius) as cell_t_mean_c,
        max(max) filter (where role = 'cell_t_spread') as cell_t_spread_max_k,
        max(max) filter (where role = 'pcs_temperature' and is_celsius) as pcs_t_max_c,
        avg(mean_time_weighted) filter (where role = 'pcs_temperature' and is_celsius) as pcs_t_mean_c,
        avg(mean_time_weighted) filter (where role = 'ambient_temperature' and is_celsius) as ambient_t_mean_c,
        max(max) filter (where role = 'ambient_temperature' and is_celsius) as ambient_t_max_c,
        avg(mean_time_weighted) filter (where role = 'outside_temperature' and is_celsius) as outside_t_mean_c,
        avg(mean_time_weighted) filter (where role = 'ambient_humidity') as ambient_humidity_mean_pct,
        avg(mean_time_weighted) filter (where role = 'coolant_supply_temperature' and is_celsius) as coolant_supply_t_mean_c,
        avg(mean_time_weighted) filter (where role = 'coolant_return_temperature' and is_celsius) as coolant_return_t_mean_c,
        sum(seconds_active) filter (where kind = 'alarm') as alarm_seconds,
        sum(seconds_active) filter (where role = 'alarm_code' and kind = 'code') as alarm_code_seconds,
        list_sort(list(signal) filter (where seconds_active > 0 and (kind = 'alarm' or role = 'alarm_code'))) as alarms,
        count(*) filter (where kind = 'alarm' or role = 'alarm_code') > 0 as has_alarms
    from levels
    group by asset_id, local_date
),

energies as (
    select
        energy.asset_id,
        energy.local_date,
        sum(energy.energy_kwh) filter (where signals.role = 'charge_energy')::double as charge_kwh,
        sum(energy.energy_kwh) filter (where signals.role = 'discharge_energy')::double as discharge_kwh,
        sum(energy.energy_kwh) filter (where signals.role = 'aux_energy')::double as aux_kwh
    from {{ ref('energy_1d') }} as energy
    inner join {{ ref('stg_shared__signals') }} as signals on energy.asset_id = signals.asset_id and energy.signal = signals.signal
    inner join days on energy.asset_id = days.asset_id and energy.interval_start = days.day_start
    where signals.role in ('charge_energy', 'discharge_energy', 'aux_energy')
    group by energy.asset_id, energy.local_date
),

joined as (
    select
        days.asset_id,
        days.local_date,
        days.day_start as interval_start,
        days.day_end as interval_end,
        (days.day_end_us - days.day_start_us) / 1000000 as day_seconds,
        days.capacity_kwh,
        case
            when energies.charge_kwh is not null and energies.discharge_kwh is not null then 'counter'
            when figures.battery_out_kwh is not null then 'battery_power'
            when figures.charger_out_kwh is not null then 'charger_power'
            when figures.pcs_out_kwh is not null then 'pcs_power'
        end as energy_method,
        figures.* exclude (asset_id, local_date, cell_v_spread_max_v),
        coalesce(figures.cell_v_spread_max_v, spread.cell_v_spread_max_v) as cell_v_spread_max_v,
        energies.charge_kwh as counted_in_kwh,
        energies.discharge_kwh as counted_out_kwh,
        coalesce(energies.aux_kwh, figures.aux_power_kwh) as aux_kwh,
        soc.soc_down_pct,
        case when figures.has_alarms then coalesce(alarm.alarm_any_seconds, 0) end as alarm_any_seconds
    from days
    inner join figures on days.asset_id = figures.asset_id and days.local_date = figures.local_date
    left join energies on days.asset_id = energies.asset_id and days.local_date = energies.local_date
    left join {{ ref('int_bess_cell_spread_1d') }} as spread on days.asset_id = spread.asset_id and days.local_date = spread.local_date
    left join {{ ref('int_bess_soc_1d') }} as soc on days.asset_id = soc.asset_id and days.local_date = soc.local_date
    left join {{ ref('int_bess_alarm_1d') }} as alarm on days.asset_id = alarm.asset_id and days.local_date = alarm.local_date
),

measured as (
    select
        *,
        case energy_method
            when 'counter' then counted_in_kwh
            when 'battery_power' then battery_in_kwh
            when 'charger_power' then charger_in_kwh
            when 'pcs_power' then pcs_in_kwh
        end as charge_kwh,
        case energy_method
            when 'counter' then counted_out_kwh
            when 'battery_power' then battery_out_kwh
            when 'charger_power' then charger_out_kwh
            when 'pcs_power' then pcs_out_kwh
        end as discharge_kwh,
        case energy_method
            when 'counter' then 1.0
            when 'battery_power' then battery_coverage
            when 'charger_power' then charger_coverage
            when 'pcs_power' then pcs_coverage
        end as energy_coverage
    from joined
)

select
    asset_id,
    local_date,
    interval_start,
    interval_end,
    capacity_kwh,
    soc_min_pct,
    soc_max_pct,
    soc_mean_pct,
    soc_first_pct,
    soc_last_pct,
    soc_down_pct,
    soh_pct,
    charge_kwh,
    discharge_kwh,
    energy_method,
    energy_coverage,
    pcs_in_kwh as pcs_charge_kwh,
    pcs_out_kwh as pcs_discharge_kwh,
    aux_kwh,
    coalesce(discharge_kwh / nullif(capacity_kwh, 0), soc_down_pct / 100) as full_cycles,
    cell_v_spread_max_v,
    cell_v_max_v,
    cell_v_min_v,
    cell_t_max_c,
    cell_t_min_c,
    cell_t_mean_c,
    cell_t_spread_max_k,
    pcs_t_max_c,
    pcs_t_mean_c,
    ambient_t_mean_c,
    ambient_t_max_c,
    outside_t_mean_c,
    ambient_humidity_mean_pct,
    coolant_supply_t_mean_c,
    coolant_return_t_mean_c,
    alarm_seconds,
    alarm_code_seconds,
    alarm_any_seconds,
    case when has_alarms then coalesce(alarms, []) end as alarms,
    -- Reporting: its best covered signal is covered. Available: reporting, and no alarm flag or code known to be active.
    reported_seconds,
    greatest(reported_seconds - coalesce(alarm_any_seconds, 0), 0) / day_seconds as availability,
    coverage_sum
from measured
