-- Counter samples with their jumps, and which of them are spikes. Whole numbers throughout: billionths of a kWh, or
-- millionths of the unit where it is no energy (gas).
--
-- A spike is one sample away and back. Any fall could be a reset, a correction or the way back from a spike, so a sample is
-- judged with its neighbours on both sides. It is one if
--   * the two jumps cancel to within 1 %: +0.112 / -0.112 kWh in a minute meter. Re-synchronisations look alike but do not
--     cancel that well: the closest of 22 in the five recorded years of a display are 614 / -574 (7 %) and 1095 / -981 (10 %);
--   * or the jump is more than the connection can deliver in that time and a tenth of it or less remains:
--     +0.308 / -0.300 kWh in a minute at 17.25 kW, +334.503 / -334.230 in an hour;
--   * or the value fell by a tenth or more (a reset, were it to stay), came back faster than the connection can deliver, and
--     what remains is no more than the connection delivers in both steps: 50, 0, 60.
-- From 0 up and back to 0 is no spike unless the connection could not do it: a register of the day does that at midnight.
-- The sample after a candidate is none: of 0, 100, 0, 100, 0 the hundreds are spikes and the zeros stay.
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

jumps as (
    select
        *,
        lag(amount) over series as amount_before,
        lead(amount) over series as amount_after,
        amount - lag(amount) over series as jump,
        lead(amount) over series - amount as jump_back,
        lead(amount) over series - lag(amount) over series as remainder,
        -- What the connection can deliver: 1 W for 1 us is 1/3600 of a billionth of a kWh.
        (power_limit_w * (at_us - lag(at_us) over series))::hugeint as limit_to_x3600,
        (power_limit_w * (lead(at_us) over series - at_us))::hugeint as limit_from_x3600,
        lag(at_us) over series as before_us
    from samples
    window series as (partition by window_id order by at_us)
),

candidates as (
    select
        *,
        coalesce(
            (jump > 0 and jump_back < 0 or jump < 0 and jump_back > 0)
            and (
                abs(remainder) * 100 <= least(abs(jump), abs(jump_back))
                and (amount_after <> 0 or amount_before <> 0)
                or abs(remainder) * 10 <= abs(jump)
                and greatest(jump * 3600 - limit_to_x3600, jump_back * 3600 - limit_from_x3600) > 0
                or jump < 0
                and abs(jump) * 10 >= abs(amount_before)
                and jump_back * 3600 > limit_from_x3600
                and remainder >= 0
                and remainder * 3600 <= limit_to_x3600 + limit_from_x3600
            ),
            false
        ) as is_candidate
    from jumps
)

select
    window_id,
    at_us,
    amount,
    jump,
    before_us,
    max_gap_us,
    is_energy,
    power_limit_w,
    is_candidate
    and not coalesce(lag(is_candidate) over (partition by window_id order by at_us), false) as is_spike,
    -- Start of the run of equal values that the sample belongs to, spikes included: a spike ends a run.
    max(case when jump is distinct from 0 then at_us end) over (
        partition by window_id order by at_us rows unbounded preceding
    ) as flat_from_us
from candidates
