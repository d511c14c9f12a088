{% macro level_differences(coarser, finer, finer_seconds, bucket_seconds=none) -%}
select
    '{{ coarser }}' as level,
    coalesce(coarse.asset_id, merged.asset_id) as asset_id,
    coalesce(coarse.signal, merged.signal) as signal,
    coalesce(coarse.bucket_start, merged.bucket_start) as bucket_start,
    merged.state as expected,
    coarse.state as found
from (
    select
        lod.asset_id,
        lod.signal,
        lod.bucket_start,
        {'n': lod.n, 'sum': lod.sum_exact, 'min': lod.min, 'max': lod.max, 'first': lod.first, 'last': lod.last} as state
    from {{ ref(coarser) }} as lod
    inner join checked
        on lod.asset_id = checked.asset_id
        and lod.signal = checked.signal
        and lod.bucket_start >= checked.rebuild_from
        and lod.bucket_start < checked.rebuild_to
    where checked.fits_us <= {{ finer_seconds * 1000000 }}
) as coarse
full outer join (
    select
        keyed.asset_id,
        keyed.signal,
        keyed.coarse_start as bucket_start,
        {
            'n': sum(keyed.n)::bigint,
            'sum': sum(keyed.sum_exact)::decimal(38, 6),
            'min': min(keyed.min),
            'max': max(keyed.max),
            'first': arg_min(keyed.first, keyed.first_at),
            'last': arg_max(keyed.last, keyed.last_at)
        } as state
    from (
        select
            fine.*,
            checked.rebuild_from,
            checked.rebuild_to,
            {% if bucket_seconds -%}
            make_timestamptz(epoch_us(fine.bucket_start) // {{ bucket_seconds * 1000000 }} * {{ bucket_seconds * 1000000 }}) as coarse_start
            {%- else -%}
            days.day_start as coarse_start
            {%- endif %}
        from {{ ref(finer) }} as fine
        inner join checked
            on fine.asset_id = checked.asset_id
            and fine.signal = checked.signal
            -- An hour that starts inside may reach beyond.
            and fine.bucket_start >= checked.rebuild_from
            and fine.bucket_start < checked.rebuild_to + interval 1 hour
            and checked.fits_us <= {{ finer_seconds * 1000000 }}
        {% if not bucket_seconds -%}
        asof inner join {{ ref('stg_shared__local_days') }} as days
            on checked.time_zone = days.time_zone and fine.bucket_start >= days.day_start
        {%- endif %}
    ) as keyed
    where keyed.coarse_start >= keyed.rebuild_from and keyed.coarse_start < keyed.rebuild_to
    group by keyed.asset_id, keyed.signal, keyed.coarse_start
) as merged
    on coarse.asset_id = merged.asset_id
    and coarse.signal = merged.signal
    and coarse.bucket_start = merged.bucket_start
where coarse.state is distinct from merged.state
{%- endmacro %}
