-- 15-minute states merged to hours (UTC-aligned: the repeated autumn hour stays two), with the intervals of up to an hour.
{{ merge_states('int_lod_states_15min', 3600) }}
