{{ config(needs=['bess_observations']) }}

-- Rules over the state of charge, sample by sample. A gauge stands still under current where more charge went in or out than
-- moves it by one and a half of its steps elsewhere that day, or where it never moved in a day with 15 minutes above 50 A.
-- (That a coarse gauge shows one value for a while is no fault.)
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
        soc.value as soc_pct,
        -- Decimals of a gauge do not survive subtraction in binary.
        round(soc.value - soc.value_before, 6) as step_pct,
        (soc.at_us - soc.before_us) / 1000000 as seconds,
        case when currents.until_us >= soc.before_us then currents.current_a end as current_a
    from soc
    asof left join currents on soc.asset_id = currents.asset_id and soc.before_us >= currents.at_us
),

-- Stretches in which the gauge shows one value: a change, or a gap, begins the next.
numbered as (
    select
        *,
        sum(case when step_pct = 0 then 0 else 1 end) over (
            partition by asset_id, signal, local_date order by at_us rows unbounded preceding
        ) as stretch
    from steps
),

stretches as (
    select
        asset_id,
        signal,
        local_date,
        stretch,
        abs(sum(current_a * seconds) filter (where step_pct = 0)) as charge_as,
        sum(seconds) filter (where step_pct = 0) as seconds,
        sum(seconds) filter (where step_pct = 0 and abs(current_a) > 50) as loaded_seconds,
        any_value(soc_pct) as soc_pct,
        min(at_us) as from_us
    from numbered
    group by all
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
        sum(abs(step_pct)) as moved_pct,
        min(abs(step_pct)) filter (where step_pct <> 0) as resolution_pct,
        -- What moves the gauge by one point, learnt from the day itself.
        sum(abs(current_a) * seconds) filter (where current_a is not null) / nullif(sum(abs(step_pct)) filter (where current_a is not null), 0) as as_per_pct
    from steps
    group by asset_id, signal, local_date, day_start, day_end
),

flat as (
    select
        daily.*,
        stretches.from_us,
        stretches.seconds,
        stretches.soc_pct,
        stretches.charge_as / (daily.as_per_pct * daily.resolution_pct) as missed_steps
    from daily
    inner join stretches
        on daily.asset_id = stretches.asset_id
        and daily.signal = stretches.signal
        and daily.local_date = stretches.local_date
    -- Full and empty batteries take and give a little without moving.
    where stretches.soc_pct between 1 and 99
        and (
            daily.moved_pct >= 10
            and stretches.charge_as >= 1.5 * daily.as_per_pct * daily.resolution_pct
            or daily.moved_pct = 0 and stretches.loaded_seconds >= 900
        )
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
    sum(seconds),
    format(
        '{} stood still under current in {} stretch(es) of {}, {:.1f} min in all; the first at {:g} % from {} UTC.',
        signal, count(*), local_date, sum(seconds) / 60,
        arg_min(soc_pct, from_us), strftime(make_timestamptz(min(from_us)), '%H:%M:%S')
    )
from flat
group by asset_id, signal, local_date, day_start, day_end
