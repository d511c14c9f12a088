{{ config(rebuild_by='signal_day', bounded=true) }}

with states as (
    select * from {{ ref('int_lod_states_1d') }}
),

{{ lod_rows('states', ['local_date']) }}
