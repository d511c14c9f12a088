-- A coarser level is exactly the merge of the finer one: number, exact sum, extremes, first and last value.
with longest as (
    select window_id, max(fits_us) as fits_us
    from {{ ref('int_lod_states_5min') }}
    group by window_id
),

checked as (
    select spans.*, longest.fits_us
    from {{ ref('int_spans') }} as spans
    inner join longest on spans.window_id = longest.window_id
)

{{ level_differences('lod_15min', 'lod_5min', 300, 900) }}
union all
{{ level_differences('lod_1h', 'lod_15min', 900, 3600) }}
union all
{{ level_differences('lod_1d', 'lod_15min', 900) }}
