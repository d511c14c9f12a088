-- Rules over time without a value. A stretch of five minutes or more without one crosses an edge of a 5-minute bucket, so the
-- states of those buckets show every one of them.
with states as (
    select
        window_id,
        last_us,
        until_us as from_us,
        lead(first_us) over (partition by window_id order by first_us) as to_us
    from {{ ref('int_lod_states_5min') }}
),

-- Between two samples of one local day: whatever lands on other days does not change it.
within_days as (
    select lod.asset_id, lod.signal, lod.local_date, lod.bucket_start, lod.bucket_end, states.from_us, states.to_us
    from states
    inner join {{ ref('int_spans') }} as spans
        on states.window_id = spans.window_id and states.last_us >= spans.from_us and states.to_us < spans.to_us
    asof inner join {{ ref('lod_1d') }} as lod
        on spans.asset_id = lod.asset_id
        and spans.signal = lod.signal
        and make_timestamptz(states.last_us) >= lod.bucket_start
    where states.to_us < epoch_us(lod.bucket_end)
        and states.to_us - states.from_us >= {{ 300 * 1000000 }}
),

daily as (
    select
        asset_id,
        signal,
        local_date,
        bucket_start,
        bucket_end,
        count(*) as gaps,
        sum(to_us - from_us) / 1000000 as seconds,
        max(to_us - from_us) / 1000000 as longest_seconds,
        arg_max(from_us, row(to_us - from_us, -from_us)) as longest_from_us -- the first of equally long ones
    from within_days
    group by all
),

changed_signals as (
    select distinct asset_id, signal from {{ ref('int_windows') }}
),

neighbours as (
    select
        lod.asset_id,
        lod.signal,
        lag(lod.bucket_end) over days as last_end,
        lag(lod.covered_until) over days as covered_until,
        lod.first_at,
        lag(lod.local_date) over days as last_date,
        lod.bucket_start,
        lod.local_date,
        -- A register that is read once a month lacks no days.
        greatest(coalesce(ceil(signals.expected_interval_s / 86400), 1), 1) as expected_days
    from {{ ref('lod_1d') }} as lod
    inner join {{ ref('stg_shared__signals') }} as signals on lod.asset_id = signals.asset_id and lod.signal = signals.signal
    semi join changed_signals on lod.asset_id = changed_signals.asset_id and lod.signal = changed_signals.signal
    window days as (partition by lod.asset_id, lod.signal order by lod.local_date)
)

select
    'gap' as rule,
    case when longest_seconds < 3600 then 'info' else 'warning' end as severity,
    asset_id,
    signal,
    bucket_start as interval_start,
    bucket_end as interval_end,
    seconds as value,
    format(
        '{} had no valid value for {:.0f} min on {} in {} gap(s); the longest of {:.0f} min began at {} UTC.',
        signal, seconds / 60, local_date, gaps, longest_seconds / 60, strftime(make_timestamptz(longest_from_us), '%H:%M:%S')
    ) as message
from daily
union all
select
    'missing_days',
    'warning',
    asset_id,
    signal,
    last_end,
    bucket_start,
    local_date - last_date - 1,
    format('{} has no sample on the {} day(s) between {} and {}.', signal, local_date - last_date - 1, last_date, local_date)
from neighbours
where local_date - last_date > expected_days
union all
select
    'gap_overnight',
    case when first_at - covered_until < interval 1 hour then 'info' else 'warning' end,
    asset_id,
    signal,
    covered_until,
    first_at,
    epoch(first_at) - epoch(covered_until),
    format(
        '{} had no valid value for {:.0f} min around midnight from {} to {}.',
        signal, (epoch(first_at) - epoch(covered_until)) / 60, last_date, local_date
    )
from neighbours
where local_date - last_date = 1 and epoch(first_at) - epoch(covered_until) >= 300
