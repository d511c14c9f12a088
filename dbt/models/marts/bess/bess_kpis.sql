-- Efficiency is taken over many cycles, because in a day the charge at both ends weighs more than the losses. What is left of
-- that over 30 days is corrected where the capacity is known: with equal losses on both ways, x = sqrt(efficiency) solves
-- charge * x^2 - stored * x - discharge = 0, where stored = rise of the state of charge * capacity. The rise is added up
-- day by day, so a day without data leaves out its energy and its rise alike. Days whose power is covered by less than 98 %
-- are left out: energy that went unseen would look like a loss. Counters see it all the same and need no such limit.
-- One full cycle is asked for at least, and five where the stored charge can't be corrected for.
{%- set window_days = 30 %}
with days as (
    select
        *,
        charge_kwh is not null and discharge_kwh is not null and energy_coverage >= 0.98 as is_measured
    from {{ ref('bess_days') }}
),

windowed as (
    select
        *,
        sum(charge_kwh) filter (where is_measured) over thirty_days as window_charge_kwh,
        sum(discharge_kwh) filter (where is_measured) over thirty_days as window_discharge_kwh,
        sum(full_cycles) filter (where is_measured) over thirty_days as window_full_cycles,
        sum(soc_last_pct - soc_first_pct) filter (where is_measured) over thirty_days * capacity_kwh / 100 as window_stored_kwh,
        count(*) filter (where is_measured) over thirty_days as window_days_measured
    from days
    window thirty_days as (
        partition by asset_id order by local_date
        range between interval {{ window_days - 1 }} days preceding and current row
    )
),

rated as (
    select
        *,
        case
            when window_full_cycles >= case when window_stored_kwh is null then 5 else 1 end
                and window_charge_kwh > 0 and window_discharge_kwh > 0
                then case
                    when window_stored_kwh is null then window_discharge_kwh / window_charge_kwh
                    else power(
                        (window_stored_kwh + sqrt(window_stored_kwh ^ 2 + 4 * window_charge_kwh * window_discharge_kwh))
                        / (2 * window_charge_kwh),
                        2
                    )
                end
        end as round_trip_efficiency
    from windowed
),

declared as (
    select asset_id, count(*) as signals from {{ ref('stg_shared__signals') }} group by asset_id
)

select
    rated.asset_id,
    local_date,
    interval_start,
    interval_end,
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
    pcs_charge_kwh,
    pcs_discharge_kwh,
    aux_kwh,
    capacity_kwh,
    full_cycles,
    round_trip_efficiency,
    case
        when round_trip_efficiency is null then null
        when window_stored_kwh is null then 'energy out / energy in'
        else 'energy out / energy in, corrected for stored charge'
    end as round_trip_method,
    {{ window_days }} as round_trip_window_days,
    window_days_measured as round_trip_days_measured,
    window_full_cycles as round_trip_full_cycles,
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
    alarms,
    reported_seconds,
    availability,
    -- Over the signals that are declared now: one that is declared later counts in the days before it too.
    rated.coverage_sum / declared.signals as coverage
from rated
inner join declared on rated.asset_id = declared.asset_id
