{{ config(rebuild_by='operating_day', bounded=true) }}

with days as (
    select
        resource,
        operating_day,
        min(interval_start) as interval_start,
        max(interval_end) as interval_end,
        any_value(settlement_point) as settlement_point,
        {{ summed_components() }},
        {{ summed_energy() }},
        sum(coverage) / count(*) as coverage,
        sum(sced_runs)::bigint as sced_runs,
        sum(missing_sced_runs)::bigint as missing_sced_runs,
        any_value(pairing) as pairing,
        max(disclosed_at) as disclosed_at,
        max(prices_published_at) as prices_published_at,
        bool_or(is_simulated) as is_simulated,
        any_value(is_rtcb) as is_rtcb,
        bit_or(caveat_bits) as caveat_bits,
        count(*) as intervals
    from {{ ref('bess_revenue_15min') }}
    where operating_day in (select operating_day from {{ ref('int_market_days') }}) and {{ at_changed_site('resource') }}
    group by resource, operating_day
),

texts as (
    {{ caveat_texts() }}
),

limits as (
    select resource_name as resource, operating_day, max(capacity_mw) as hsl_mw
    from (
        select resource_name, operating_day, capacity_mw from {{ ref('int_bess_dam') }} where kind <> 'load'
        union all
        select resource_name, operating_day, capacity_mw from {{ ref('int_bess_runs') }} where kind <> 'load'
    ) as stated
    group by all
)

select
    days.* exclude (is_rtcb, caveat_bits),
    limits.hsl_mw,
    days.known_usd / nullif(limits.hsl_mw * 1000, 0) as known_usd_kw,
    days.total_usd / nullif(limits.hsl_mw * 1000, 0) as total_usd_kw,
    days.is_rtcb,
    days.caveat_bits,
    texts.caveats
from days
inner join texts on days.is_rtcb = texts.is_rtcb and days.caveat_bits = texts.caveat_bits
left join limits on days.resource = limits.resource and days.operating_day = limits.operating_day
