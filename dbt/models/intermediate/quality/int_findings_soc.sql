-- Rules over the state of charge, sample by sample.
with soc as (
    select samples.*, days.local_date, days.day_start, days.day_end
    from {{ ref('int_bess_samples') }} as samples
    asof inner join {{ ref('int_asset_days') }} as days
        on samples.asset_id = days.asset_id and samples.at_us >= days.day_start_us
    where samples.role = 'soc' and samples.at_us < days.day_end_us and samples.value_before is not null
),

currents as (
    select asset_id, at_us, until_us, sum(value) as current_a
    from {{ ref('int_bess_samples') }}
    where role = 'pack_current'
    group by all
),

steps as (
    select
        soc.asset_id,
        soc.signal,
        soc.local_date,
        soc.day_start,
        soc.day_end,
        soc.at_us,
        soc.value - soc.value_before as step_pct,
        (soc.at_us - soc.before_us) / 1000000 as seconds,
        case when currents.until_us >= soc.before_us then currents.current_a end as current_a
    from soc
    asof left join currents on soc.asset_id = currents.asset_id and soc.before_us >= currents.at_us
),

daily as (
    select
        asset_id,
        signal,
        local_date,
        day_start,
        day_end,
        arg_max(step_pct, row(abs(step_pct), -at_us)) filter (where abs(step_pct) >= 10 and seconds <= 300) as step_pct,
        arg_max(seconds, row(abs(step_pct), -at_us)) filter (where abs(step_pct) >= 10 and seconds <= 300) as step_seconds,
        arg_max(at_us, row(abs(step_pct), -at_us)) filter (where abs(step_pct) >= 10 and seconds <= 300) as step_us,
        count(*) filter (where step_pct = 0 and abs(current_a) > 50) as flat,
        sum(seconds) filter (where step_pct = 0 and abs(current_a) > 50 and seconds <= 900) as flat_seconds
    from steps
    group by all
)

select
    'soc_step' as rule,
    'warning' as severity,
    asset_id,
    signal,
    day_start as interval_start,
    day_end as interval_end,
    step_pct as value,
    format(
        '{} moved by {:g} points within {:.0f} s at {} UTC.',
        signal, step_pct, step_seconds, strftime(make_timestamptz(step_us), '%Y-%m-%d %H:%M:%S')
    ) as message
from daily
where step_pct is not null
union all
select
    'soc_flat_under_current',
    'warning',
    asset_id,
    signal,
    day_start,
    day_end,
    flat_seconds,
    format('{} did not move in {} samples of {} ({:.0f} min) under more than 50 A.', signal, flat, local_date, flat_seconds / 60)
from daily
where flat_seconds >= 900
