-- Runs of equal counter values, each with the step into it.
with runs as (
    select
        window_id,
        run,
        any_value(amount) as amount,
        count(*) as n,
        min(at_us) as first_us,
        max(at_us) as last_us
    from {{ ref('int_counter_samples') }}
    group by window_id, run
),

stepped as (
    select
        *,
        lag(amount) over series as amount_before,
        lag(last_us) over series as before_us
    from runs
    window series as (partition by window_id order by run)
)

select
    stepped.*,
    stepped.amount - stepped.amount_before as jump,
    coalesce(
        {{ exceeds('stepped.amount - stepped.amount_before', 'windows.power_limit_w', 'stepped.first_us - stepped.before_us') }},
        false
    ) as is_leap
from stepped
inner join {{ ref('int_windows') }} as windows on stepped.window_id = windows.window_id
