-- What a counter's steps add up to is its last value less its first, but for what resets threw away and what rollovers added;
-- spikes leave nothing.
-- From raw samples, without the classification.
with registers as (
    select
        windows.window_id,
        windows.asset_id,
        windows.signal,
        windows.unit,
        windows.rollover,
        min(observations.ts) as interval_start,
        {{ micro('arg_max(observations.value_exact, observations.ts)') }}
        - {{ micro('arg_min(observations.value_exact, observations.ts)') }} as risen
    from {{ ref('stg_shared__observations') }} as observations
    inner join {{ ref('int_windows') }} as windows
        on observations.asset_id = windows.asset_id
        and observations.signal = windows.signal
        and observations.ts >= windows.read_from
        and observations.ts <= windows.read_to
    where windows.kind = 'counter' and observations.value_exact is not null
    group by all
),

steps as (
    select
        steps.window_id,
        sum(steps.energy)::hugeint as counted,
        coalesce(sum(steps.step) filter (where steps.kind = 'reset'), 0)::hugeint as thrown_away,
        count(*) filter (where steps.kind = 'rollover') as rollovers
    from {{ ref('int_counter_steps') }} as steps
    group by steps.window_id
)

select
    registers.asset_id,
    registers.signal,
    registers.interval_start,
    registers.risen * coalesce(windows.nano_kwh_per_micro, 1) as expected,
    coalesce(steps.counted + steps.thrown_away - steps.rollovers * coalesce(registers.rollover, 0), 0) as found
from registers
inner join {{ ref('int_windows') }} as windows on registers.window_id = windows.window_id
left join steps on registers.window_id = steps.window_id
where expected is distinct from found
