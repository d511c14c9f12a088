{{ config(pre_hook="{{ delete_changed('bucket_start') }}") }}

with states as (
    select * from {{ ref('int_lod_states_1d') }}
),

{{ lod_rows('states', ['local_date']) }}
