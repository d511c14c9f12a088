-- How far the state of charge went down in a day, in percent of the battery: a hundred is a full cycle. With several gauges
-- the mean of them.
with falls as (
    select
        samples.asset_id,
        days.local_date,
        samples.signal,
        sum(greatest(samples.value_before - samples.value, 0)) as soc_down_pct
    from {{ ref('int_bess_samples') }} as samples
    asof inner join {{ ref('int_asset_days') }} as days
        on samples.asset_id = days.asset_id and samples.at_us >= days.day_start_us
    where samples.role = 'soc' and samples.at_us < days.day_end_us
    group by samples.asset_id, days.local_date, samples.signal
)

select asset_id, local_date, avg(soc_down_pct) as soc_down_pct
from falls
group by asset_id, local_date
