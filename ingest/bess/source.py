"""The source `bess`."""

from ingest.bess.contracts import OBSERVATIONS
from ingest.layouts.engine.source import LayoutSource

SOURCES = (
    LayoutSource("bess", "battery systems: one CSV a signal, rack BMS, cell temperatures, inverter JSON", OBSERVATIONS),
)
