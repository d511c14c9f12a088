-- Operating days of ERCOT that are rebuilt, by Central prevailing time: 23 and 25 hours long where clocks change. The zone is
-- asked once a day and not once a row.
-- depends_on: {{ source('build', 'changed_tables') }}
with days as (
    {% if builds_whole() -%}
    select unnest(generate_series(min(first_at)::date - 1, max(last_at)::date + 1, interval 1 day))::date as operating_day
    from (
        select min(sced_at) as first_at, max(sced_at) as last_at from {{ ref('stg_ercot_batteries__sced') }} where kind <> 'load'
        union all
        select min(interval_start), max(interval_start) from {{ ref('stg_ercot_batteries__dam') }} where kind <> 'load'
    ) as stamped
    {%- else -%}
    {{ changed_operating_days() }}
    {%- endif %}
),

bounds as (
    select
        operating_day,
        operating_day::timestamp at time zone 'America/Chicago' as day_start,
        (operating_day + 1)::timestamp at time zone 'America/Chicago' as day_end
    from days
)

select
    operating_day,
    day_start,
    day_end,
    epoch_us(day_start) as day_start_us,
    epoch_us(day_end) as day_end_us,
    epoch_us(day_start) // {{ quarter_us() }} as first_quarter,
    epoch_us(day_end) // {{ quarter_us() }} as end_quarter,
    operating_day >= {{ rtcb_from() }} as is_rtcb
from bounds
