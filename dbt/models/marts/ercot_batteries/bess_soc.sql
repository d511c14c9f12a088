{{ config(rebuild_by='operating_day', bounded=true) }}

with runs as (
    select
        runs.resource_name as resource,
        runs.operating_day,
        runs.at_us,
        runs.soc_mwh,
        runs.min_soc_mwh,
        nullif(runs.max_soc_mwh, 0) as max_soc_mwh,
        runs.needed_mwh,
        runs.needed_room_mwh,
        runs.is_simulated,
        days.soc_first_mwh,
        days.one_way_efficiency_used,
        days.efficiency_basis,
        case
            when runs.mw > 0 then -runs.mw / days.one_way_efficiency_used
            else -runs.mw * days.one_way_efficiency_used
        end * (runs.until_us - runs.at_us) / 3.6e9 as gain_mwh
    from {{ ref('int_bess_runs') }} as runs
    inner join {{ ref('bess_soc_1d') }} as days
        on runs.resource_name = days.resource and runs.operating_day = days.operating_day
    where runs.kind = 'esr' and days.soc_first_mwh is not null
),

added as (
    -- What was gained before a run, from the first run of the day that states a state of charge.
    select
        *,
        at_us >= anchor_us as is_anchored,
        coalesce(sum(gain_mwh) over (
            partition by resource, operating_day, at_us >= anchor_us order by at_us
            rows between unbounded preceding and 1 preceding
        ), 0) as gained_mwh
    from (
        select *, min(at_us) filter (where soc_mwh is not null) over (partition by resource, operating_day) as anchor_us
        from runs
    ) as anchored
),

last_runs as (
    select
        resource,
        operating_day,
        at_us // {{ quarter_us() }} as quarter,
        max(at_us) as at_us,
        arg_max(soc_mwh, at_us) as soc_telemetered_mwh,
        arg_max(soc_first_mwh + gained_mwh, at_us) as soc_reconstructed_mwh,
        any_value(one_way_efficiency_used) as one_way_efficiency_used,
        any_value(efficiency_basis) as efficiency_basis,
        arg_max(min_soc_mwh, at_us) as min_soc_mwh,
        arg_max(max_soc_mwh, at_us) as max_soc_mwh,
        bool_or(soc_mwh < min_soc_mwh) as is_below_min,
        bool_or(soc_mwh > max_soc_mwh) as is_above_max,
        arg_max(needed_mwh, at_us) as needed_mwh,
        arg_max(needed_room_mwh, at_us) as needed_room_mwh,
        bool_or(
            soc_mwh - min_soc_mwh < needed_mwh - {{ soc_tolerance_mwh() }}
            or max_soc_mwh - soc_mwh < needed_room_mwh - {{ soc_tolerance_mwh() }}
        ) as is_short_for_awards,
        bool_or(is_simulated) as is_simulated
    from added
    where is_anchored and soc_mwh is not null
    group by resource, operating_day, quarter
)

select
    resource,
    operating_day,
    make_timestamptz(quarter * {{ quarter_us() }}) as interval_start,
    make_timestamptz((quarter + 1) * {{ quarter_us() }}) as interval_end,
    make_timestamptz(at_us) as stated_at,
    soc_telemetered_mwh,
    soc_reconstructed_mwh,
    soc_telemetered_mwh - soc_reconstructed_mwh as soc_difference_mwh,
    one_way_efficiency_used,
    efficiency_basis,
    min_soc_mwh,
    max_soc_mwh,
    coalesce(is_below_min, false) as is_below_min,
    coalesce(is_above_max, false) as is_above_max,
    needed_mwh,
    needed_room_mwh,
    coalesce(is_short_for_awards, false) as is_short_for_awards,
    is_simulated
from last_runs
