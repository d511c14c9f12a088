{{ config(pre_hook="{{ delete_changed('bucket_start') }}") }}

{{ lod_level('int_lod_states_1h', 3600) }}
