{#- Statements of prices and loads: an operator may state one again, and the latest counts. -#}

{% macro statement_key(table) -%}
{{ {
    'iso_prices': ['iso', 'market', 'place', 'place_type', 'price_type', 'interval_start'],
    'as_prices': ['iso', 'market', 'location', 'product', 'interval_start'],
    'system_load': ['iso', 'report', 'kind', 'area', 'area_type', 'model', 'interval_start'],
}[table] | join(', ') }}
{%- endmacro %}

{% macro newest_first(table) -%}
{%- if table == 'system_load' -%}
published_at desc, received_at desc, source_object desc
{%- else -%}
vintage <> 'prelim' desc, published_at desc, source_object desc
{%- endif -%}
{%- endmacro %}

{% macro stated_again(table, staged) -%}
with changed as (
    select *, hash({{ statement_key(table) }}) as statement_hash
    from {{ staged }}
    where {{ changed_prices(table) }}
)

select *
from changed
where statement_hash in (select statement_hash from changed group by statement_hash having count(*) > 1)
{%- endmacro %}

{% macro ranked_statements(table, statements) -%}
select
    *,
    count(*) over stated as statements,
    row_number() over (stated order by {{ newest_first(table) }}) as newness,
    -- The first instant at which a statement above it was known.
    greatest(
        published_at,
        min(published_at) over (
            stated order by {{ newest_first(table) }} rows between unbounded preceding and 1 preceding
        )
    ) as superseded_at
from {{ statements }}
window stated as (partition by {{ statement_key(table) }})
{%- endmacro %}

{% macro latest_statements(table, staged, ranked) -%}
select *, 1 as statements
from {{ staged }}
where {{ changed_prices(table) }}
    and hash({{ statement_key(table) }}) not in (select statement_hash from {{ ranked }})
union all by name
select * exclude (newness, superseded_at, statement_hash)
from {{ ranked }}
where newness = 1
{%- endmacro %}
