select *
from (
    values
    {% for rule in finding_rules() + market_finding_rules() -%}
    ('{{ rule.rule }}', '{{ rule.says }}'){{ ',' if not loop.last }}
    {% endfor %}
) as rules (rule, description)
