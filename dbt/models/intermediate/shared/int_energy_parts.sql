-- Energy in billionths of a kWh per quarter of an hour: counter steps and interval values spread linearly over their time and
-- cut at the quarters. Each part is the difference of two whole cumulative amounts, so the parts of a step add up to the
-- step to the last digit.
{%- set quarter_us = 15 * 60 * 1000000 %}
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
),

spread as (
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
),

-- The last sample of a counter covers what follows it, but without a next sample no energy is known there.
tails as (
    select
        window_id,
        max(to_us) as from_us,
        arg_max(max_gap_us, to_us) as max_gap_us
    from {{ ref('int_counter_steps') }}
    where is_energy
    group by window_id
),

buckets as (
    select *, unnest(range(spread_from_us // {{ quarter_us }}, (to_us - 1) // {{ quarter_us }} + 1)) * {{ quarter_us }} as bucket_us
    from spread
),

clipped as (
    select
        *,
        greatest(bucket_us, spread_from_us) - spread_from_us as done_us,
        least(bucket_us + {{ quarter_us }}, to_us) - spread_from_us as reached_us,
        to_us - spread_from_us as whole_us,
        greatest(
            least(bucket_us + {{ quarter_us }}, covered_until_us) - greatest(bucket_us, covered_from_us), 0
        ) as covered_us
    from buckets
),

parts as (
    select
        window_id,
        bucket_us,
        energy * reached_us // whole_us - energy * done_us // whole_us as energy,
        covered_us,
        is_estimated
    from clipped
    union all
    select
        window_id,
        from_us // {{ quarter_us }} * {{ quarter_us }},
        null,
        least(max_gap_us, {{ quarter_us }} - from_us % {{ quarter_us }}),
        false
    from tails
)

select
    window_id,
    bucket_us,
    sum(energy)::hugeint as energy,
    sum(covered_us)::bigint as covered_us,
    bool_or(is_estimated) as is_estimated
from parts
group by window_id, bucket_us
having count(energy) > 0
