{{ config(rebuild_by='day', bounded=true) }}

select
    area,
    time_bucket(interval 1 day, interval_start) as interval_start,
    time_bucket(interval 1 day, interval_start) + interval 1 day as interval_end,
    count(*) as hours,
    sum(planned_mw) as planned_mwh
from {{ ref('int_plan_changed_hours') }}
group by all
