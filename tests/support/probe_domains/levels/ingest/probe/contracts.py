"""What probes land."""

from lakehouse.contract import observations

OBSERVATIONS = observations("probe", "Levels that probes have measured.", fresh_within_hours=24)
