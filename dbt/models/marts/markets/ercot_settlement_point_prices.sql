{{ config(materialized='view') }}

select
    market,
    location as settlement_point,
    location_type as settlement_point_type,
    interval_start,
    interval_end,
    lmp_usd_mwh as settlement_point_price_usd_mwh,
    vintage,
    published_at,
    is_simulated
from {{ ref('iso_prices') }}
where iso = 'ERCOT' and price_type = 'SPP'
