-- Hours recomputed from raw samples are the hours of the mart: number, extremes and exact sum. Together with the merge of
-- levels this holds for every level.
with recomputed as (
    select
        windows.window_id,
        epoch_us(observations.ts) // 3600000000 * 3600000000 as bucket_us,
        count(*) as n,
        min(case when not windows.is_code then observations.value end) as min,
        max(case when not windows.is_code then observations.value end) as max,
        sum(case when windows.kind in ('counter', 'interval_energy', 'interval_mean') then observations.value_exact end) as sum_exact
    from {{ ref('stg_shared__observations') }} as observations
    inner join {{ ref('int_windows') }} as windows
        on observations.asset_id = windows.asset_id
        and observations.signal = windows.signal
        and observations.ts >= windows.read_from
        and observations.ts <= windows.read_to
    where (observations.value is not null or windows.is_code)
        and coalesce(epoch_us(observations.interval_end) - epoch_us(observations.ts) <= 3600000000, true)
    group by all
),

expected as (
    select
        spans.asset_id,
        spans.signal,
        make_timestamptz(recomputed.bucket_us) as bucket_start,
        {'n': n, 'min': min, 'max': max, 'sum': sum_exact} as state
    from recomputed
    inner join {{ ref('int_spans') }} as spans
        on recomputed.window_id = spans.window_id
        and recomputed.bucket_us >= spans.from_us
        and recomputed.bucket_us < spans.to_us
),

found as (
    select
        lod.asset_id,
        lod.signal,
        lod.bucket_start,
        {'n': lod.n, 'min': lod.min, 'max': lod.max, 'sum': lod.sum_exact} as state
    from {{ ref('lod_1h') }} as lod
    inner join {{ ref('int_spans') }} as spans
        on lod.asset_id = spans.asset_id
        and lod.signal = spans.signal
        and lod.bucket_start >= spans.rebuild_from
        and lod.bucket_start < spans.rebuild_to
)

select
    coalesce(expected.asset_id, found.asset_id) as asset_id,
    coalesce(expected.signal, found.signal) as signal,
    coalesce(expected.bucket_start, found.bucket_start) as bucket_start,
    expected.state as expected,
    found.state as found
from expected
full outer join found
    on expected.asset_id = found.asset_id
    and expected.signal = found.signal
    and expected.bucket_start = found.bucket_start
where expected.state is distinct from found.state
