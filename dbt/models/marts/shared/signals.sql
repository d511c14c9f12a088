select
    asset_id,
    signal,
    kind,
    unit,
    role,
    pair_signal,
    expected_interval_s,
    max_gap_s,
    estimated_statuses,
    layout,
    rollover_at
from {{ ref('stg_shared__signals') }}
