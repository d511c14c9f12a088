-- Energy in billionths of a kWh per quarter of an hour: every amount spread linearly over its time and cut at the
-- quarters. Each part is the difference of two whole cumulative amounts, so the parts of a step add up to the step to the
-- last digit.
{%- set quarter_us = 15 * 60 * 1000000 %}
with spread as (
    select * from {{ ref('int_energy_spread') }}
),

-- The last sample of a counter covers what follows it, but without a next sample no energy is known there. So does one after
-- which no sample came for years.
tails as (
    select
        window_id,
        max(to_us) as from_us,
        arg_max(max_gap_us, to_us) as max_gap_us
    from {{ ref('int_counter_steps') }}
    where is_energy
    group by window_id
    union all
    select window_id, from_us, max_gap_us
    from {{ ref('int_counter_steps') }}
    where is_energy and spread_from_us > from_us
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
        {{ share('energy', 'reached_us', 'whole_us') }} - {{ share('energy', 'done_us', 'whole_us') }} as energy,
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
