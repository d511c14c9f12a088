select *
from (
    values
    {% for bit, code, era, meaning in caveats() -%}
    ('{{ code }}', {{ 'true' if bit is none else 'false' }}, '{{ era }}', '{{ meaning }}'){{ ',' if not loop.last }}
    {% endfor %}
) as caveats (caveat, is_standing, era, meaning)
