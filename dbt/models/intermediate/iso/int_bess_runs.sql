-- The latest statement of every SCED run of batteries and of the load resources at their sites: the values of a run and until
-- when they hold. Runs of the quarter before a rebuilt day reach into it.
with sites as (
    select distinct {{ site_of('resource_name') }} as site from {{ ref('stg_iso__dam') }} where kind = 'gen'
    union
    select distinct {{ site_of('resource_name') }} from {{ ref('stg_iso__sced') }} where kind = 'gen'
),

latest as (
    select *, epoch_us(sced_at) as at_us
    from {{ ref('stg_iso__sced') }}
    where kind <> 'load' or {{ site_of('resource_name') }} in (select site from sites)
    qualify row_number() over (
        partition by kind, resource_name, sced_at order by published_at desc, source_object desc
    ) = 1
),

placed as (
    select latest.*, days.operating_day, days.day_start_us, days.day_end_us
    from latest
    asof left join {{ ref('int_market_days') }} as days on latest.at_us >= days.day_start_us
    asof left join (select day_start_us as next_start_us from {{ ref('int_market_days') }}) as following
        on latest.at_us < following.next_start_us
    where latest.at_us < days.day_end_us or latest.at_us >= following.next_start_us - {{ run_holds_us() }}
),

followed as (
    select
        *,
        lead(at_us) over (partition by kind, resource_name order by at_us) as next_us,
        lag(at_us) over (partition by kind, resource_name, at_us < day_end_us, operating_day order by at_us) as before_us
    from placed
)

select
    * exclude (next_us, before_us, mw, operating_day),
    -- NULL for a run of a day that is not rebuilt and that only reaches into one.
    case when at_us < day_end_us then operating_day end as operating_day,
    {{ micro_mw('mw') }} as micro_mw,
    mw,
    least(coalesce(next_us, at_us + {{ run_holds_us() }}), at_us + {{ run_holds_us() }}) as until_us,
    -- Runs that should have been between this one and the next of its day, or the edge of the day.
    case
        when next_us < day_end_us then greatest(round((next_us - at_us) / {{ run_cadence_us() }})::bigint - 1, 0)
        else (day_end_us - at_us - 1) // {{ run_cadence_us() }}
    end
    + case when before_us is null then (at_us - day_start_us) // {{ run_cadence_us() }} else 0 end as missing_runs
from followed
