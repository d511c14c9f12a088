{{ config(rebuild_by='asset_day', bounded=true) }}

{{ power_factor_level(900) }}
