{#- What a build rebuilds of the market marts. Between builds only what changed (source build.changed_tables): of prices the UTC days
    of an operator and market; of batteries whole operating days of ERCOT, the day after a change with them, because the last
    run of a day reaches over midnight. -#}

{#- Whether everything is rebuilt: asked for, or nothing has been built yet. -#}
{% macro builds_whole() -%}
{%- if not execute -%}{{ return(true) }}{%- endif -%}
{{ return(flags.FULL_REFRESH or adapter.get_relation(target.database, target.schema, 'bess_revenue_1d') is none) }}
{%- endmacro %}

{#- Condition on rows of prices: those that are rebuilt. Names the source so that dbt knows of it when it parses. -#}
{% macro changed_prices(table) -%}
{%- set changes = source('build', 'changed_tables') -%}
{%- if builds_whole() -%}
true
{%- else -%}
exists (
    select 1 from {{ changes }} as changes
    where changes.table_name = '{{ table }}' and changes.key_1 = iso and changes.key_2 = market
        and interval_start >= changes.first_day::timestamptz
        and interval_start < (changes.last_day + 1)::timestamptz
)
{%- endif -%}
{%- endmacro %}

{#- Pre-hook of a mart of prices: the rows of what is rebuilt go, so that those that vanished vanish. -#}
{% macro delete_changed_prices(table) -%}
{%- if is_incremental() -%}
delete from {{ this }} where {{ changed_prices(table) }}
{%- endif -%}
{%- endmacro %}

{#- Operating days that are rebuilt. An instant lies in the operating day of its UTC date or in the one before; every table of
    ERCOT counts, for a price of one location changes what others are compared with. -#}
{% macro changed_operating_days() -%}
select distinct unnest(generate_series(first_day - 1, last_day + 1, interval 1 day))::date as operating_day
from {{ source('build', 'changed_tables') }}
where table_name like 'ercot_%' or (table_name in ('iso_prices', 'as_prices') and key_1 = 'ERCOT' and key_2 in ('DAM', 'RT15'))
{%- endmacro %}

{#- Pre-hook of a mart of batteries by operating day. -#}
{% macro delete_changed_operating_days() -%}
{%- if is_incremental() -%}
delete from {{ this }} where operating_day in ({{ changed_operating_days() }})
{%- endif -%}
{%- endmacro %}

{#- The same by months, which are made of all their days. -#}
{% macro delete_changed_months() -%}
{%- if is_incremental() -%}
delete from {{ this }} where month in (select date_trunc('month', operating_day)::date from ({{ changed_operating_days() }}) as changed)
{%- endif -%}
{%- endmacro %}

{#- Condition on a mart of prices in a check: what the build touched, or everything where it says nothing of market tables. -#}
{% macro checked_prices(table) -%}
(
    not exists (select 1 from {{ source('build', 'changed_tables') }})
    or exists (
        select 1 from {{ source('build', 'changed_tables') }} as changes
        where changes.table_name = '{{ table }}' and changes.key_1 = iso and changes.key_2 = market
            and interval_start >= changes.first_day::timestamptz
            and interval_start < (changes.last_day + 1)::timestamptz
    )
)
{%- endmacro %}

{#- The same on a mart of batteries by operating day. -#}
{% macro checked_operating_days() -%}
(
    not exists (select 1 from {{ source('build', 'changed_tables') }})
    or operating_day in ({{ changed_operating_days() }})
    or operating_day is null
)
{%- endmacro %}
