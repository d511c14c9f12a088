-- Excursions of counters, as runs from_run to to_run - 1: values shown for less than a day, from which the register comes back
-- as if they had never been. All of them are left out, be it one sample, several equal ones, or a register that counts
-- from 0 for a while until it is restored.
--
-- Any fall could be a reset, a correction or a way back, so it is judged with what follows. Away and back are steps in opposite
-- directions with less than a day of values between them, and they are an excursion if
--   * a single sample lies between and the two cancel to within 1 %: +0.112 / -0.112 kWh in a minute meter.
--     Re-synchronisations look alike but do not cancel that well: the closest of 22 in the five recorded years of a display
--     are 614 / -574 (7 %) and 1095 / -981 (10 %). From 0 up and back to 0 is none: a register of the day does that at
--     midnight;
--   * or the one that rises is a leap, more than the connection delivers in its time, the way back undoes at least half of the
--     way away, and what remains from before to after is
--       - a tenth of the way away or less: +0.308 / -0.300 kWh in a minute at 17.25 kW, +334.503 / -334.230 in an hour;
--       - or no fall, and no more than the connection delivers from before to after, where the one that falls does so by a
--         tenth or more (a reset, were it to stay): 50, 0, 60.
-- The first way back counts. Of excursions that overlap or touch, the earliest is one, and the next that begins beyond its end:
-- of 0, 100, 0, 100, 0 the hundreds are left out, of 100, 0, 100, 0, 100 the zeros. What is not back yet stays.
{%- set day_us = 24 * 3600 * 1000000 %}
{#- Leaps, or falls, that are looked at for the way back: a register with more of them in a day is none. -#}
{%- set looked_at = 64 %}
{#- Excursions in an unbroken row; the same. -#}
{%- set in_a_row = 1000 %}
with recursive turns as materialized (
    select
        runs.*,
        runs.jump < 0 as is_fall,
        runs.jump < 0 and -runs.jump * 10 >= abs(runs.amount_before) as is_deep,
        count(*) filter (where runs.is_leap) over series as leaps,
        count(*) filter (where runs.jump < 0) over series as falls
    from {{ ref('int_counter_runs') }} as runs
    where runs.jump < 0 or runs.is_leap
    window series as (partition by runs.window_id order by runs.run rows unbounded preceding)
),

leaping as (
    select
        away.window_id,
        away.run as from_run,
        back.run as to_run,
        abs(away.jump) as away_by,
        away.is_deep or back.is_deep as is_deep,
        {{ rise('away.amount_before', 'back.amount', 'back.first_us - away.before_us') }} as remainder,
        back.first_us - away.before_us as past_us,
        windows.power_limit_w
    from turns as away
    cross join range(1, {{ looked_at + 1 }}) as looked (n)
    inner join turns as back
        on away.window_id = back.window_id
        and away.is_fall = not back.is_fall
        and case when away.is_fall then away.leaps else away.falls end + looked.n
            = case when back.is_fall then back.falls else back.leaps end
    inner join {{ ref('int_windows') }} as windows on away.window_id = windows.window_id
    where back.before_us - away.first_us < {{ day_us }}
        and abs(back.jump) * 2 >= abs(away.jump)
),

single as (
    select
        window_id,
        run as from_run,
        run + 1 as to_run,
        n,
        jump,
        amount_before,
        lead(jump) over runs_of as jump_back,
        lead(amount) over runs_of as amount_after
    from {{ ref('int_counter_runs') }}
    window runs_of as (partition by window_id order by run)
),

found as (
    select window_id, from_run, min(to_run) as to_run
    from (
        select window_id, from_run, to_run
        from single
        where n = 1
            and (jump > 0 and jump_back < 0 or jump < 0 and jump_back > 0)
            and abs(amount_after - amount_before) * 100 <= least(abs(jump), abs(jump_back))
            and (amount_before <> 0 or amount_after <> 0)
        union all
        select window_id, from_run, to_run
        from leaping
        where abs(remainder) * 10 <= away_by
            or is_deep and remainder >= 0 and not {{ exceeds('remainder', 'power_limit_w', 'past_us') }}
    ) as either
    group by window_id, from_run
),

numbered as materialized (
    select
        *,
        coalesce(
            from_run > max(to_run) over (
                partition by window_id order by from_run rows between unbounded preceding and 1 preceding
            ),
            true
        ) as is_apart
    from found
),

linked as materialized (
    select numbered.*, following.from_run as next_run
    from numbered
    asof left join (select window_id, from_run from numbered) as following
        on numbered.window_id = following.window_id and numbered.to_run < following.from_run
),

taken as (
    select window_id, from_run, to_run, next_run, 1 as in_a_row
    from linked
    where is_apart
    union all
    select linked.window_id, linked.from_run, linked.to_run, linked.next_run, taken.in_a_row + 1
    from taken
    inner join linked on taken.window_id = linked.window_id and taken.next_run = linked.from_run
    where not linked.is_apart and taken.in_a_row < {{ in_a_row }}
)

select taken.window_id, taken.from_run, taken.to_run
from taken
