-- Sites with a battery of the time before RTC+B: where a load resource may be a charging half.
select distinct {{ site_of('resource_name') }} as site from {{ ref('stg_ercot_batteries__dam') }} where kind = 'gen'
union
select distinct {{ site_of('resource_name') }} from {{ ref('stg_ercot_batteries__sced') }} where kind = 'gen'
