{{ config(needs=['bess_observations']) }}

-- Rules over what several signals of a battery say at the same instant.
with dated as (
    select samples.*, days.local_date, days.day_start, days.day_end
    from {{ ref('int_bess_samples') }} as samples
    asof inner join {{ ref('int_asset_days') }} as days
        on samples.asset_id = days.asset_id and samples.at_us >= days.day_start_us
    where samples.at_us < days.day_end_us
),

instants as (
    select
        asset_id,
        local_date,
        day_start,
        day_end,
        at_us,
        {% for cell in ['cell_v', 'cell_t'] -%}
        max(value) filter (where role = '{{ cell }}_max') as {{ cell }}_max,
        min(value) filter (where role = '{{ cell }}_min') as {{ cell }}_min,
        any_value(value) filter (where role = '{{ cell }}_avg') as {{ cell }}_avg,
        any_value(value) filter (where role = '{{ cell }}_spread') as {{ cell }}_spread,
        {% endfor -%}
        sum(value) filter (where role = 'rack_current') as racks_a,
        count(*) filter (where role = 'rack_current') as racks,
        sum(value) filter (where role = 'pack_current') as pack_a
    from dated
    where role <> 'soc' and kind <> 'alarm' and value is not null
    group by all
),

-- Readings of one poll are rounded apart: a unit of the last digit is no finding.
compared as (
    select
        *,
        cell_v_avg < cell_v_min - 0.001 or cell_v_avg > cell_v_max + 0.001
        or cell_t_avg < cell_t_min - 1 or cell_t_avg > cell_t_max + 1 as is_disordered,
        greatest(cell_v_min - cell_v_avg, cell_v_avg - cell_v_max) as disorder_v,
        case when abs(cell_v_spread - (cell_v_max - cell_v_min)) > 0.0015 then abs(cell_v_spread - (cell_v_max - cell_v_min)) end as spread_off_v,
        -- Rounded: sums of floating-point numbers differ in the last digits from run to run.
        case
            when racks > 1 and round(abs(racks_a - pack_a), 6) > round(greatest(0.01 * abs(pack_a), 1), 6)
                then round(abs(racks_a - pack_a), 6)
        end as racks_off_a
    from instants
),

daily as (
    select
        asset_id,
        local_date,
        day_start,
        day_end,
        count(*) filter (where is_disordered) as disordered,
        max(disorder_v) filter (where is_disordered) as disorder_v,
        count(spread_off_v) as spread_off,
        max(spread_off_v) as spread_off_v,
        count(racks_off_a) as racks_off,
        max(racks_off_a) as racks_off_a,
        count(*) filter (where racks > 1 and pack_a is not null) as racks_compared
    from compared
    group by all
)

select
    'cell_order' as rule,
    'warning' as severity,
    asset_id,
    '' as signal,
    day_start as interval_start,
    day_end as interval_end,
    disordered as value,
    format('At {} instants of {} the mean cell lay outside of the lowest and the highest.', disordered, local_date) as message
from daily
where disordered > 0
union all
select
    'spread_mismatch',
    'warning',
    asset_id,
    '',
    day_start,
    day_end,
    spread_off_v,
    format(
        'At {} instants of {} the reported cell spread differs from highest less lowest, by up to {:.3f} V.',
        spread_off, local_date, spread_off_v
    )
from daily
where spread_off > 0
union all
select
    'rack_sum',
    'warning',
    asset_id,
    '',
    day_start,
    day_end,
    racks_off_a,
    format(
        'At {} of {} instants of {} the rack currents do not add up to the total; the largest difference is {:.1f} A.',
        racks_off, racks_compared, local_date, racks_off_a
    )
from daily
where racks_off > 0
