{{ config(materialized='view') }}

select
    market,
    location as name,
    location_id as ptid,
    location_type,
    interval_start,
    interval_end,
    lmp_usd_mwh as lbmp_usd_mwh,
    loss_usd_mwh as marginal_cost_losses_usd_mwh,
    congestion_published_usd_mwh as marginal_cost_congestion_usd_mwh,
    vintage,
    published_at,
    is_simulated
from {{ ref('iso_prices') }}
where iso = 'NYISO'
