-- Amounts of energy and the time each is spread over: counter steps and interval values, in billionths of a kWh.
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
)

select
    window_id,
    spread_from_us,
    to_us,
    energy,
    is_estimated,
    from_us as covered_from_us,
    least(to_us, from_us + max_gap_us) as covered_until_us
from {{ ref('int_counter_steps') }}
where is_energy
union all
select
    window_id,
    from_us,
    to_us,
    case
        when kind = 'interval_energy' then micro * nano_kwh_per_micro
        else micro * watts * (to_us - from_us) // 3600000000
    end,
    is_estimated,
    from_us,
    covered_until_us
from intervals
where case when kind = 'interval_energy' then nano_kwh_per_micro else watts end is not null
