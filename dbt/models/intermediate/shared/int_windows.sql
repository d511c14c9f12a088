-- What is read of each signal: read windows that overlap or touch are one, so that no sample is read twice and none
-- takes a far sample of another window for its neighbour. A full build has one window a signal.
with spans as (
    select asset_id, signal, time_zone, read_from, read_to from {{ source('build', 'changed_spans') }}
),

opened as (
    select
        *,
        max(read_to) over (
            partition by asset_id, signal order by read_from, read_to
            rows between unbounded preceding and 1 preceding
        ) as read_before
    from spans
),

numbered as (
    select
        *,
        sum(case when read_before >= read_from then 0 else 1 end) over (
            partition by asset_id, signal order by read_from, read_to rows unbounded preceding
        ) as island
    from opened
),

merged as (
    select asset_id, signal, any_value(time_zone) as time_zone, min(read_from) as read_from, max(read_to) as read_to
    from numbered
    group by asset_id, signal, island
)

select
    (row_number() over (order by merged.asset_id, merged.signal, merged.read_from))::integer as window_id,
    merged.*,
    signals.kind,
    signals.unit,
    signals.role,
    signals.expected_interval_s,
    signals.max_gap_us,
    signals.estimated_statuses,
    signals.is_code,
    signals.is_flag,
    signals.is_exact,
    signals.is_interval,
    {{ nano_kwh_per_micro('signals.unit') }} as nano_kwh_per_micro,
    case when nano_kwh_per_micro is not null then (assets.power_limit_kw * 1000)::bigint end as power_limit_w,
    {{ micro('signals.rollover_at') }} * coalesce(nano_kwh_per_micro, 1) as rollover
from merged
inner join {{ ref('stg_shared__signals') }} as signals on merged.asset_id = signals.asset_id and merged.signal = signals.signal
inner join {{ ref('stg_shared__assets') }} as assets on merged.asset_id = assets.asset_id
