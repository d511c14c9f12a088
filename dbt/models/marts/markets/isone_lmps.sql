{{ config(materialized='view') }}

select
    market,
    location_id,
    location as location_name,
    location_type,
    interval_start,
    interval_end,
    lmp_usd_mwh as lmp_total_usd_mwh,
    energy_usd_mwh as energy_component_usd_mwh,
    congestion_usd_mwh as congestion_component_usd_mwh,
    loss_usd_mwh as loss_component_usd_mwh,
    vintage,
    published_at,
    is_simulated
from {{ ref('iso_prices') }}
where iso = 'ISONE'
