-- A power that is suddenly a thousand times that of the days before: W and kW, or Wh and kWh, mixed up.
with changed_signals as (
    select distinct asset_id, signal from {{ ref('int_windows') }}
),

days as (
    select
        lod.asset_id,
        lod.signal,
        lod.local_date,
        lod.bucket_start,
        lod.bucket_end,
        lod.unit,
        greatest(abs(lod.min), abs(lod.max)) as highest
    from {{ ref('lod_1d') }} as lod
    semi join changed_signals on lod.asset_id = changed_signals.asset_id and lod.signal = changed_signals.signal
    where lod.kind in ('instant', 'interval_mean', 'interval_energy')
        and lod.unit in ('W', 'kW', 'MW', 'VA', 'kVA', 'Wh', 'kWh', 'MWh')
),

compared as (
    select
        *,
        median(highest) over week as usual,
        count(*) over week as days_before
    from days
    window week as (
        partition by asset_id, signal order by local_date rows between 7 preceding and 1 preceding
    )
)

select
    'unit_jump' as rule,
    'warning' as severity,
    asset_id,
    signal,
    bucket_start as interval_start,
    bucket_end as interval_end,
    highest / usual as value,
    format(
        '{} reached {:g} {} on {}, {:.4g} times the median of the {} days before.',
        signal, highest, unit, local_date, highest / usual, days_before
    ) as message
from compared
where days_before >= 3
    and usual > 0
    and (highest / usual between 500 and 2000 or highest / usual between 0.0005 and 0.002)
