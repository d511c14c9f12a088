-- Counter samples, numbered by runs of equal values: a register that reads 0 three times dropped out once. Whole numbers:
-- billionths of a kWh, or millionths of the unit where it is no energy (gas).
with samples as (
    select
        windows.window_id,
        epoch_us(observations.ts) as at_us,
        {{ micro('observations.value_exact') }} * coalesce(windows.nano_kwh_per_micro, 1) as amount,
        coalesce(list_contains(string_split(windows.estimated_statuses, '|'), observations.text), false) as is_estimated
    from {{ ref('stg_shared__observations') }} as observations
    inner join {{ ref('int_windows') }} as windows
        on observations.asset_id = windows.asset_id
        and observations.signal = windows.signal
        and observations.ts >= windows.read_from
        and observations.ts <= windows.read_to
    where windows.kind = 'counter' and observations.value_exact is not null
),

compared as (
    select *, amount is distinct from lag(amount) over (partition by window_id order by at_us) as is_new
    from samples
)

select
    window_id,
    at_us,
    amount,
    is_estimated,
    sum(is_new::integer) over (partition by window_id order by at_us rows unbounded preceding)::bigint as run
from compared
