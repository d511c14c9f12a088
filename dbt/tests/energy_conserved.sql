-- Energy is conserved to the last digit: the quarters of a rebuilt span add up to the amounts spread over it (each cut once
-- at the span's edges instead of at every quarter), and the days to the same.
with spread as (
    select
        spans.asset_id,
        spans.signal,
        spans.rebuild_from,
        sum(
            {{ share('energy', 'least(spread.to_us, spans.to_us) - spread.spread_from_us', 'spread.to_us - spread.spread_from_us') }}
            - {{ share(
                'energy', 'greatest(spread.spread_from_us, spans.from_us) - spread.spread_from_us',
                'spread.to_us - spread.spread_from_us'
            ) }}
        )::hugeint as energy
    from {{ ref('int_energy_spread') }} as spread
    inner join {{ ref('int_spans') }} as spans
        on spread.window_id = spans.window_id
        and spread.spread_from_us < spans.to_us
        and spread.to_us > spans.from_us
    group by all
)

{% for mart in ['energy_15min', 'energy_1d'] -%}
select
    '{{ mart }}' as mart,
    spread.asset_id,
    spread.signal,
    spread.rebuild_from as interval_start,
    {{ nano_to_kwh('any_value(spread.energy)') }} as expected,
    sum(energy.energy_kwh)::decimal(38, 9) as found
from spread
inner join {{ ref('int_spans') }} as spans
    on spread.asset_id = spans.asset_id and spread.signal = spans.signal and spread.rebuild_from = spans.rebuild_from
left join {{ ref(mart) }} as energy
    on spans.asset_id = energy.asset_id
    and spans.signal = energy.signal
    and energy.interval_start >= spans.rebuild_from
    and energy.interval_start < spans.rebuild_to
group by spread.asset_id, spread.signal, spread.rebuild_from
having expected is distinct from found
{{ 'union all' if not loop.last }}
{% endfor %}
