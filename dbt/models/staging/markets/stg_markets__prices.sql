-- Forecasts are no prices: stg_markets__prices_advisory has them.
-- The place that a price is of: in five-minute reports of ISO-NE a node has its number, and a name only where web services
-- state it.
{% set is_numbered = "iso = 'ISONE' and market = 'RT5' and location_id is not null" -%}
select
    * exclude (member),
    case when {{ is_numbered }} then location_id else location end as place,
    case when {{ is_numbered }} then '' else location_type end as place_type
from {{ source('raw', 'iso_prices') }}
where vintage <> 'advisory'
