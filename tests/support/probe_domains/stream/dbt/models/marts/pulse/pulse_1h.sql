{{ config(rebuild_by='day', bounded=true) }}

select
    counter,
    time_bucket(interval 1 hour, ts) as interval_start,
    time_bucket(interval 1 hour, ts) + interval 1 hour as interval_end,
    count(*) as samples,
    avg(power_w) as power_mean_w
from {{ ref('stg_pulse__samples') }}
where {{ of_changed_days('pulse_samples', 'ts') }}
group by all
