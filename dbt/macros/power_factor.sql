{% macro power_factor_columns() -%}
    sum(parts.n)::bigint as n,
    sum(parts.n_left_out)::bigint as n_left_out,
    sum(parts.p_kwh) as p_kwh,
    sum(parts.s_kvah) as s_kvah,
    sum(parts.p_kwh) / nullif(sum(parts.s_kvah), 0) as power_factor
{%- endmacro %}

{% macro power_factor_level(bucket_seconds) -%}
{%- set bucket_us = bucket_seconds * 1000000 -%}
with parts as (
    select
        parts.* exclude (bucket_us),
        parts.bucket_us // {{ bucket_us }} * {{ bucket_us }} as bucket_us
    from {{ ref('int_power_factor_15min') }} as parts
)

select
    parts.asset_id,
    parts.signal,
    make_timestamptz(parts.bucket_us) as interval_start,
    make_timestamptz(parts.bucket_us + {{ bucket_us }}) as interval_end,
    {{ power_factor_columns() }},
    sum(parts.covered_us) / {{ bucket_us }} as coverage
from parts
-- A bucket belongs to the day it starts in, as everywhere.
asof inner join {{ ref('int_asset_days') }} as days
    on parts.asset_id = days.asset_id and parts.bucket_us >= days.day_start_us
where parts.bucket_us < days.day_end_us
group by parts.asset_id, parts.signal, parts.bucket_us
{%- endmacro %}
