-- As int_price_statements, of ancillary services.
with restated as (
    {{ stated_again('as_prices', ref('stg_markets__as_prices')) | indent }}
)

{{ ranked_statements('as_prices', 'restated') }}
