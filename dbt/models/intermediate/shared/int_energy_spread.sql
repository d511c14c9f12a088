-- Amounts of energy and the time each is spread over: counter steps and interval values, in billionths of a kWh.
-- How an amount parts at a local midnight is known where it ends there, and is an estimate where it was taken for more than
-- an hour around it: a month of a bill, a day of the gas trade. Steps of a counter are let be for up to the longest day.
with intervals as (
    select
        windows.window_id,
        epoch_us(observations.ts) as from_us,
        epoch_us(observations.interval_end) as to_us,
        least(
            lead(epoch_us(observations.ts)) over (partition by windows.window_id order by observations.ts),
            epoch_us(observations.interval_end)
        ) as covered_until_us,
        {{ micro('observations.value_exact') }} as micro,
        windows.kind,
        windows.time_zone,
        windows.nano_kwh_per_micro,
        -- A millionth of a W for 1 us is 1/3600 of a millionth of a billionth of a kWh.
        case windows.unit when 'W' then 1 when 'kW' then 1000 when 'MW' then 1000000 end as watts,
        coalesce(list_contains(string_split(windows.estimated_statuses, '|'), observations.text), false) as is_estimated
    from {{ ref('stg_shared__observations') }} as observations
    inner join {{ ref('int_windows') }} as windows
        on observations.asset_id = windows.asset_id
        and observations.signal = windows.signal
        and observations.ts >= windows.read_from
        and observations.ts <= windows.read_to
    where windows.is_interval
        and observations.value_exact is not null
        and observations.interval_end > observations.ts
),

-- The calendar reaches a day beyond what is rebuilt: what began before it and matters has passed a midnight since.
parted as (
    select intervals.window_id, intervals.from_us
    from intervals
    asof left join {{ ref('stg_shared__local_days') }} as days
        on intervals.time_zone = days.time_zone and intervals.from_us >= days.day_start_us
    where intervals.to_us - intervals.from_us > {{ 3600 * 1000000 }}
        and (days.day_end_us is null or intervals.to_us > days.day_end_us)
)

select
    window_id,
    spread_from_us,
    to_us,
    energy,
    is_estimated or to_us - from_us > {{ 25 * 3600 * 1000000 }} as is_estimated,
    from_us as covered_from_us,
    least(to_us, from_us + max_gap_us) as covered_until_us
from {{ ref('int_counter_steps') }}
where is_energy
union all
select
    intervals.window_id,
    greatest(intervals.from_us, to_us - {{ longest_spread_us() }}),
    to_us,
    case
        when kind = 'interval_energy' then micro * nano_kwh_per_micro
        else {{ share('micro * watts', 'to_us - intervals.from_us', 3600000000) }}
    end,
    is_estimated
    or parted.from_us is not null
    or to_us - intervals.from_us > {{ longest_spread_us() }} as is_estimated,
    intervals.from_us,
    covered_until_us
from intervals
left join parted on intervals.window_id = parted.window_id and intervals.from_us = parted.from_us
where case when kind = 'interval_energy' then nano_kwh_per_micro else watts end is not null
