{{ config(severity='warn') }}
-- What a battery sold for an hour fits between its limits: energy and upward services below the high sustained limit, energy less
-- regulation down above the low one, a tenth of a MW of rounding aside. It warns: limits are of the hour's plan and may have
-- been lowered since the award.
select resource, interval_start, hsl_mw, lsl_mw,
    coalesce(awarded_mw, 0) + coalesce(regup_awarded_mw, 0) + coalesce(rrs_awarded_mw, 0) + coalesce(ecrs_awarded_mw, 0)
    + coalesce(nonspin_awarded_mw, 0) as up_mw,
    coalesce(awarded_mw, 0) - coalesce(regdown_awarded_mw, 0) as down_mw
from {{ ref('bess_dam_hours') }}
where pairing = 'one resource'
    and {{ checked_operating_days() }}
    and (up_mw > hsl_mw + 0.1 or down_mw < lsl_mw - 0.1)
