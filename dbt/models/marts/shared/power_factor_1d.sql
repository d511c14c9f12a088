{{ config(rebuild_by='asset_day', bounded=true) }}

select
    parts.asset_id,
    parts.signal,
    days.local_date,
    days.day_start as interval_start,
    days.day_end as interval_end,
    {{ power_factor_columns() }},
    sum(parts.covered_us) / (days.day_end_us - days.day_start_us) as coverage
from {{ ref('int_power_factor_15min') }} as parts
asof inner join {{ ref('int_asset_days') }} as days
    on parts.asset_id = days.asset_id and parts.bucket_us >= days.day_start_us
where parts.bucket_us < days.day_end_us
group by parts.asset_id, parts.signal, days.local_date, days.day_start, days.day_end, days.day_start_us, days.day_end_us
