{{ config(rebuild_by='operating_month', bounded=true) }}

with days as (
    select *, date_trunc('month', operating_day)::date as month
    from {{ ref('bess_revenue_1d') }}
    where date_trunc('month', operating_day)::date in (
        select date_trunc('month', operating_day)::date from {{ ref('int_market_days') }}
    )
        and {{ at_changed_site('resource') }}
),

months as (
    select
        resource,
        month,
        min(interval_start) as interval_start,
        max(interval_end) as interval_end,
        any_value(settlement_point) as settlement_point,
        {{ summed_components() }},
        {{ summed_energy() }},
        sum(coverage * intervals) / sum(intervals) as coverage,
        sum(sced_runs)::bigint as sced_runs,
        sum(missing_sced_runs)::bigint as missing_sced_runs,
        string_agg(distinct pairing, ', ' order by pairing) as pairing,
        max(disclosed_at) as disclosed_at,
        max(prices_published_at) as prices_published_at,
        bool_or(is_simulated) as is_simulated,
        bool_and(is_rtcb) as is_rtcb,
        bit_or(caveat_bits) | case when count(*) < day(last_day(month)) then 4096 else 0 end as caveat_bits,
        sum(intervals)::bigint as intervals,
        count(*) as days,
        day(last_day(month)) as days_in_month,
        max(hsl_mw) as hsl_mw
    from days
    group by resource, month
),

texts as (
    {{ caveat_texts() }}
)

select
    months.* exclude (is_rtcb, caveat_bits, hsl_mw),
    months.hsl_mw,
    months.known_usd / nullif(months.hsl_mw * 1000, 0) as known_usd_kw,
    months.total_usd / nullif(months.hsl_mw * 1000, 0) as total_usd_kw,
    months.is_rtcb,
    months.caveat_bits,
    texts.caveats
from months
inner join texts on months.is_rtcb = texts.is_rtcb and months.caveat_bits = texts.caveat_bits
