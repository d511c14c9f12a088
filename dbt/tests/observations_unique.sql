-- Blocking: of every signal there is one observation an instant. A doubled row would count twice in every figure. A commit
-- can have doubled rows of its own days alone, which lie in the rebuilt spans: what is read around them was checked by the
-- build that rebuilt it. Numbers as keys: grouping by the names costs twice as much.
with counted as (
    select spans.window_id, epoch_us(observations.ts) as at_us, count(*) as found
    from {{ ref('stg_shared__observations') }} as observations
    inner join {{ ref('int_spans') }} as spans
        on observations.asset_id = spans.asset_id
        and observations.signal = spans.signal
        and observations.ts >= spans.rebuild_from
        and observations.ts < spans.rebuild_to
    group by spans.window_id, at_us
    having count(*) > 1
)

select windows.asset_id, windows.signal, make_timestamptz(counted.at_us) as ts, counted.found, 1 as expected
from counted
inner join {{ ref('int_windows') }} as windows on counted.window_id = windows.window_id
