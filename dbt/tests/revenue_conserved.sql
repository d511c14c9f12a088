-- Dollars and energy are conserved to the last digit: the hours of the DAM make up their quarters, the quarters of a rebuilt day
-- the day, and the days of its month the month.
{% set leaves = leaf_components() %}
{% set levels = [
    ('hours', 'bess_dam_hours', 'operating_day', 'bess_revenue_1d', leaves[:6], false),
    ('1d', 'bess_revenue_15min', 'operating_day', 'bess_revenue_1d', leaves + ['known_usd', 'net_mwh'], true),
    ('1mo', 'bess_revenue_1d', "date_trunc('month', operating_day)::date", 'bess_revenue_1mo', leaves + ['known_usd', 'net_mwh'], true),
] %}
{% for level, finer, starts, coarser, amounts, is_whole in levels -%}
{% set key = 'month' if level == '1mo' else 'operating_day' -%}
{%- set checked -%}
in (
    select {{ "date_trunc('month', operating_day)::date" if level == '1mo' else 'operating_day' }}
    from ({{ changed_operating_days() }}) as changed
)
or not exists (select 1 from {{ source('build', 'changed_tables') }})
{%- endset %}
select
    '{{ level }}' as level,
    coarse.resource,
    coarse.{{ key }} as starts,
    {{ '{' }}{% for amount in amounts %}'{{ amount }}': fine.{{ amount }}{{ ', ' if not loop.last }}{% endfor %}{{ '}' }} as expected,
    {{ '{' }}{% for amount in amounts %}'{{ amount }}': coarse.{{ amount }}{{ ', ' if not loop.last }}{% endfor %}{{ '}' }} as found
from {{ ref(coarser) }} as coarse
left join (
    select
        resource,
        {{ starts }} as starts,
        {% for amount in amounts -%}
        -- Energy is that of the covered quarters; dollars are unknown where those of one part are.
        {% if amount != 'net_mwh' %}case when count({{ amount }}) = count(*) then {% endif -%}
        sum({{ amount }}){{ ' end' if amount != 'net_mwh' }} as {{ amount }},
        {% endfor %}
    from {{ ref(finer) }}
    where {{ starts }} {{ checked }}
    group by all
) as fine on coarse.resource = fine.resource and coarse.{{ key }} = fine.starts
where (coarse.{{ key }} {{ checked }})
{%- for amount in amounts %}
{{ 'and (' if loop.first else '    or' }}
    {%- if is_whole %} coarse.{{ amount }} is distinct from fine.{{ amount }}
    {%- else %} coarse.{{ amount }} <> fine.{{ amount }}
    {%- endif %}{{ ')' if loop.last }}
{%- endfor %}
{{ 'union all by name' if not loop.last }}
{% endfor %}
