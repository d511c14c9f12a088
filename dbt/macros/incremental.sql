{% macro delete_changed(time_column) -%}
{%- if is_incremental() -%}
delete from {{ this }} as kept
using {{ source('build', 'changed_spans') }} as spans
where kept.asset_id = spans.asset_id
    and kept.signal = spans.signal
    and kept.{{ time_column }} >= spans.rebuild_from
    and kept.{{ time_column }} < spans.rebuild_to
{%- endif -%}
{%- endmacro %}

{% macro delete_changed_asset_days(time_column) -%}
{%- if is_incremental() -%}
delete from {{ this }} as kept
using {{ source('build', 'changed_spans') }} as spans
where kept.asset_id = spans.asset_id
    and kept.{{ time_column }} >= spans.rebuild_from
    and kept.{{ time_column }} < spans.rebuild_to
{%- endif -%}
{%- endmacro %}
