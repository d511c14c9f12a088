-- 5-minute states merged to 15 minutes, with the intervals of up to 15 minutes.
{{ merge_states('int_lod_states_5min', 900) }}
