-- Prices that were stated more than once, among the changed ones: every statement with its place, 1 is the latest. What an
-- operator calls preliminary comes before anything else; then the later published one counts. Most prices are
-- stated once and are not sorted here; the window distinguishes two that share a hash.
with restated as (
    {{ stated_again('iso_prices', ref('stg_markets__prices')) | indent }}
)

{{ ranked_statements('iso_prices', 'restated') }}
