{{ config(pre_hook="{{ delete_changed_asset_days('interval_start') }}") }}

{{ power_factor_level(3600) }}
