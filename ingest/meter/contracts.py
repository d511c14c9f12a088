"""The contract of meters."""

from lakehouse.contract import observations

OBSERVATIONS = observations(
    "meter", "Readings of meters: power, counters, interval energy and their quality status.", fresh_within_hours=48
)
CONTRACTS = (OBSERVATIONS,)
