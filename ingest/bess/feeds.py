"""The feed `bess`."""

from ingest.feed import Feed

FEEDS = (
    Feed(
        "bess",
        "battery systems: one CSV a signal, rack BMS, cell temperatures, inverter JSON",
        ("ingest.bess.contracts:OBSERVATIONS",),
        source="ingest.layouts.engine.source:LayoutSource",
        needs="files; --timezone where naive stamps are not of the layout's zone",
    ),
)
