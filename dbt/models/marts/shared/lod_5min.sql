{{ config(rebuild_by='signal_day', bounded=true) }}

{{ lod_level('int_lod_states_5min', 300) }}
