-- 15-minute states merged to local days, which start at local midnight and last 23, 24 or 25 hours. From 15 minutes and not
-- from hours: a day at +05:30 or +05:45 starts inside a UTC hour.
with zoned as (
    select states.*, windows.time_zone
    from {{ ref('int_lod_states_15min') }} as states
    inner join {{ ref('int_windows') }} as windows on states.window_id = windows.window_id
),

dated as (
    select zoned.*, days.local_date, days.day_start_us, days.day_end_us
    from zoned
    asof inner join {{ ref('stg_shared__local_days') }} as days
        on zoned.time_zone = days.time_zone and zoned.bucket_us >= days.day_start_us
)

select
    window_id,
    day_start_us as bucket_us,
    day_end_us as end_us,
    local_date,
    {{ merged_state_columns() }}
from dated
-- An interval longer than its local day gives no row: a month's value is no day's value.
where bucket_us < day_end_us and fits_us <= day_end_us - day_start_us
group by window_id, day_start_us, day_end_us, local_date
