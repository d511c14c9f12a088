select * exclude (member)
from {{ source('raw', 'as_prices') }}
where vintage = 'advisory'
