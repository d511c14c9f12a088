-- Blocking: of every signal there is one observation an instant. A doubled row would count twice in every figure.
select
    observations.asset_id,
    observations.signal,
    observations.ts,
    count(*) as found,
    1 as expected
from {{ ref('stg_shared__observations') }} as observations
inner join {{ ref('int_windows') }} as windows
    on observations.asset_id = windows.asset_id
    and observations.signal = windows.signal
    and observations.ts between windows.read_from and windows.read_to
group by observations.asset_id, observations.signal, observations.ts
having count(*) > 1
