-- Forecasts are no prices: stg_markets__as_prices_advisory has them.
select * exclude (member)
from {{ source('raw', 'as_prices') }}
where vintage <> 'advisory'
