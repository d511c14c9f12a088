"""The feed `probe`."""

from ingest.feed import Feed

FEEDS = (
    Feed(
        "probe", "probes: levels of tanks in JSON", ("ingest.probe.contracts:OBSERVATIONS",),
        "ingest.probe.read:levels", needs="files", suffixes=(".json",),
    ),
)  # fmt: skip
