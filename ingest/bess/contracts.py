"""The contract of battery systems."""

from lakehouse.contract import observations

OBSERVATIONS = observations(
    "bess", "Readings of battery systems: BMS, PCS, auxiliaries, environment and alarms.", fresh_within_hours=24
)
CONTRACTS = (OBSERVATIONS,)
