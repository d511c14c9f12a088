-- The disclosures state a price in the row of every resource: one price of a service an hour over all resources, and one price
-- of energy a settlement point and hour. A second one means rows of other days or misread columns. Rows of one document are
-- compared: a document that states a day again need not name every resource.
with stated as (
    select *
    from {{ ref('bess_dam_hours') }}
    where not is_price_corrected and {{ checked_operating_days() }}
)

select 'energy' as what, settlement_point as location, interval_start, source_object,
    min(spp_usd_mwh) as expected, max(spp_usd_mwh) as found
from stated
where spp_usd_mwh is not null
group by all
having expected <> found
{% for service in services() -%}
union all
select '{{ service.name }}', 'ERCOT', interval_start, source_object,
    min({{ service.name }}_mcpc_usd_mw), max({{ service.name }}_mcpc_usd_mw)
from stated
where {{ service.name }}_mcpc_usd_mw is not null
group by all
having min({{ service.name }}_mcpc_usd_mw) <> max({{ service.name }}_mcpc_usd_mw)
{% endfor %}
