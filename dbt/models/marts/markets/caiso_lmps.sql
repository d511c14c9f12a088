{{ config(materialized='view') }}

select
    market,
    location as node,
    interval_start,
    interval_end,
    lmp_usd_mwh,
    energy_usd_mwh as mce_usd_mwh,
    congestion_usd_mwh as mcc_usd_mwh,
    loss_usd_mwh as mcl_usd_mwh,
    ghg_usd_mwh as mghg_usd_mwh,
    published_at,
    is_simulated
from {{ ref('iso_prices') }}
where iso = 'CAISO'
