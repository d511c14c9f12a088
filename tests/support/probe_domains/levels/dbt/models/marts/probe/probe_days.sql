{{ config(rebuild_by='asset_day', bounded=true) }}

select
    days.asset_id,
    days.local_date,
    lod.bucket_start as interval_start,
    lod.bucket_end as interval_end,
    lod.n as samples,
    lod.max as highest_m
from {{ ref('int_asset_days') }} as days
inner join {{ ref('stg_shared__assets') }} as assets on days.asset_id = assets.asset_id
inner join {{ ref('lod_1d') }} as lod on days.asset_id = lod.asset_id and days.day_start = lod.bucket_start
where assets.domain = 'probe'
