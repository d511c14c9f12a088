{{ config(materialized='view') }}

-- A run's price holds until the next run, and for so long at most; the last one that is known holds for the five minutes that
-- it was made for.
select
    location as settlement_point,
    interval_start as sced_at,
    least(
        lead(interval_start, 1, interval_end) over (partition by location order by interval_start),
        interval_start + to_microseconds({{ run_holds_us() }})
    ) as held_until,
    lmp_usd_mwh,
    vintage,
    published_at,
    is_simulated
from {{ ref('iso_prices') }}
where iso = 'ERCOT' and market = 'SCED'
