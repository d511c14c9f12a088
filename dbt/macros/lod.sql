{#- Level-of-detail macros. Instants are whole microseconds since 1970 (integers are many times faster than ICU calendars). -#}

{#- Columns that merge states of finer buckets: sums add up, extremes compete, first and last go by their instant. -#}
{% macro merged_state_columns() -%}
    sum(n)::bigint as n,
    sum(value_sum) as value_sum,
    sum(exact_sum) as exact_sum,
    min(value_min) as value_min,
    max(value_max) as value_max,
    arg_min(first_value, first_us) as first_value,
    min(first_us) as first_us,
    arg_max(last_value, last_us) as last_value,
    max(last_us) as last_us,
    max(until_us) as until_us,
    sum(valid_us)::bigint as valid_us,
    sum(valid_value_us) as valid_value_us,
    sum(valid_positive_us) as valid_positive_us,
    sum(valid_active_us)::bigint as valid_active_us,
    arg_max(last_active, last_us) as last_active,
    flatten(list(codes) filter (where codes is not null)) as codes
{%- endmacro %}

{#- States of a UTC-aligned level merged from a finer one; intervals too long for the level stay apart. -#}
{% macro merge_states(finer, bucket_seconds) -%}
{%- set bucket_us = bucket_seconds * 1000000 -%}
select
    window_id,
    bucket_us // {{ bucket_us }} * {{ bucket_us }} as bucket_us,
    greatest(fits_us, {{ bucket_us }}) as fits_us,
    {{ merged_state_columns() }}
from {{ ref(finer) }}
group by 1, 2, 3
{%- endmacro %}

{#- States to the rows of a level. What the last sample is valid for beyond the bucket is cut off; what the sample before
    the bucket is valid for inside of it is added. `states` is a relation with window_id, bucket_us, end_us and a state;
    extra columns are passed through. Only buckets that are rebuilt leave. -#}
{% macro lod_rows(states, extra_columns=[]) -%}
carried as (
    select
        *,
        greatest(until_us - end_us, 0) as over_us,
        greatest(coalesce(lag(until_us) over before - bucket_us, 0), 0) as head_us,
        lag(last_value) over before as head_value,
        lag(last_active) over before as head_active
    from {{ states }}
    window before as (partition by window_id order by bucket_us)
),

cut as (
    select
        *,
        valid_us - over_us + head_us as covered_us,
        valid_value_us - coalesce(last_value * over_us, 0) + coalesce(head_value * head_us, 0) as value_us,
        valid_positive_us - coalesce(greatest(last_value, 0) * over_us, 0)
            + coalesce(greatest(head_value, 0) * head_us, 0) as positive_us,
        coalesce(valid_active_us, 0) - case when last_active then over_us else 0 end
            + case when head_active then head_us else 0 end as active_us
    from carried
)

select
    spans.asset_id,
    spans.signal,
    make_timestamptz(cut.bucket_us) as bucket_start,
    make_timestamptz(cut.end_us) as bucket_end,
    {% for column in extra_columns -%}
    cut.{{ column }},
    {% endfor -%}
    windows.kind,
    windows.unit,
    cut.n,
    (cut.end_us - cut.bucket_us) / 1000000 / windows.expected_interval_s as n_expected,
    cut.covered_us / (cut.end_us - cut.bucket_us) as coverage,
    case
        when windows.is_code then null
        when windows.kind in ('counter', 'interval_energy', 'interval_mean') then cut.exact_sum::double
        else cut.value_sum
    end as sum,
    case when windows.kind in ('counter', 'interval_energy', 'interval_mean') then cut.exact_sum end as sum_exact,
    cut.value_min as min,
    cut.value_max as max,
    case
        when windows.kind = 'power_factor' then null
        when windows.kind in ('counter', 'interval_energy', 'interval_mean') then cut.exact_sum::double / cut.n
        else cut.value_sum / cut.n
    end as mean,
    case when windows.kind <> 'power_factor' and cut.covered_us > 0 then cut.value_us / cut.covered_us end as mean_time_weighted,
    cut.first_value as first,
    make_timestamptz(cut.first_us) as first_at,
    cut.last_value as last,
    make_timestamptz(cut.last_us) as last_at,
    make_timestamptz(cut.until_us) as covered_until,
    cut.covered_us / 1000000 as covered_s,
    cut.value_us / 1000000 as value_seconds,
    cut.positive_us / 1000000 as value_seconds_positive,
    -- The rest of the integral; exactly 0 where nothing was negative.
    case
        when cut.value_min >= 0 and coalesce(cut.head_value, 0) >= 0 then 0 * cut.value_us
        else least(cut.value_us - cut.positive_us, 0) / 1000000
    end as value_seconds_negative,
    case when windows.kind in ('alarm', 'code', 'category') then cut.active_us / 1000000 end as seconds_active,
    case when windows.is_code then list_sort(list_distinct(cut.codes)) end as codes
from cut
inner join {{ ref('int_windows') }} as windows on cut.window_id = windows.window_id
inner join {{ ref('int_spans') }} as spans
    on cut.window_id = spans.window_id
    and cut.bucket_us >= spans.from_us
    and cut.bucket_us < spans.to_us
{%- endmacro %}

{#- A UTC-aligned level out of its states. -#}
{% macro lod_level(states, bucket_seconds) -%}
with states as (
    select *, bucket_us + {{ bucket_seconds * 1000000 }} as end_us
    from {{ ref(states) }}
    where fits_us = {{ bucket_seconds * 1000000 }}
),

{{ lod_rows('states') }}
{%- endmacro %}
