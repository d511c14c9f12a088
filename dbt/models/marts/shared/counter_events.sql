{{ config(pre_hook="{{ delete_changed('occurred_at') }}") }}

with events as (
    select
        window_id,
        to_us as at_us,
        spread_from_us as span_start_us,
        kind,
        case when kind = 'reset' then amount_before else step end as amount,
        amount_before,
        amount_after
    from {{ ref('int_counter_steps') }}
    where kind is not null
    union all
    select
        window_id,
        at_us,
        before_us,
        'spike',
        jump,
        amount - jump,
        amount
    from {{ ref('int_counter_samples') }}
    where is_spike and is_new
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
    windows.unit
from events
inner join {{ ref('int_windows') }} as windows on events.window_id = windows.window_id
inner join {{ ref('int_spans') }} as spans
    on events.window_id = spans.window_id
    and events.at_us >= spans.from_us
    and events.at_us < spans.to_us
