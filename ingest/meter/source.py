"""The source `meter`."""

from ingest.layouts.engine.source import LayoutSource
from ingest.meter.contracts import OBSERVATIONS

SOURCES = (
    LayoutSource(
        "meter",
        "smart meters: load profiles, counters and interval energy in the files of devices and portals",
        OBSERVATIONS,
    ),
)
