{#- What a build rebuilds of the market marts. Between builds only what changed (source build.changed_tables): of prices the UTC days
    of an operator and market; of batteries whole operating days of the sites that changed, or of all where a price did. -#}

{% macro touched_by(table) -%}
{{ return('report' if table == 'system_load' else 'market') }}
{%- endmacro %}

{% macro changed_prices(table) -%}
{%- set changes = source('build', 'changed_tables') -%}
{%- if builds_whole() -%}
true
{%- else -%}
exists (
    select 1 from {{ changes }} as changes
    where changes.table_name = '{{ table }}' and (changes.key_1 is null or changes.key_1 = iso and changes.key_2 = {{ touched_by(table) }})
        and interval_start >= changes.first_day::timestamptz
        and interval_start < (changes.last_day + 1)::timestamptz
)
{%- endif -%}
{%- endmacro %}

{% macro settles_batteries() -%}
table_name in ('iso_prices', 'as_prices') and (key_1 is null or key_1 = 'ERCOT' and key_2 in ('DAM', 'RT15'))
{%- endmacro %}

{% macro changed_operating_days() -%}
select distinct unnest(generate_series(first_day - 1, last_day, interval 1 day))::date as operating_day
from {{ source('build', 'changed_tables') }}
where table_name like 'ercot_%' or ({{ settles_batteries() }})
{%- endmacro %}

{% macro at_changed_site(resource) -%}
{%- set changes = source('build', 'changed_tables') -%}
{%- if builds_whole() -%}
true
{%- else -%}
(
    exists (select 1 from {{ changes }} where ({{ settles_batteries() }}) or (table_name like 'ercot_%' and key_1 is null))
    or {{ site_of(resource) }} in (
        select {{ site_of('key_1') }} from {{ changes }} where table_name like 'ercot_%' and key_1 is not null
    )
)
{%- endif -%}
{%- endmacro %}

{% macro checked_operating_days() -%}
(
    not exists (select 1 from {{ source('build', 'changed_tables') }})
    or operating_day in ({{ changed_operating_days() }})
    or operating_day is null
)
{%- endmacro %}
