-- Rules over counters and energy.
with spans as (
    select * from {{ ref('int_spans') }}
),

changed_signals as (
    select distinct asset_id, signal from spans
),

events as (
    select
        events.*,
        lod.local_date,
        -- By the instant of the event, as the span of one begins where the one before it ended.
        case when events.kind = 'freeze' then greatest(events.span_start, lod.bucket_start) else events.occurred_at end as interval_start
    from {{ ref('counter_events') }} as events
    inner join spans
        on events.asset_id = spans.asset_id
        and events.signal = spans.signal
        and events.occurred_at >= spans.rebuild_from
        and events.occurred_at < spans.rebuild_to
    inner join {{ ref('lod_1d') }} as lod
        on events.asset_id = lod.asset_id
        and events.signal = lod.signal
        and events.occurred_at >= lod.bucket_start
        and events.occurred_at < lod.bucket_end
),

quarters as (
    select
        energy.asset_id,
        energy.signal,
        lod.local_date,
        lod.bucket_start,
        lod.bucket_end,
        assets.power_limit_kw,
        assets.has_power_limit,
        max(abs(energy.energy_kwh)) filter (where not energy.is_estimated)::double * 4 as highest_kw,
        arg_max(energy.interval_start, row(abs(energy.energy_kwh), -epoch_us(energy.interval_start))) filter (where not energy.is_estimated) as highest_at,
        coalesce(sum(energy.energy_kwh) filter (where energy.is_estimated), 0)::double as estimated_kwh,
        sum(energy.energy_kwh)::double as energy_kwh,
        bool_or(energy.is_estimated) as is_estimated
    from {{ ref('energy_15min') }} as energy
    inner join spans
        on energy.asset_id = spans.asset_id
        and energy.signal = spans.signal
        and energy.interval_start >= spans.rebuild_from
        and energy.interval_start < spans.rebuild_to
    inner join {{ ref('stg_shared__assets') }} as assets on energy.asset_id = assets.asset_id
    asof inner join (
        select asset_id, signal, local_date, interval_start as bucket_start, interval_end as bucket_end
        from {{ ref('energy_1d') }}
    ) as lod
        on energy.asset_id = lod.asset_id and energy.signal = lod.signal and energy.interval_start >= lod.bucket_start
    group by all
),

registers as (
    select
        energy.asset_id,
        energy.signal,
        min(energy.interval_start) as interval_start,
        max(energy.interval_end) as interval_end,
        count(*) as days,
        min(energy.energy_kwh) as lowest,
        max(energy.energy_kwh) as highest
    from {{ ref('energy_1d') }} as energy
    semi join changed_signals on energy.asset_id = changed_signals.asset_id and energy.signal = changed_signals.signal
    inner join {{ ref('stg_shared__signals') }} as signals
        on energy.asset_id = signals.asset_id and energy.signal = signals.signal
    where signals.kind = 'counter'
    group by energy.asset_id, energy.signal
)

select
    case kind when 'spike' then 'spike' else 'counter_step' end as rule,
    case when kind in ('correction', 'rollover') then 'info' else 'warning' end as severity,
    asset_id,
    signal,
    interval_start,
    occurred_at as interval_end,
    size::double as value,
    case kind
        when 'spike' then format('{} jumped by {} {} at {} UTC and came back; {} sample(s) are left out.', signal, size::varchar, unit, strftime(occurred_at, '%Y-%m-%d %H:%M:%S'), samples_left_out)
        when 'reset' then format('{} fell from {} to {} {} at {} UTC: a new register, whose first value is not added.', signal, value_before::varchar, value_after::varchar, unit, strftime(occurred_at, '%Y-%m-%d %H:%M:%S'))
        when 'correction' then format('{} was set back by {} {} at {} UTC; the net change is counted.', signal, abs(size)::varchar, unit, strftime(occurred_at, '%Y-%m-%d %H:%M:%S'))
        when 'freeze' then format('{} stood still from {} and caught up by {} {} at {} UTC; the energy is spread over that time.', signal, strftime(span_start, '%Y-%m-%d %H:%M:%S'), size::varchar, unit, strftime(occurred_at, '%Y-%m-%d %H:%M:%S'))
        when 'rollover' then format('{} rolled over from {} to {} {} at {} UTC; {} {} are counted.', signal, value_before::varchar, value_after::varchar, unit, strftime(occurred_at, '%Y-%m-%d %H:%M:%S'), size::varchar, unit)
        when 'jump' then format('{} rose by {} {} from {} to {} UTC, more than the connection can deliver in that time; it is counted as an estimate.', signal, size::varchar, unit, strftime(span_start, '%Y-%m-%d %H:%M:%S'), strftime(occurred_at, '%Y-%m-%d %H:%M:%S'))
        when 'gap' then format('{} has no sample from {} to {} UTC; its rise of {} {} is spread over the last three years of that.', signal, strftime(span_start, '%Y-%m-%d'), strftime(occurred_at, '%Y-%m-%d %H:%M:%S'), size::varchar, unit)
    end as message
from events
union all
select
    'power_limit',
    case when has_power_limit then 'warning' else 'info' end,
    asset_id,
    signal,
    bucket_start,
    bucket_end,
    highest_kw,
    format(
        '{} took {:.3f} kW over the quarter of an hour from {} UTC, above the {} of {:.2f} kW.',
        signal, highest_kw, strftime(highest_at, '%Y-%m-%d %H:%M'),
        case when has_power_limit then 'connection limit' else 'default connection limit' end, power_limit_kw
    )
from quarters
inner join {{ ref('stg_shared__signals') }} as signals using (asset_id, signal)
-- The rule over values checks mean power directly.
where highest_kw > power_limit_kw and signals.kind <> 'interval_mean'
union all
select
    'estimated_energy',
    'info',
    asset_id,
    signal,
    bucket_start,
    bucket_end,
    estimated_kwh,
    format('{:.3f} of {:.3f} kWh of {} on {} lie in quarters of an hour with an estimate.', estimated_kwh, energy_kwh, signal, local_date)
from quarters
inner join {{ ref('stg_shared__signals') }} as signals using (asset_id, signal)
-- Where no status says so, an interval value is estimated because it is longer than a day by its nature.
where is_estimated and (signals.kind = 'counter' or signals.estimated_statuses is not null)
union all
select
    'dead_register',
    'info',
    asset_id,
    signal,
    interval_start,
    interval_end,
    days,
    format('{} never moved in {} days with samples.', signal, days)
from registers
where days >= 7 and lowest = 0 and highest = 0
