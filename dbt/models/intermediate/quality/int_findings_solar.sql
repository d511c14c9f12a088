-- Rules that need the sun. Where the panels stand is not known, so only what holds anywhere is used: no sun between midnight
-- and 3:00 (high summer beyond the polar circle left aside), the middle of the yield within three hours of 12:30, and one
-- hour of summer time that shows in the wall clock. That last one tells a UTC file that was read as local time.
with pv as (
    select asset_id, signal, kind, {{ kw_per_unit('unit') }} as kw_per_unit
    from {{ ref('stg_shared__signals') }}
    where role = 'pv_power' and kind in ('instant', 'interval_mean')
),

changed_signals as (
    select distinct asset_id, signal from {{ ref('int_windows') }}
),

hours as (
    select
        lod.asset_id,
        lod.signal,
        days.local_date,
        days.bucket_start as day_start,
        days.bucket_end as day_end,
        days.max as day_max,
        -- Hours since local midnight on the wall clock of the morning; days that switch are left out below.
        (epoch_us(lod.bucket_start) - epoch_us(days.bucket_start)) / 3600000000 as hour,
        lod.max * pv.kw_per_unit as max_kw,
        days.max * pv.kw_per_unit as day_max_kw,
        lod.value_seconds_positive as yield,
        days.coverage,
        epoch_us(days.bucket_end) - epoch_us(days.bucket_start) = 86400000000 as is_whole_day,
        epoch(days.local_date::timestamp) - epoch(days.bucket_start) as utc_offset_s
    from {{ ref('lod_1h') }} as lod
    inner join pv on lod.asset_id = pv.asset_id and lod.signal = pv.signal
    semi join changed_signals on lod.asset_id = changed_signals.asset_id and lod.signal = changed_signals.signal
    asof inner join {{ ref('lod_1d') }} as days
        on lod.asset_id = days.asset_id and lod.signal = days.signal and lod.bucket_start >= days.bucket_start
    where lod.bucket_start < days.bucket_end
),

nights as (
    select asset_id, signal, local_date, day_start, day_end, max(max_kw) as night_kw, any_value(day_max_kw) as day_max_kw
    from hours
    where hour < 3
    group by all
),

centres as (
    select
        asset_id,
        signal,
        local_date,
        day_start,
        utc_offset_s,
        sum(yield * (hour + 0.5)) / sum(yield) as centre_h
    from hours
    where is_whole_day and coverage >= 0.9
    group by all
    having sum(yield) > 0
),

seasons as (
    select *, utc_offset_s > min(utc_offset_s) over (partition by asset_id, signal) as is_summer_time
    from centres
),

proofs as (
    select
        asset_id,
        signal,
        min(day_start) as interval_start,
        max(day_start) as interval_end,
        count(*) as days,
        median(centre_h) as centre_h,
        count(*) filter (where is_summer_time) as summer_days,
        count(*) filter (where not is_summer_time) as winter_days,
        median(centre_h) filter (where is_summer_time) - median(centre_h) filter (where not is_summer_time) as step_h
    from seasons
    group by asset_id, signal
)

select
    'night_pv' as rule,
    'warning' as severity,
    nights.asset_id,
    nights.signal,
    nights.day_start as interval_start,
    nights.day_end as interval_end,
    nights.night_kw as value,
    format('{} showed {:.3f} kW between midnight and 3:00 on {}.', nights.signal, nights.night_kw, nights.local_date) as message
from nights
inner join {{ ref('int_spans') }} as spans
    on nights.asset_id = spans.asset_id
    and nights.signal = spans.signal
    and nights.day_start >= spans.rebuild_from
    and nights.day_start < spans.rebuild_to
-- Inverters show a few watts of noise.
where night_kw > 0.02 and night_kw > 0.01 * day_max_kw
union all
select
    'timezone_proof',
    'warning',
    asset_id,
    signal,
    interval_start,
    interval_end,
    centre_h,
    format('The middle of {} lies at {:.1f} h of the local day, over {} days; the sun has it near 12.5 h.', signal, centre_h, days)
from proofs
where days >= 10 and abs(centre_h - 12.5) > 3
union all
select
    'timezone_proof',
    'warning',
    asset_id,
    signal,
    interval_start,
    interval_end,
    step_h,
    format(
        'The middle of {} moves by {:.2f} h between standard and summer time ({} and {} days); the wall clock moves by 1 h.',
        signal, step_h, winter_days, summer_days
    )
from proofs
where summer_days >= 10 and winter_days >= 10 and abs(step_h - 1) > 0.6 and abs(centre_h - 12.5) <= 3
