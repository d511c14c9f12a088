{{ config(rebuild_by='operating_day', bounded=true) }}

-- A price that was corrected after the disclosure was published.
with corrected_energy as (
    select location, epoch_us(interval_start) // {{ hour_us() }} as hour, max(published_at) as published_at,
        arg_max(lmp_usd_mwh, published_at) as spp_usd_mwh
    from {{ ref('iso_prices') }}
    where iso = 'ERCOT' and market = 'DAM' and vintage = 'correction'
    group by all
),

corrected_services as (
    select epoch_us(interval_start) // {{ hour_us() }} as hour,
        {% for service in services() -%}
        max(mcpc_usd_mw) filter (where product = '{{ service.posted }}') as {{ service.name }}_mcpc_usd_mw,
        max(published_at) filter (where product = '{{ service.posted }}') as {{ service.name }}_published_at{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('as_prices') }}
    where iso = 'ERCOT' and market = 'DAM' and vintage = 'correction'
    group by all
),

joined as (
    select
        halves.resource,
        halves.pairing,
        halves.load_resource,
        own.* exclude (kind, resource_name, capacity_mw
            {%- for service in services() -%}
            , {{ service.name }}_mcpc_usd_mw
            {%- for part in service.dam %}, {{ part }}_awarded_mw{% endfor -%}
            {%- endfor %}, spp_usd_mwh, published_at, is_simulated),
        case when energy.published_at > own.published_at then energy.spp_usd_mwh else own.spp_usd_mwh end as spp_usd_mwh,
        {% for service in services() -%}
        {% set parts = [] -%}
        {% for part in service.dam %}{% do parts.extend(['own.' ~ part ~ '_awarded_mw', 'charging.' ~ part ~ '_awarded_mw']) %}{% endfor -%}
        {{ sum_of_stated(parts, 'decimal(28, 6)') }} as {{ service.name }}_awarded_mw,
        case
            when corrected.{{ service.name }}_published_at > own.published_at
                then corrected.{{ service.name }}_mcpc_usd_mw
            else coalesce(own.{{ service.name }}_mcpc_usd_mw, charging.{{ service.name }}_mcpc_usd_mw)
        end as {{ service.name }}_mcpc_usd_mw,
        {% endfor -%}
        greatest(own.published_at, charging.published_at) as disclosed_at,
        greatest(
            energy.published_at{% for service in services() %}, corrected.{{ service.name }}_published_at{% endfor %}
        ) as corrected_at,
        own.published_at as own_published_at,
        own.is_simulated or coalesce(charging.is_simulated, false) as is_simulated,
        halves.load_resource is not null and charging.resource_name is null as is_load_missing
    from {{ ref('int_bess_halves') }} as halves
    inner join {{ ref('int_bess_dam') }} as own
        on own.kind <> 'load' and halves.resource = own.resource_name and halves.operating_day = own.operating_day
    left join {{ ref('int_bess_dam') }} as charging
        on charging.kind = 'load' and halves.load_resource = charging.resource_name and own.hour = charging.hour
    left join corrected_energy as energy on own.settlement_point = energy.location and own.hour = energy.hour
    left join corrected_services as corrected on own.hour = corrected.hour
)

select
    resource,
    operating_day,
    hour_ending,
    interval_start,
    interval_end,
    pairing,
    load_resource,
    qse,
    resource_status,
    settlement_point,
    hsl_mw,
    lsl_mw,
    awarded_mw,
    spp_usd_mwh,
    {% for service in services() -%}
    try_cast({{ service.name }}_awarded_mw as decimal(18, 6)) as {{ service.name }}_awarded_mw,
    {{ service.name }}_mcpc_usd_mw,
    {% endfor -%}
    {{ usd('coalesce(awarded_mw, 0)', 'spp_usd_mwh') }} as dam_energy_usd,
    {% for service in services() -%}
    {{ usd('coalesce(' ~ service.name ~ '_awarded_mw, 0)', service.name ~ '_mcpc_usd_mw') }} as dam_as_{{ service.name }}_usd,
    {% endfor -%}
    coalesce(corrected_at > own_published_at, false) as is_price_corrected,
    case when corrected_at > own_published_at then corrected_at end as price_corrected_at,
    is_load_missing,
    disclosed_at as published_at,
    is_simulated,
    source_object,
    member,
    line
from joined
