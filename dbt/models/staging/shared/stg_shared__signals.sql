select
    asset_id,
    signal,
    kind,
    unit,
    expected_interval_s,
    max_gap_s,
    (max_gap_s * 1000000)::bigint as max_gap_us,
    role,
    pair_signal,
    estimated_statuses,
    layout,
    rollover_at,
    kind in ('code', 'category') as is_code,
    kind in ('alarm', 'code', 'category') as is_flag,
    kind in ('counter', 'interval_mean', 'interval_energy') as is_exact,
    kind in ('interval_mean', 'interval_energy') as is_interval
from {{ source('raw', 'signals') }}
