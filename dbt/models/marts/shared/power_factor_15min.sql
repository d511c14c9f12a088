{{ config(rebuild_by='asset_day') }}

{{ power_factor_level(900) }}
