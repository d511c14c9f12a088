-- What is rebuilt of each signal, beside the window that is read for it.
select
    windows.window_id,
    spans.asset_id,
    spans.signal,
    spans.time_zone,
    spans.rebuild_from,
    spans.rebuild_to,
    epoch_us(spans.rebuild_from) as from_us,
    epoch_us(spans.rebuild_to) as to_us
from {{ source('build', 'changed_spans') }} as spans
inner join {{ ref('int_windows') }} as windows
    on spans.asset_id = windows.asset_id
    and spans.signal = windows.signal
    and spans.read_from >= windows.read_from
    and spans.read_to <= windows.read_to
