{{ config(severity='warn') }}
-- A price is the sum of its components. Operators round each to a cent, some to a hundredth of one, so that four of them may
-- miss the sum by two cents. It warns and does not block: what an operator published stays what it published.
select iso, market, location, location_type, interval_start, lmp_usd_mwh as found,
    energy_usd_mwh + congestion_usd_mwh + loss_usd_mwh + coalesce(ghg_usd_mwh, 0) as expected
from {{ ref('iso_prices') }}
where {{ checked_prices('iso_prices') }}
    and abs(lmp_usd_mwh - (energy_usd_mwh + congestion_usd_mwh + loss_usd_mwh + coalesce(ghg_usd_mwh, 0))) > 0.02
