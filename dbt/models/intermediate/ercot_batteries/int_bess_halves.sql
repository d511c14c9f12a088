-- What a battery is made of, by operating day. Since RTC+B one resource; before, a generation resource (PWRSTR) and the load
-- resource that charges. No public table says which: a load resource is taken as the charging half where its site is the same
-- and its capacity agrees within a tenth, and both ways no other one does; where several at a site agree, the number at the
-- end of the names decides. Otherwise it is left open. On the day of the change a battery that kept its name is both: a
-- storage resource, whose halves sold in the DAM.
with stated as (
    select kind, resource_name, operating_day, capacity_mw from {{ ref('int_bess_dam') }}
    union all
    select kind, resource_name, operating_day, capacity_mw from {{ ref('int_bess_runs') }} where operating_day is not null
),

resources as (
    select
        -- Of a battery that is both, esr.
        min(kind) as kind,
        bool_or(kind = 'gen') as is_half,
        resource_name,
        operating_day,
        max(capacity_mw) as capacity_mw,
        {{ micro_mw('max(capacity_mw)') }} as capacity_micro_mw,
        {{ site_of('resource_name') }} as site,
        {{ unit_number('resource_name') }} as number
    from stated
    group by kind = 'load', resource_name, operating_day
),

agreeing as (
    select
        gen.resource_name as resource,
        gen.operating_day,
        load.resource_name as load_resource,
        gen.number = load.number as is_numbered
    from resources as gen
    inner join resources as load
        on gen.operating_day = load.operating_day
        and gen.site = load.site
        -- Whole millionths: of 9.9 and 8.91 MW a double says that they are more than a tenth apart.
        and 10::hugeint * abs(gen.capacity_micro_mw - load.capacity_micro_mw) <= greatest(gen.capacity_micro_mw, load.capacity_micro_mw)
    where gen.is_half and load.kind = 'load'
),

counted as (
    select
        *,
        count(*) over gens = 1 and count(*) over loads = 1 as is_only,
        is_numbered
        and count(*) filter (where is_numbered) over gens = 1
        and count(*) filter (where is_numbered) over loads = 1 as is_only_number
    from agreeing
    window
        gens as (partition by resource, operating_day),
        loads as (partition by load_resource, operating_day)
),

chosen as (
    select
        resource,
        operating_day,
        max(load_resource) filter (where is_only or is_only_number) as load_resource,
        bool_or(is_only) as is_only
    from counted
    group by resource, operating_day
)

select
    resources.resource_name as resource,
    resources.operating_day,
    resources.kind,
    chosen.load_resource,
    case
        when not resources.is_half then 'one resource'
        when chosen.is_only then 'site and capacity'
        when chosen.load_resource is not null then 'site, capacity and number'
        when chosen.resource is not null then 'ambiguous'
        else 'no load resource agrees'
    end as pairing,
    resources.capacity_mw
from resources
left join chosen on resources.resource_name = chosen.resource and resources.operating_day = chosen.operating_day
where resources.kind <> 'load'
