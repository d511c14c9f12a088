-- The latest statement of every SCED run of batteries and of the load resources at their sites: the values of a run and until
-- when they hold. Runs of the quarter before a rebuilt day reach into it.
-- A clock hour lies in one operating day: days are looked up by hours, and not by comparing instants.
with hours as (
    select
        unnest(range(day_start_us // {{ hour_us() }}, day_end_us // {{ hour_us() }})) as hour,
        operating_day,
        day_start_us,
        day_end_us
    from {{ ref('int_market_days') }}
    union all
    select day_start_us // {{ hour_us() }} - 1, null, null, day_start_us
    from {{ ref('int_market_days') }}
    where operating_day - 1 not in (select operating_day from {{ ref('int_market_days') }})
),

runs as (
    select sced.*, epoch_us(sced.sced_at) as at_us, hours.* exclude (hour)
    from {{ ref('stg_ercot_batteries__sced') }} as sced
    inner join hours on epoch_us(sced.sced_at) // {{ hour_us() }} = hours.hour
    where (hours.operating_day is not null or epoch_us(sced.sced_at) >= hours.day_end_us - {{ run_holds_us() }})
        and {{ at_changed_site('sced.resource_name') }}
        and (sced.kind <> 'load' or {{ site_of('sced.resource_name') }} in (select site from {{ ref('stg_ercot_batteries__battery_sites') }}))
),

-- Few runs are stated twice: only those are sorted.
restated as (
    select hash(kind = 'load', resource_name, at_us) as key from runs group by key having count(*) > 1
),

latest as (
    select * from runs where hash(kind = 'load', resource_name, at_us) not in (select key from restated)
    union all
    (
        select * from runs where hash(kind = 'load', resource_name, at_us) in (select key from restated)
        qualify row_number() over (
            partition by kind = 'load', resource_name, at_us order by published_at desc, source_object desc
        ) = 1
    )
),

followed as (
    select
        *,
        lead(at_us) over (partition by kind = 'load', resource_name order by at_us) as next_us,
        lag(at_us) over (partition by kind = 'load', resource_name order by at_us) as before_us
    from latest
)

select
    * exclude (next_us, before_us, mw, ffr_award_mw),
    -- Energy that the awards of the run call for, and room for energy: the hours that each must be sustained.
    case
        when knows_awards
            then {% for service, hours in hours_up().items() %}{{ hours }} * coalesce({{ service }}_award_mw, 0) + {% endfor %}-0.25 * coalesce(ffr_award_mw, 0)
    end as needed_mwh,
    case when knows_awards then 0.5 * coalesce(regdown_award_mw, 0) end as needed_room_mwh,
    {{ micro_mw('mw') }} as micro_mw,
    mw,
    least(coalesce(next_us, at_us + {{ run_holds_us() }}), at_us + {{ run_holds_us() }}) as until_us,
    -- Runs that should have been between this one and the next of its day, or the edge of the day.
    case
        when next_us < day_end_us then greatest(round((next_us - at_us) / {{ run_cadence_us() }})::bigint - 1, 0)
        else (day_end_us - at_us - 1) // {{ run_cadence_us() }}
    end
    + case when before_us >= day_start_us then 0 else (at_us - day_start_us) // {{ run_cadence_us() }} end as missing_runs
from followed
