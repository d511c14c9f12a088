-- Rules over the values of one signal's local day.
with days as (
    select
        lod.*,
        signals.role,
        signals.expected_interval_s,
        (lod.bucket_end - lod.bucket_start) as day_length,
        greatest(abs(lod.min), abs(lod.max)) as highest,
        {{ kw_per_unit('lod.unit') }} as kw_per_unit,
        assets.power_limit_kw,
        assets.has_power_limit
    from {{ ref('lod_1d') }} as lod
    inner join {{ ref('stg_shared__signals') }} as signals on lod.asset_id = signals.asset_id and lod.signal = signals.signal
    inner join {{ ref('stg_shared__assets') }} as assets on lod.asset_id = assets.asset_id
    inner join {{ ref('int_spans') }} as spans
        on lod.asset_id = spans.asset_id
        and lod.signal = spans.signal
        and lod.bucket_start >= spans.rebuild_from
        and lod.bucket_start < spans.rebuild_to
)

select
    'completeness' as rule,
    case when coverage >= 0.9 then 'info' else 'warning' end as severity,
    asset_id,
    signal,
    bucket_start as interval_start,
    bucket_end as interval_end,
    coverage as value,
    format(
        '{} has {} of {:.0f} expected samples on {}; {:.1f} % of the day is covered.',
        signal, n, n_expected, local_date, 100 * coverage
    ) as message
from days
where expected_interval_s is not null and coverage < 0.99
union all
select
    'power_limit',
    case when has_power_limit then 'warning' else 'info' end,
    asset_id,
    signal,
    bucket_start,
    bucket_end,
    highest * kw_per_unit,
    format(
        '{} reached {:.3f} kW on {}, above the {} of {:.2f} kW.',
        signal, highest * kw_per_unit, local_date,
        case when has_power_limit then 'connection limit' else 'default connection limit' end, power_limit_kw
    )
from days
where kind in ('instant', 'interval_mean', 'max', 'min') and highest * kw_per_unit > power_limit_kw
union all
select
    'frozen_value',
    'warning',
    asset_id,
    signal,
    bucket_start,
    bucket_end,
    max,
    format('{} stood at {:g}{} in all {} samples of {}.', signal, max, {{ unit_text('unit') }}, n, local_date)
from days
where kind in ('instant', 'interval_mean')
    and unit in ('W', 'kW', 'MW', 'VA', 'kVA', 'A', 'V', 'Hz')
    and min = max
    and max <> 0
    and n >= 24
    and coverage >= 0.5
union all
select
    'pf_range',
    'warning',
    asset_id,
    signal,
    bucket_start,
    bucket_end,
    case when highest = abs(max) then max else min end,
    format('{} lay between {:g} and {:g} on {}; a power factor stays within -1 and 1.', signal, min, max, local_date)
from days
where kind = 'power_factor' and highest > 1
union all
select
    'clock',
    'error',
    asset_id,
    signal,
    bucket_start,
    bucket_end,
    (epoch_us(last_at) - epoch_us(current_timestamp)) / 1000000 as seconds_ahead,
    format('{} has a sample stamped {} UTC, in the future.', signal, strftime(last_at, '%Y-%m-%d %H:%M:%S'))
from days
where last_at > current_timestamp
union all
select
    'alarm_value',
    'info',
    asset_id,
    signal,
    bucket_start,
    bucket_end,
    case when max > 1 then max else min end,
    format('{} took values from {:g} to {:g} on {}; a flag is 0 or 1, a level is not.', signal, min, max, local_date)
from days
where kind = 'alarm' and (min < 0 or max > 1)
union all
select
    'temperature_range',
    'warning',
    asset_id,
    signal,
    bucket_start,
    bucket_end,
    case when max > 90 then max else min end,
    format('{} lay between {:g} and {:g} °C on {}.', signal, min, max, local_date)
from days
where {{ is_celsius('unit') }} and (min < -30 or max > 90)
union all
select
    'soc_range',
    'error',
    asset_id,
    signal,
    bucket_start,
    bucket_end,
    case when max > 100 then max else min end,
    format('{} lay between {:g} and {:g} % on {}.', signal, min, max, local_date)
from days
where kind = 'soc' and unit = '%' and (min < 0 or max > 100)
