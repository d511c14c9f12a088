"""The calendar of local days: midnights of a zone as instants, by the zone's rules (days of 23, 24 and 25 hours)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from lakehouse.zones import zone

SCHEMA = pa.schema(
    [
        ("time_zone", pa.string()),
        ("local_date", pa.date32()),
        ("day_start", pa.timestamp("us", tz="UTC")),
        ("day_end", pa.timestamp("us", tz="UTC")),
    ]
)


def local_midnight(day: date, time_zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a local day begins; where midnight is skipped, the first instant after it."""
    return datetime.combine(day, time(0), tzinfo=time_zone).astimezone(UTC)


def calendar(zones: Iterable[str], first: datetime, last: datetime) -> pa.Table:
    """Local days of every zone that overlap [first, last].

    Returns:
        Rows of (time_zone, local_date, day_start, day_end), half-open, without holes.
    """
    rows = []
    for name in sorted(set(zones)):
        time_zone = zone(name)
        day = (first - timedelta(days=1)).astimezone(time_zone).date()
        end = (last + timedelta(days=1)).astimezone(time_zone).date()
        start = local_midnight(day, time_zone)
        while day <= end:
            following = local_midnight(day + timedelta(days=1), time_zone)
            rows.append({"time_zone": name, "local_date": day, "day_start": start, "day_end": following})
            day, start = day + timedelta(days=1), following
    return pa.Table.from_pylist(rows, schema=SCHEMA)
