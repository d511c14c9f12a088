-- Every domain's observations: a new domain is one staging model and one line here.
select * from {{ ref('stg_meter__observations') }}
union all
select * from {{ ref('stg_bess__observations') }}
