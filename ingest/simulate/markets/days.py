"""Operating days of a market: their intervals in UTC and what a clock on the wall shows, also where clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

CENTRAL = ZoneInfo("America/Chicago")
EASTERN = ZoneInfo("America/New_York")
PACIFIC = ZoneInfo("America/Los_Angeles")


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant that a local day starts at, UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def at(day: date, hour: int, minute: int, zone: ZoneInfo, second: int = 0) -> datetime:
    """The instant of a wall-clock time, UTC; the first one where it occurs twice."""
    return datetime.combine(day, time(hour, minute, second), zone).astimezone(UTC)


def intervals(day: date, zone: ZoneInfo, minutes: int) -> list[tuple[datetime, datetime]]:
    """Starts and ends, UTC, of the day's intervals: 23, 24 or 25 hours of them."""
    start, end, step = midnight(day, zone), midnight(day + timedelta(days=1), zone), timedelta(minutes=minutes)
    return [(start + n * step, start + (n + 1) * step) for n in range(int((end - start) / step))]


def is_repeated(instant: datetime, zone: ZoneInfo) -> bool:
    """Whether it lies in the second of the two equal hours when clocks go back."""
    return instant.astimezone(zone).fold == 1
