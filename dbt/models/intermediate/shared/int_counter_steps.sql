-- Steps between the counter samples that are left in, each with its class and the span its energy is spread over.
--   rollover    a fall past the value at which the register begins again, where the connection can have carried what lies
--               between.
--   correction  a fall by less than a tenth: the register was set right; the net change counts.
--   reset       a greater fall: a new register. The new value itself is not added: nobody knows what it began at.
--   freeze      flat for 24 h or more, then one step above what the connection delivers in the step's time: the energy
--               was used while the register stood still, and is spread over that.
--   jump        any other step above what the connection delivers in its time: it counts, and is an estimate.
--   gap         a rise over more than three years without a sample: it is spread over the last three of them, because quarters of
--               an hour back to a clock that was never set (1970) would say nothing in millions of rows.
with kept as (
    select
        samples.window_id,
        samples.at_us,
        samples.amount,
        samples.is_estimated,
        -- Start of the run of equal values, excursions included: one of them ends a run.
        min(samples.at_us) over (partition by samples.window_id, samples.run) as flat_from_us
    from {{ ref('int_counter_samples') }} as samples
    asof left join {{ ref('int_counter_excursions') }} as excursions
        on samples.window_id = excursions.window_id and samples.run >= excursions.from_run
    where coalesce(samples.run >= excursions.to_run, true)
),

paired as (
    select
        *,
        lag(amount) over series as amount_before,
        lag(at_us) over series as from_us,
        -- What is counted from or to a reading that its source calls estimated is an estimate too.
        is_estimated or lag(is_estimated) over series as touches_estimate,
        lag(flat_from_us) over series as flat_before_us
    from kept
    window series as (partition by window_id order by at_us)
),

measured as (
    select
        paired.*,
        paired.amount - paired.amount_before as step,
        {{ rise('paired.amount_before', 'paired.amount', 'paired.at_us - paired.from_us') }} as energy,
        windows.nano_kwh_per_micro is not null as is_energy,
        windows.nano_kwh_per_micro is not null
        and {{ exceeds('paired.amount - paired.amount_before', 'windows.power_limit_w', 'paired.at_us - paired.from_us') }}
            as is_leap,
        windows.max_gap_us
    from paired
    inner join {{ ref('int_windows') }} as windows on paired.window_id = windows.window_id
    where paired.amount_before is not null
),

classified as (
    select
        *,
        case
            when energy <> step then 'rollover'
            when step < 0 and -step * 10 < abs(amount_before) then 'correction'
            when step < 0 then 'reset'
            when is_leap and from_us - flat_before_us >= {{ 24 * 3600 * 1000000 }} then 'freeze'
            when is_leap then 'jump'
            when step > 0 and at_us - from_us > {{ longest_spread_us() }} then 'gap'
        end as kind
    from measured
)

select
    window_id,
    from_us,
    at_us as to_us,
    case when kind = 'freeze' then flat_before_us else from_us end as since_us,
    greatest(since_us, at_us - {{ longest_spread_us() }}) as spread_from_us,
    amount_before,
    amount as amount_after,
    step,
    case when kind = 'reset' then 0 else energy end as energy,
    kind,
    is_energy,
    coalesce(kind in ('correction', 'freeze', 'jump'), false)
    or at_us - from_us > max_gap_us
    or touches_estimate as is_estimated,
    max_gap_us
from classified
