{{ config(rebuild_by='signal_day', bounded=true) }}

select
    spans.asset_id,
    spans.signal,
    make_timestamptz(parts.bucket_us) as interval_start,
    make_timestamptz(parts.bucket_us + {{ 15 * 60 * 1000000 }}) as interval_end,
    {{ nano_to_kwh('parts.energy') }} as energy_kwh,
    parts.covered_us / {{ 15 * 60 * 1000000 }} as coverage,
    parts.is_estimated
from {{ ref('int_energy_parts') }} as parts
inner join {{ ref('int_spans') }} as spans
    on parts.window_id = spans.window_id
    and parts.bucket_us >= spans.from_us
    and parts.bucket_us < spans.to_us
