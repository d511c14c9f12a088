select * exclude (member)
from {{ source('raw', 'system_load') }}
