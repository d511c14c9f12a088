{#- How a mart is built. It is made whole, unless its `rebuild_by` says which of its rows are rebuilt together, and it holds: then
    the rows of what changed are deleted, and made again. -#}

{% materialization mart, adapter='duckdb' -%}
    {%- set there = load_cached_relation(this) -%}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set is_kept = there is not none and there.is_table and not should_full_refresh() -%}
    {%- set rows = rows_to_rebuild(sql) if is_kept else none -%}

    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if rows is none -%}
        {%- if there is not none and not there.is_table -%}{%- do adapter.drop_relation(there) -%}{%- endif -%}
        {%- call statement('main') -%}
            create or replace table {{ relation }} as
            {{ sql }}
        {%- endcall -%}
    {%- else -%}
        {%- call statement('main') -%}
            delete from {{ relation }} as made where {{ rows }};
            insert into {{ relation }} by name
            select *
            from (
                {{ sql }}
            ) as made
            where {{ rows }}
        {%- endcall -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [relation]}) }}
{%- endmaterialization %}

{% macro rows_to_rebuild(sql) -%}
{%- set unit = config.get('rebuild_by') -%}
{%- if unit is none -%}{{ return(none) }}{%- endif -%}
{%- set macro = context.get('rows_of_' ~ unit) -%}
{%- if bounds_itself(model.unique_id) and macro is not none -%}{{ return(macro()) }}{%- endif -%}
{%- if bounds_itself(model.unique_id) or macro is none and not keys_of(unit) -%}
{%- do exceptions.raise_compiler_error("rebuild_by says '" ~ unit ~ "', for which macros/rebuild_by.sql has no macro rows_of_" ~ unit) -%}
{%- endif -%}
{%- set condition = rows_of_changed_keys(unit, sql) -%}
{%- if condition is none -%}
{%- do exceptions.warn(model.name ~ ': it is made whole, because its SQL does not show that rows of one ' ~ (keys_of(unit) | join(' and ') or unit) ~ ' are made of rows of the same alone') -%}
{%- endif -%}
{{ return(condition) }}
{%- endmacro %}

{% macro bounds_itself(unique_id) -%}
{%- for read in graph.nodes[unique_id].depends_on.nodes -%}
    {%- if read.startswith('source.') -%}
        {%- if graph.sources[read].source_name == 'build' -%}{{ return(true) }}{%- endif -%}
    {%- elif 'marts' not in graph.nodes[read].fqn and bounds_itself(read) -%}
        {{ return(true) }}
    {%- endif -%}
{%- endfor -%}
{{ return(false) }}
{%- endmacro %}

{% macro raw_tables_of(unique_id) -%}
{%- set found = [] -%}
{%- for read in graph.nodes[unique_id].depends_on.nodes -%}
    {%- if not read.startswith('source.') -%}
        {%- do found.extend(raw_tables_of(read)) -%}
    {%- elif graph.sources[read].source_name == 'raw' -%}
        {%- do found.append(graph.sources[read]) -%}
    {%- endif -%}
{%- endfor -%}
{{ return(found) }}
{%- endmacro %}

{% macro rows_of_changed_keys(unit, sql) -%}
{%- set columns = keys_of(unit) -%}
{%- set stated = config.get('meta', {}).get('key', []) -%}
{%- if not columns or columns | reject('in', stated) | list -%}{{ return(none) }}{%- endif -%}

{%- set changed = [] -%}
{%- set tables = [] -%}
{%- for table in raw_tables_of(model.unique_id) if table.name not in tables -%}
    {%- do tables.append(table.name) -%}
    {%- set found = changed_keys(table, columns) -%}
    {%- if found is none -%}{{ return(none) }}{%- endif -%}
    {%- do changed.extend(found) -%}
{%- endfor -%}
{%- if changed | length > most_changed_keys() -%}{{ return(none) }}{%- elif not changed -%}{{ return('false') }}{%- endif -%}

{%- set conditions = [] -%}
{%- for key in changed -%}{%- do conditions.append(is_key(columns, key)) -%}{%- endfor -%}
{#- By its statistics DuckDB leaves out tables without the key, and what is done with their rows. -#}
{%- do run_query("set disabled_optimizers = 'statistics_propagation'") -%}
{%- set plan = fromjson(run_query('explain (format json) select * from (\n' ~ sql ~ '\n) as made where ' ~ conditions[0]).rows[0][1]) -%}
{%- do run_query('reset disabled_optimizers') -%}
{%- if not every_scan_is_of(plan[0], columns, changed[0], false) -%}{{ return(none) }}{%- endif -%}
{{ return(conditions | unique | join(' or ')) }}
{%- endmacro %}

{% macro most_changed_keys() %}{{ return(200) }}{% endmacro %}

{% macro is_key(columns, key) -%}
{%- set parts = [] -%}
{%- for column in columns -%}{%- do parts.append("made." ~ column ~ " = '" ~ key[loop.index0] | replace("'", "''") ~ "'") -%}{%- endfor -%}
({{ parts | join(' and ') }})
{%- endmacro %}

{% macro changed_keys(table, columns) -%}
{%- set touches = table.config.meta.touches -%}
{%- set touched = table.config.meta.touch -%}
{%- if touches in ('asset_days', 'assets') and not columns | reject('in', ['asset_id', 'signal']) | list -%}
    {%- set query = 'select distinct ' ~ columns | join(', ') ~ ' from lake.build.changed_spans' -%}
{%- elif touches == 'key_days' and columns == touched[:columns | length] -%}
    {%- set query = 'select distinct ' ~ ['key_1', 'key_2'][:columns | length] | join(', ') ~ " from lake.build.changed_tables where table_name = '" ~ table.name ~ "'" -%}
{%- elif touches in ('asset_days', 'assets') -%}
    {{ return(none if is_changed('changed_spans') else []) }}
{%- elif touches == 'key_days' -%}
    {{ return(none if is_changed('changed_tables', table.name) else []) }}
{%- else -%}
    {{ return(none) }}
{%- endif -%}
{%- set found = [] -%}
{%- for row in run_query(query).rows -%}
    {%- if none in row.values() -%}{{ return(none) }}{%- endif -%}
    {%- do found.append(row.values() | list) -%}
{%- endfor -%}
{{ return(found) }}
{%- endmacro %}

{% macro is_changed(changes, table=none) -%}
{{ return(run_query('select 1 from lake.build.' ~ changes ~ (" where table_name = '" ~ table ~ "'" if table else '') ~ ' limit 1').rows | length > 0) }}
{%- endmacro %}

{% macro every_scan_is_of(plan, columns, key, is_filtered) -%}
{%- set unstated = [] -%}
{%- for column in columns -%}
    {%- set equal = '(?<![\\w.])' ~ modules.re.escape(column) ~ " ?= ?'" ~ modules.re.escape(key[loop.index0]) ~ "'" -%}
    {%- if not modules.re.search(equal, plan.extra_info | string) -%}{%- do unstated.append(column) -%}{%- endif -%}
{%- endfor -%}
{%- set operator = plan.name | trim -%}
{%- if not plan.children -%}{{ return(is_filtered or not unstated) }}{%- endif -%}
{%- set is_filtered_below = is_filtered and operator == 'PROJECTION' or operator == 'FILTER' and (is_filtered or not unstated) -%}
{%- for child in plan.children if not every_scan_is_of(child, columns, key, is_filtered_below) -%}{{ return(false) }}{%- endfor -%}
{{ return(true) }}
{%- endmacro %}
