{{ config(rebuild_by='operating_day', bounded=true) }}

with runs as (
    select
        resource_name as resource,
        operating_day,
        at_us,
        until_us,
        is_simulated,
        mw,
        base_point_mw,
        soc_mwh,
        min_soc_mwh,
        -- An outage row states 0.
        nullif(max_soc_mwh, 0) as max_soc_mwh,
        needed_mwh,
        needed_room_mwh,
        mw * (until_us - at_us) / 3.6e9 as step_mwh
    from {{ ref('int_bess_runs') }}
    where kind in ('esr', 'gen')
),

spans as (
    select
        resource,
        operating_day,
        min(at_us) filter (where soc_mwh is not null) as first_us,
        max(at_us) filter (where soc_mwh is not null) as last_us
    from runs
    group by all
),

figures as (
    select
        runs.resource,
        runs.operating_day,
        count(*) as sced_runs,
        arg_min(soc_mwh, at_us) filter (where soc_mwh is not null) as soc_first_mwh,
        arg_max(soc_mwh, at_us) filter (where soc_mwh is not null) as soc_last_mwh,
        min(soc_mwh) as soc_min_mwh,
        max(soc_mwh) as soc_max_mwh,
        max(max_soc_mwh) as max_soc_mwh,
        -- Between the first and the last state of charge of the day.
        sum(greatest(step_mwh, 0)) filter (where at_us >= first_us and at_us < last_us and mw is not null) as out_mwh,
        -sum(least(step_mwh, 0)) filter (where at_us >= first_us and at_us < last_us and mw is not null) as in_mwh,
        coalesce(sum(until_us - at_us) filter (where at_us >= first_us and at_us < last_us and mw is not null), 0)
        / nullif(any_value(last_us - first_us), 0) as coverage,
        count(*) filter (where soc_mwh < min_soc_mwh) as runs_below_min_soc,
        count(*) filter (where soc_mwh > max_soc_mwh) as runs_above_max_soc,
        count(*) filter (
            where soc_mwh - min_soc_mwh < needed_mwh - {{ soc_tolerance_mwh() }}
            or max_soc_mwh - soc_mwh < needed_room_mwh - {{ soc_tolerance_mwh() }}
        ) as runs_short_for_awards,
        count(abs(mw - base_point_mw)) as base_point_deviation_n,
        median(abs(mw - base_point_mw)) as base_point_deviation_median_mw,
        avg(abs(mw - base_point_mw)) as base_point_deviation_mean_mw,
        max(abs(mw - base_point_mw)) as base_point_deviation_max_mw,
        bool_or(is_simulated) as is_simulated
    from runs
    inner join spans on runs.resource = spans.resource and runs.operating_day = spans.operating_day
    group by runs.resource, runs.operating_day
),

rooted as (
    -- With the same loss both ways, x = sqrt(round trip): in * x - out / x = change of the state of charge.
    select
        *,
        soc_last_mwh - soc_first_mwh as soc_change_mwh,
        case
            when coverage >= {{ soc_coverage() }} and in_mwh > 0.25 * max_soc_mwh and out_mwh > 0.25 * max_soc_mwh
                then (soc_last_mwh - soc_first_mwh + sqrt((soc_last_mwh - soc_first_mwh) ** 2 + 4 * in_mwh * out_mwh)) / (2 * in_mwh)
        end as one_way
    from figures
)

select
    rooted.resource,
    rooted.operating_day,
    days.day_start as interval_start,
    days.day_end as interval_end,
    rooted.sced_runs,
    soc_first_mwh,
    soc_last_mwh,
    soc_change_mwh,
    soc_min_mwh,
    soc_max_mwh,
    max_soc_mwh,
    coverage,
    out_mwh as discharged_mwh,
    in_mwh as charged_mwh,
    one_way ** 2 as implied_round_trip_efficiency,
    -- What a lossless battery would have gained less what the telemetry says it gained.
    case when coverage >= {{ soc_coverage() }} then in_mwh - out_mwh - soc_change_mwh end as lost_mwh,
    case when one_way between 0.7 and 1 then one_way else 1 end as one_way_efficiency_used,
    case when one_way between 0.7 and 1 then 'of the day' else 'lossless' end as efficiency_basis,
    out_mwh / max_soc_mwh as full_cycles,
    runs_below_min_soc,
    runs_above_max_soc,
    runs_short_for_awards,
    base_point_deviation_n,
    base_point_deviation_median_mw,
    base_point_deviation_mean_mw,
    base_point_deviation_max_mw,
    rooted.is_simulated
from rooted
inner join {{ ref('int_market_days') }} as days on rooted.operating_day = days.operating_day
