-- Local days in which any signal of an asset is rebuilt: the grain of marts that join several signals.
with spans as (
    select distinct asset_id, time_zone, rebuild_from, rebuild_to
    from {{ source('build', 'changed_spans') }}
)

select distinct
    spans.asset_id,
    spans.time_zone,
    days.local_date,
    days.day_start,
    days.day_end,
    days.day_start_us,
    days.day_end_us
from spans
inner join {{ ref('stg_shared__local_days') }} as days
    on spans.time_zone = days.time_zone
    and days.day_start >= spans.rebuild_from
    and days.day_start < spans.rebuild_to
