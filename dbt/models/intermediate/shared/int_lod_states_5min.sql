-- Raw samples to 5-minute states, the only model of the pyramid that reads raw. A state is what merges by sums and
-- extremes alone: every sample's valid time counts here in full, also where the last one's runs past the bucket; the level
-- that shows the state cuts it (macro lod_rows). `fits_us` is the shortest level an interval fits: one longer than a bucket
-- gives none there and enters at the level that holds it. A code is 1 while it says something and 0 else; the level shows
-- its texts and no numbers.
{%- set five_us = 5 * 60 * 1000000 %}
with samples as (
    select
        windows.window_id,
        windows.is_flag,
        epoch_us(observations.ts) as at_us,
        epoch_us(observations.interval_end) - epoch_us(observations.ts) as length_us,
        windows.max_gap_us,
        case
            when windows.is_code then (windows.kind = 'category' or {{ code_text() }} not in ('', '0'))::double
            else observations.value
        end as value,
        observations.value_exact,
        case when windows.is_code then {{ code_text() }} end as code
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
            when length_us is null or length_us <= {{ five_us }} then {{ five_us }}
            when length_us <= {{ 15 * 60 * 1000000 }} then {{ 15 * 60 * 1000000 }}
            when length_us <= {{ 3600 * 1000000 }} then {{ 3600 * 1000000 }}
            else length_us
        end as fits_us,
        case when is_flag then (value <> 0)::double else greatest(value, 0) end as weight,
        least(
            lead(at_us) over (partition by window_id order by at_us),
            at_us + coalesce(length_us, max_gap_us)
        ) - at_us as valid_us
    from samples
)

select
    window_id,
    at_us // {{ five_us }} * {{ five_us }} as bucket_us,
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
    max(at_us + valid_us) as until_us,
    sum(valid_us)::bigint as valid_us,
    sum(value * valid_us) as valid_value_us,
    sum(weight * valid_us) as valid_weight_us,
    list(code) filter (where code is not null) as codes
from timed
group by window_id, bucket_us, fits_us
