-- Counter samples with their jumps, and which of them are spikes. Whole numbers throughout: billionths of a kWh, or
-- millionths of the unit where it is no energy (gas).
--
-- A spike is one value away and back: one sample, or several equal ones in less than a day. Any fall could be a reset, a
-- correction or the way back from a spike, so a value is judged with its neighbours on both sides. It is one if
--   * of a single sample the two jumps cancel to within 1 %: +0.112 / -0.112 kWh in a minute meter. Re-synchronisations look alike but do not
--     cancel that well: the closest of 22 in the five recorded years of a display are 614 / -574 (7 %) and 1095 / -981 (10 %);
--   * or the jump is more than the connection can deliver in that time and a tenth of it or less remains:
--     +0.308 / -0.300 kWh in a minute at 17.25 kW, +334.503 / -334.230 in an hour;
--   * or the value fell by a tenth or more (a reset, were it to stay), came back faster than the connection can deliver, and
--     what remains is no more than the connection delivers from before to after: 50, 0, 60.
-- From 0 up and back to 0 is no spike unless the connection could not do it: a register of the day does that at midnight.
-- The value after a candidate is none: of 0, 100, 0, 100, 0 the hundreds are spikes and the zeros stay.
with samples as (
    select
        windows.window_id,
        epoch_us(observations.ts) as at_us,
        {{ micro('observations.value_exact') }} * coalesce(windows.nano_kwh_per_micro, 1) as amount,
        windows.max_gap_us,
        windows.nano_kwh_per_micro is not null as is_energy,
        case when windows.nano_kwh_per_micro is not null then windows.power_limit_w end as power_limit_w
    from {{ ref('stg_shared__observations') }} as observations
    inner join {{ ref('int_windows') }} as windows
        on observations.asset_id = windows.asset_id
        and observations.signal = windows.signal
        and observations.ts >= windows.read_from
        and observations.ts <= windows.read_to
    where windows.kind = 'counter' and observations.value_exact is not null
),

-- Equal values in a row are one run: a register that reads 0 three times dropped out once.
numbered as (
    select *, sum(is_new::integer) over (partition by window_id order by at_us rows unbounded preceding) as run
    from (
        select *, amount is distinct from lag(amount) over (partition by window_id order by at_us) as is_new
        from samples
    ) as compared
),

runs as (
    select
        window_id,
        run,
        any_value(amount) as amount,
        any_value(power_limit_w) as power_limit_w,
        count(*) as n,
        min(at_us) as first_us,
        max(at_us) as last_us
    from numbered
    group by window_id, run
),

jumps as (
    select
        *,
        lag(amount) over series as amount_before,
        lead(amount) over series as amount_after,
        amount - lag(amount) over series as jump,
        lead(amount) over series - amount as jump_back,
        lead(amount) over series - lag(amount) over series as remainder,
        -- What the connection can deliver: 1 W for 1 us is 1/3600 of a billionth of a kWh.
        (power_limit_w * (first_us - lag(last_us) over series))::hugeint as limit_to_x3600,
        (power_limit_w * (lead(first_us) over series - last_us))::hugeint as limit_from_x3600,
        (power_limit_w * (lead(first_us) over series - lag(last_us) over series))::hugeint as limit_past_x3600
    from runs
    window series as (partition by window_id order by run)
),

candidates as (
    select
        *,
        coalesce(
            (jump > 0 and jump_back < 0 or jump < 0 and jump_back > 0)
            and last_us - first_us < {{ 24 * 3600 * 1000000 }}
            and (
                n = 1
                and abs(remainder) * 100 <= least(abs(jump), abs(jump_back))
                and (amount_after <> 0 or amount_before <> 0)
                or abs(remainder) * 10 <= abs(jump)
                and greatest(jump * 3600 - limit_to_x3600, jump_back * 3600 - limit_from_x3600) > 0
                or jump < 0
                and abs(jump) * 10 >= abs(amount_before)
                and jump_back * 3600 > limit_from_x3600
                and remainder >= 0
                and remainder * 3600 <= limit_past_x3600
            ),
            false
        ) as is_candidate
    from jumps
),

spikes as (
    select
        window_id,
        run,
        is_candidate
        and not coalesce(lag(is_candidate) over (partition by window_id order by run), false) as is_spike
    from candidates
)

select
    numbered.window_id,
    numbered.at_us,
    numbered.amount,
    numbered.amount - lag(numbered.amount) over series as jump,
    lag(numbered.at_us) over series as before_us,
    numbered.max_gap_us,
    numbered.is_energy,
    numbered.power_limit_w,
    numbered.is_new,
    spikes.is_spike,
    -- Start of the run of equal values that the sample belongs to, spikes included: a spike ends a run.
    min(numbered.at_us) over (partition by numbered.window_id, numbered.run) as flat_from_us
from numbered
inner join spikes on numbered.window_id = spikes.window_id and numbered.run = spikes.run
window series as (partition by numbered.window_id order by numbered.at_us)
