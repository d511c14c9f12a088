{{ config(rebuild_by='signal_day', bounded=true) }}

with events as (
    select
        window_id,
        to_us as at_us,
        since_us as span_start_us,
        kind,
        case kind when 'reset' then amount_before when 'rollover' then energy else step end as amount,
        amount_before,
        amount_after,
        null as samples_left_out
    from {{ ref('int_counter_steps') }}
    where kind is not null
    union all
    select
        runs.window_id,
        min(runs.first_us),
        arg_min(runs.before_us, runs.run),
        'spike',
        arg_min(runs.jump, runs.run),
        arg_min(runs.amount_before, runs.run),
        arg_min(runs.amount, runs.run),
        sum(runs.n)::bigint
    from {{ ref('int_counter_excursions') }} as excursions
    inner join {{ ref('int_counter_runs') }} as runs
        on excursions.window_id = runs.window_id
        and runs.run >= excursions.from_run
        and runs.run < excursions.to_run
    group by runs.window_id, excursions.from_run
)

select
    spans.asset_id,
    spans.signal,
    make_timestamptz(events.at_us) as occurred_at,
    make_timestamptz(events.span_start_us) as span_start,
    events.kind,
    case when windows.nano_kwh_per_micro is not null then {{ nano_to_kwh('events.amount') }} end as size_kwh,
    {% for column in ['amount', 'amount_before', 'amount_after'] -%}
    -- Back to the unit the register counts in.
    (events.{{ column }} // coalesce(windows.nano_kwh_per_micro, 1))::decimal(32, 0) * 0.000001 as {{ column.replace('amount', 'size' if column == 'amount' else 'value') }},
    {% endfor -%}
    windows.unit,
    events.samples_left_out
from events
inner join {{ ref('int_windows') }} as windows on events.window_id = windows.window_id
inner join {{ ref('int_spans') }} as spans
    on events.window_id = spans.window_id
    and events.at_us >= spans.from_us
    and events.at_us < spans.to_us
