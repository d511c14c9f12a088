{#- Level-of-detail macros. Instants are whole microseconds since 1970 (integers are many times faster than ICU calendars). -#}

{% macro code_text() -%}
coalesce(observations.text, regexp_replace(observations.value::varchar, '\.0$', ''))
{%- endmacro %}

{% macro weight_of(value) -%}
case when is_flag then ({{ value }} <> 0)::double else greatest({{ value }}, 0) end
{%- endmacro %}

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
    sum(valid_weight_us) as valid_weight_us,
    flatten(list(codes) filter (where codes is not null)) as codes
{%- endmacro %}

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

{% macro lod_rows(states, extra_columns=[]) -%}
carried as (
    select
        states.*,
        windows.is_flag,
        greatest(states.until_us - states.end_us, 0) as over_us,
        greatest(coalesce(lag(states.until_us) over before - states.bucket_us, 0), 0) as head_us,
        lag(states.last_value) over before as head_value
    from {{ states }} as states
    inner join {{ ref('int_windows') }} as windows on states.window_id = windows.window_id
    window before as (partition by states.window_id order by states.bucket_us)
),

cut as (
    select
        *,
        valid_us - over_us + head_us as covered_us,
        valid_value_us - last_value * over_us + coalesce(head_value * head_us, 0) as value_us,
        valid_weight_us - {{ weight_of('last_value') }} * over_us
            + coalesce({{ weight_of('head_value') }} * head_us, 0) as weight_us
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
    -- A cadence of whole days is one of calendar days: those of 23 and 25 hours expect one value, too.
    case
        when windows.expected_interval_s % 86400 = 0 and cut.end_us - cut.bucket_us > {{ 3600 * 1000000 }} then 86400
        else (cut.end_us - cut.bucket_us) / 1000000
    end / windows.expected_interval_s as n_expected,
    cut.covered_us / (cut.end_us - cut.bucket_us) as coverage,
    case
        when windows.is_code then null
        when windows.is_exact then cut.exact_sum::double
        else cut.value_sum
    end as sum,
    case when windows.is_exact then cut.exact_sum end as sum_exact,
    case when not windows.is_code then cut.value_min end as min,
    case when not windows.is_code then cut.value_max end as max,
    case
        when windows.kind = 'power_factor' or windows.is_code then null
        when windows.is_exact then cut.exact_sum::double / cut.n
        else cut.value_sum / cut.n
    end as mean,
    case
        when windows.kind = 'power_factor' or windows.is_code or cut.covered_us = 0 then null
        else cut.value_us / cut.covered_us
    end as mean_time_weighted,
    case when not windows.is_code then cut.first_value end as first,
    make_timestamptz(cut.first_us) as first_at,
    case when not windows.is_code then cut.last_value end as last,
    make_timestamptz(cut.last_us) as last_at,
    make_timestamptz(cut.until_us) as covered_until,
    cut.covered_us / 1000000 as covered_s,
    case when not windows.is_code then cut.value_us / 1000000 end as value_seconds,
    case when not windows.is_flag then cut.weight_us / 1000000 end as value_seconds_positive,
    -- The rest of the integral; exactly 0 where nothing was negative.
    case
        when windows.is_flag then null
        when cut.value_min >= 0 and coalesce(cut.head_value, 0) >= 0 then 0 * cut.value_us
        else least(cut.value_us - cut.weight_us, 0) / 1000000
    end as value_seconds_negative,
    case when windows.is_flag then cut.weight_us / 1000000 end as seconds_active,
    case when windows.is_code then list_sort(list_distinct(cut.codes)) end as codes
from cut
inner join {{ ref('int_windows') }} as windows on cut.window_id = windows.window_id
inner join {{ ref('int_spans') }} as spans
    on cut.window_id = spans.window_id
    and cut.bucket_us >= spans.from_us
    and cut.bucket_us < spans.to_us
{%- endmacro %}

{% macro lod_level(states, bucket_seconds) -%}
with states as (
    select *, bucket_us + {{ bucket_seconds * 1000000 }} as end_us
    from {{ ref(states) }}
    where fits_us = {{ bucket_seconds * 1000000 }}
),

{{ lod_rows('states') }}
{%- endmacro %}
