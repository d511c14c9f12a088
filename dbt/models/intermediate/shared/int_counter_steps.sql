-- Steps between the counter samples that are no spikes, each with its class and the span its energy is spread over.
--   reset       a fall by a tenth or more: a new register. The new value itself is not added: nobody knows what it began at.
--   correction  a smaller fall: the register was set right; the net change counts.
--   freeze      flat for 24 h or more, then one step above what the connection delivers in the step's time: the energy
--               was used while the register stood still, and is spread over that.
with kept as (
    select
        *,
        lag(amount) over series as amount_before,
        lag(at_us) over series as from_us,
        lag(flat_from_us) over series as flat_before_us
    from {{ ref('int_counter_samples') }}
    where not is_spike
    window series as (partition by window_id order by at_us)
),

classified as (
    select
        *,
        amount - amount_before as step,
        case
            when amount < amount_before and (amount_before - amount) * 10 < abs(amount_before) then 'correction'
            when amount < amount_before then 'reset'
            when is_energy
                and from_us - flat_before_us >= {{ 24 * 3600 * 1000000 }}
                and (amount - amount_before) * 3600 > (power_limit_w * (at_us - from_us))::hugeint
                then 'freeze'
        end as kind
    from kept
    where amount_before is not null
)

select
    window_id,
    from_us,
    at_us as to_us,
    case when kind = 'freeze' then flat_before_us else from_us end as spread_from_us,
    amount_before,
    amount as amount_after,
    step,
    case when kind = 'reset' then 0 else step end as energy,
    kind,
    is_energy,
    coalesce(kind in ('correction', 'freeze'), false) or at_us - from_us > max_gap_us as is_estimated,
    max_gap_us
from classified
