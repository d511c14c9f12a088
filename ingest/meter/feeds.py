"""The feed `meter`."""

from ingest.feed import Feed

FEEDS = (
    Feed(
        "meter",
        "smart meters: load profiles, counters and interval energy in the files of devices and portals",
        ("ingest.meter.contracts:OBSERVATIONS",),
        source="ingest.layouts.engine.source:LayoutSource",
        needs="files; --timezone where naive stamps are not of the layout's zone",
    ),
)
