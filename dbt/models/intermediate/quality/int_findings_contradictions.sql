-- Lines of one file that say different things of one instant: the last one holds. Rows come from quarantine, whole in every
-- build; `lakehouse/writing/contradictions.py` writes them.
with lost as (
    select
        source_object,
        file,
        line,
        raw_text ->> 'asset_id' as asset_id,
        raw_text ->> 'signal' as signal,
        (raw_text ->> 'ts')::timestamptz as ts,
        raw_text ->> 'says' as says,
        (raw_text ->> 'value')::double as value,
        raw_text ->> 'holds' as holds,
        raw_text ->> 'holds_line' as holds_line
    from {{ source('raw', 'quarantine') }}
    where reason = 'a later line of the file says otherwise of this instant, and holds'
)

select
    'contradiction' as rule,
    'warning' as severity,
    asset_id,
    signal,
    ts as interval_start,
    ts as interval_end,
    arg_min(value, (source_object, line)) as value,
    string_agg(
        format(
            '{} says {} in line {} of {} and {} in line {}, which holds, of {} UTC.',
            signal, says, line, parse_filename(file), holds, holds_line, strftime(ts at time zone 'UTC', '%Y-%m-%d %H:%M:%S')
        ),
        ' ' order by source_object, line
    ) as message
from lost
group by asset_id, signal, ts
