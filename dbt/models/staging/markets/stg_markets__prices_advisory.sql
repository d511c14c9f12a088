select * exclude (member)
from {{ source('raw', 'iso_prices') }}
where vintage = 'advisory'
