-- Telemetry of a battery by 15 minutes: a run's values hold until the next run, at most 15 minutes, and are cut at the edges of
-- the quarter. Energy in billionths of MWh, added up in whole numbers.
with pieces as (
    select
        *,
        at_us // {{ quarter_us() }} as quarter,
        least(until_us, (at_us // {{ quarter_us() }} + 1) * {{ quarter_us() }}) - at_us as us,
        1 as runs
    from {{ ref('int_bess_runs') }}
    union all
    -- Never longer than a quarter, so it reaches into one more at most.
    select *, at_us // {{ quarter_us() }} + 1, until_us - (at_us // {{ quarter_us() }} + 1) * {{ quarter_us() }}, 0
    from {{ ref('int_bess_runs') }}
    where until_us > (at_us // {{ quarter_us() }} + 1) * {{ quarter_us() }}
),

quarters as (
    select
        kind = 'load' as is_load,
        resource_name,
        quarter,
        sum(runs)::bigint as runs,
        sum(missing_runs) filter (where runs = 1)::bigint as missing_runs,
        sum(us) filter (where micro_mw is not null)::bigint as covered_us,
        {{ nano_mwh('sum(greatest(micro_mw, 0)::hugeint * us)') }} as out_nano,
        {{ nano_mwh('sum(-least(micro_mw, 0)::hugeint * us)') }} as in_nano,
        {% for service in services() -%}
        -- Time-weighted over what is covered, brought to the whole quarter.
        case when coalesce(max(abs({{ service.name }}_award_mw)) filter (where knows_awards), 0) < {{ mw_limit() }}
            then (sum(coalesce({{ micro_mw(service.name ~ '_award_mw') }}, 0)::hugeint * us) filter (where knows_awards)) * 1000
            // (sum(us) filter (where knows_awards))
        end as {{ service.name }}_award_nano,
        {% endfor -%}
        max(published_at) as published_at,
        bool_or(is_simulated) as is_simulated
    from pieces
    group by is_load, resource_name, quarter
)

select
    halves.resource,
    own.quarter,
    own.runs,
    own.missing_runs,
    -- A pair is covered where both halves are.
    case
        when halves.load_resource is null or halves.kind = 'esr' then coalesce(own.covered_us, 0)
        else least(coalesce(own.covered_us, 0), coalesce(charging.covered_us, 0))
    end as covered_us,
    own.out_nano + coalesce(charging.out_nano, 0) as out_nano,
    own.in_nano + coalesce(charging.in_nano, 0) as in_nano,
    {% for service in services() -%}
    own.{{ service.name }}_award_nano,
    {% endfor -%}
    greatest(own.published_at, charging.published_at) as published_at,
    own.is_simulated or coalesce(charging.is_simulated, false) as is_simulated
from {{ ref('int_bess_halves') }} as halves
inner join {{ ref('int_market_days') }} as days on halves.operating_day = days.operating_day
inner join quarters as own
    on not own.is_load
    and halves.resource = own.resource_name
    and own.quarter >= days.first_quarter
    and own.quarter < days.end_quarter
left join quarters as charging
    on charging.is_load and halves.kind = 'gen' and halves.load_resource = charging.resource_name and own.quarter = charging.quarter
