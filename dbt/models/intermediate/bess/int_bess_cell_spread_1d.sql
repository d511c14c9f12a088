-- Largest difference between the highest and the lowest cell at the same instant, by day. Not the day's highest less the day's
-- lowest: those meet at no time.
with simultaneous as (
    select
        asset_id,
        at_us,
        max(value) filter (where role = 'cell_v_max') - min(value) filter (where role = 'cell_v_min') as spread_v
    from {{ ref('int_bess_samples') }}
    where role in ('cell_v_max', 'cell_v_min') and unit in ('V', 'mV')
    group by asset_id, at_us
)

select simultaneous.asset_id, days.local_date, max(spread_v) as cell_v_spread_max_v, count(*) as n
from simultaneous
asof inner join {{ ref('int_asset_days') }} as days
    on simultaneous.asset_id = days.asset_id and simultaneous.at_us >= days.day_start_us
where simultaneous.at_us < days.day_end_us and spread_v is not null
group by simultaneous.asset_id, days.local_date
