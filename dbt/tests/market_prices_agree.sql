-- The disclosures state a price in the row of every resource: one price of a service an hour over all resources, and one price
-- of energy a settlement point and hour. A second one means rows of other days or misread columns.
-- Rows of one publication are compared: a correction restates some resources later than others.
with rows_of as (
    select * from {{ ref('int_bess_dam') }}
)

select 'energy' as what, settlement_point as location, hour, source_object,
    min(spp_usd_mwh) as expected, max(spp_usd_mwh) as found
from rows_of
where spp_usd_mwh is not null
group by all
having expected <> found
{% for service in services() -%}
union all
select '{{ service.name }}', 'ERCOT', hour, source_object,
    min({{ service.name }}_mcpc_usd_mw), max({{ service.name }}_mcpc_usd_mw)
from rows_of
where {{ service.name }}_mcpc_usd_mw is not null
group by all
having min({{ service.name }}_mcpc_usd_mw) <> max({{ service.name }}_mcpc_usd_mw)
{% endfor %}
