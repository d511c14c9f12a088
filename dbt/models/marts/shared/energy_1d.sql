{{ config(rebuild_by='signal_day', bounded=true) }}

with parts as (
    select parts.*, spans.asset_id, spans.signal, spans.time_zone
    from {{ ref('int_energy_parts') }} as parts
    inner join {{ ref('int_spans') }} as spans
        on parts.window_id = spans.window_id
        and parts.bucket_us >= spans.from_us
        and parts.bucket_us < spans.to_us
)

select
    parts.asset_id,
    parts.signal,
    days.local_date,
    days.day_start as interval_start,
    days.day_end as interval_end,
    {{ nano_to_kwh('sum(parts.energy)::hugeint') }} as energy_kwh,
    sum(parts.covered_us) / (days.day_end_us - days.day_start_us) as coverage,
    bool_or(parts.is_estimated) as is_estimated
from parts
asof inner join {{ ref('stg_shared__local_days') }} as days
    on parts.time_zone = days.time_zone and parts.bucket_us >= days.day_start_us
group by parts.asset_id, parts.signal, days.local_date, days.day_start, days.day_end, days.day_start_us, days.day_end_us
