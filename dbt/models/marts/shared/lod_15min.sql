{{ config(pre_hook="{{ delete_changed('bucket_start') }}") }}

{{ lod_level('int_lod_states_15min', 900) }}
