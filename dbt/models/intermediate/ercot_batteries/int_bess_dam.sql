-- The latest statement of every DAM hour of batteries, and of the load resources at their sites, of the rebuilt days and
-- sites. A name that is both a generation and a storage resource (the model changed on 2025-12-05) is one battery.
select *
from {{ ref('stg_ercot_batteries__dam') }} as hours
where operating_day in (select operating_day from {{ ref('int_market_days') }})
    and {{ at_changed_site('resource_name') }}
    and (kind <> 'load' or {{ site_of('resource_name') }} in (select site from {{ ref('stg_ercot_batteries__battery_sites') }}))
qualify row_number() over (
    partition by kind = 'load', resource_name, interval_start order by published_at desc, source_object desc
) = 1
