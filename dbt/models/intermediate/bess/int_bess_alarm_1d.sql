-- Seconds of a day in which any alarm flag or code of a system was active: the union of the spans, so that two alarms at a
-- time are not counted twice.
with cut as (
    select
        samples.asset_id,
        days.local_date,
        greatest(samples.at_us, days.day_start_us) as from_us,
        least(samples.until_us, days.day_end_us) as to_us
    from {{ ref('int_bess_samples') }} as samples
    inner join {{ ref('int_asset_days') }} as days
        on samples.asset_id = days.asset_id
        and samples.at_us < days.day_end_us
        and samples.until_us > days.day_start_us
    where samples.is_active
),

opened as (
    select
        *,
        max(to_us) over (
            partition by asset_id, local_date order by from_us, to_us
            rows between unbounded preceding and 1 preceding
        ) as reached_us
    from cut
)

-- Each span adds what lies beyond all before it.
select
    asset_id,
    local_date,
    sum(greatest(to_us - greatest(from_us, coalesce(reached_us, from_us)), 0)) / 1000000 as alarm_any_seconds
from opened
group by asset_id, local_date
