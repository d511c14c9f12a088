select *
from {{ ref('stg_plan__hours') }}
where {{ of_changed_days('plans', 'interval_start') }}
