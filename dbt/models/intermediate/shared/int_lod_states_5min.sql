-- Raw samples to 5-minute states, the only model of the pyramid that reads raw. A state is what merges by sums and
-- extremes alone: every sample's valid time counts here in full, also where the last one's runs past the bucket; the level
-- that shows the state cuts it (macro lod_rows). `fits_us` is the shortest level an interval fits: one longer than a bucket
-- gives none there and enters at the level that holds it.
with samples as (
    select
        windows.window_id,
        windows.is_code,
        windows.kind,
        epoch_us(observations.ts) as at_us,
        epoch_us(observations.interval_end) - epoch_us(observations.ts) as length_us,
        windows.max_gap_us,
        case when not windows.is_code then observations.value end as value,
        case when not windows.is_code then observations.value_exact end as value_exact,
        case
            when windows.is_code
                then coalesce(observations.text, regexp_replace(observations.value::varchar, '\.0$', ''))
        end as code
    from {{ ref('stg_shared__observations') }} as observations
    inner join {{ ref('int_windows') }} as windows
        on observations.asset_id = windows.asset_id
        and observations.signal = windows.signal
        and observations.ts >= windows.read_from
        and observations.ts <= windows.read_to
    where observations.value is not null or windows.is_code
),

timed as (
    select
        *,
        case
            when length_us is null or length_us <= {{ 5 * 60 * 1000000 }} then {{ 5 * 60 * 1000000 }}
            when length_us <= {{ 15 * 60 * 1000000 }} then {{ 15 * 60 * 1000000 }}
            when length_us <= {{ 3600 * 1000000 }} then {{ 3600 * 1000000 }}
            else length_us
        end as fits_us,
        case
            when kind = 'alarm' then value <> 0
            when kind = 'code' then code not in ('', '0')
            when kind = 'category' then true
        end as is_active,
        least(
            lead(at_us) over (partition by window_id order by at_us),
            at_us + coalesce(length_us, max_gap_us)
        ) as until_us
    from samples
)

select
    window_id,
    at_us // {{ 5 * 60 * 1000000 }} * {{ 5 * 60 * 1000000 }} as bucket_us,
    fits_us,
    count(*) as n,
    sum(value) as value_sum,
    sum(value_exact) as exact_sum,
    min(value) as value_min,
    max(value) as value_max,
    arg_min(value, at_us) as first_value,
    min(at_us) as first_us,
    arg_max(value, at_us) as last_value,
    max(at_us) as last_us,
    max(until_us) as until_us,
    sum(until_us - at_us)::bigint as valid_us,
    sum(value * (until_us - at_us)) as valid_value_us,
    sum(greatest(value, 0) * (until_us - at_us)) as valid_positive_us,
    sum(case when is_active then until_us - at_us end)::bigint as valid_active_us,
    arg_max(is_active, at_us) as last_active,
    list(code) filter (where code is not null) as codes
from timed
group by all
