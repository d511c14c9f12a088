{{ config(rebuild_by='market_finding', bounded=true) }}

-- Operators round each component to a cent, some to a hundredth of one, so that four of them may miss the sum by two cents.
with prices as (
    select
        *,
        energy_usd_mwh::decimal(28, 6) + congestion_usd_mwh + loss_usd_mwh + coalesce(ghg_usd_mwh, 0) as components_usd_mwh,
        lmp_usd_mwh - components_usd_mwh as missed_usd_mwh
    from {{ ref('iso_prices') }}
    where {{ changed_prices('iso_prices') }}
),

-- Energy and services upward fit below the high sustained limit, energy less regulation down above the low one.
awards as (
    select
        *,
        coalesce(awarded_mw, 0)::decimal(28, 6) + coalesce(regup_awarded_mw, 0) + coalesce(rrs_awarded_mw, 0)
        + coalesce(ecrs_awarded_mw, 0) + coalesce(nonspin_awarded_mw, 0) as up_mw,
        coalesce(awarded_mw, 0)::decimal(28, 6) - coalesce(regdown_awarded_mw, 0) as down_mw,
        greatest(up_mw - hsl_mw, lsl_mw - down_mw) as beyond_mw
    from {{ ref('bess_dam_hours') }}
    where pairing = 'one resource'
        and operating_day in (select operating_day from {{ ref('int_market_days') }})
        and {{ at_changed_site('resource') }}
)

select
    'price_components' as rule,
    'warning' as severity,
    iso,
    market,
    location,
    location_type,
    price_type,
    '' as resource,
    interval_start,
    interval_end,
    missed_usd_mwh::double as value,
    format('{} is priced at {:.2f} $/MWh, and its components add up to {:.2f}.', location, lmp_usd_mwh, components_usd_mwh) as message,
    source_object,
    line
from prices
where abs(missed_usd_mwh) > 0.02
union all
select
    'award_limits',
    'warning',
    'ERCOT',
    'DAM',
    coalesce(settlement_point, ''),
    '',
    '',
    resource,
    interval_start,
    interval_end,
    beyond_mw,
    format(
        '{} was awarded up to {:g} and down to {:g} MW in an hour with limits of {:g} and {:g} MW.',
        resource, up_mw, down_mw, hsl_mw, lsl_mw
    ),
    source_object,
    line
from awards
-- A tenth of a MW is rounding.
where beyond_mw > 0.1
