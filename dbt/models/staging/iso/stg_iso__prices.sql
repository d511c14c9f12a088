-- Forecasts are no prices: stg_iso__prices_advisory has them.
select * exclude (member)
from {{ source('raw', 'iso_prices') }}
where vintage <> 'advisory'
