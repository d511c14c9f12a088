"""Clocks of operators: whatever the wall shows comes back as the instant, or is said to be uncertain."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.iso import clock
from ingest.time.local_time import AMBIGUOUS, OK
from tests.support.documents import local_grid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Days on which the clocks of the United States change, and all others.
CHANGES = [date(2008, 11, 2), date(2016, 3, 13), date(2024, 3, 10), date(2024, 11, 3), date(2025, 11, 2)]
DAYS = st.sampled_from(CHANGES) | st.dates(date(2007, 4, 1), date(2035, 12, 31))
ZONES = st.sampled_from([clock.EASTERN, clock.PACIFIC, "America/Chicago"])


def micros(instants: list[datetime]) -> np.ndarray:
    return np.array([round((at - EPOCH) / timedelta(microseconds=1)) for at in instants], np.int64)


def wall(instants: list[datetime], zone: str) -> np.ndarray:
    return micros([at.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC) for at in instants])


def labels(instants: list[datetime], zone: str) -> list[str]:
    """The wall clock at every hour's end, 24 at midnight, with an X on the second of two equal readings."""
    written: list[str] = []
    for at in instants:
        end = (at + timedelta(hours=1)).astimezone(ZoneInfo(zone))
        # The hour that repeats is labelled by its own wall clock, one hour on: its second pass is 02X, not 02 again.
        begin = at.astimezone(ZoneInfo(zone))
        written.append(f"{begin.hour + 1:02d}X" if begin.fold else f"{(end.hour if not end.fold else 2) or 24:02d}")
    return written


@settings(max_examples=60, deadline=None)
@given(DAYS, ZONES, st.sampled_from([5, 15, 60]), st.integers(1, 3), st.integers(1, 400))
def test_any_beginning_of_a_day_comes_back_from_the_order_of_its_rows(
    day: date, zone: str, step: int, locations: int, rows: int
) -> None:
    grid = local_grid(day.isoformat(), step, zone)[:rows]
    together = [at for at in grid for _ in range(locations)]
    series = np.tile(np.arange(locations), len(grid))
    utc, status = clock.by_order(wall(together, zone), series, zone, step * clock.MINUTE)
    assert (status == OK).all() and (utc == micros(together)).all()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([day for day in CHANGES if day.month == 11]), st.sampled_from([5, 15]), st.data())
def test_a_repeated_hour_with_rows_missing_is_right_or_uncertain(day: date, step: int, data: st.DataObject) -> None:
    """Rows of the second pass may be missing, and up to a third of the first one's."""
    grid = local_grid(day.isoformat(), step, clock.EASTERN)
    hour = 60 // step
    first = data.draw(st.sets(st.integers(hour, 2 * hour - 1), max_size=hour // 3))
    second = data.draw(st.sets(st.integers(2 * hour, 3 * hour - 1)))
    kept = [at for number, at in enumerate(grid[: 5 * hour]) if number not in first | second]
    utc, status = clock.by_order(
        wall(kept, clock.EASTERN), np.zeros(len(kept), np.int64), clock.EASTERN, clock.HOUR // 4
    )
    right = utc == micros(kept)
    assert right[status == OK].all()
    assert set(status[~right]) <= {AMBIGUOUS}


@settings(max_examples=60, deadline=None)
@given(DAYS, ZONES)
def test_hours_come_back_from_the_labels_of_their_ends(day: date, zone: str) -> None:
    grid = local_grid(day.isoformat(), 60, zone)
    written = labels(grid, zone)
    assert len(set(written)) == len(grid) == clock.hours_in((day - date(1970, 1, 1)).days, zone)
    days = np.full(len(grid), (day - date(1970, 1, 1)).days)
    starts, faults = clock.hour_starts(days, pa.array(written), np.zeros(len(grid), np.int64), zone)
    assert not faults.any() and (starts == micros(grid)).all()


@pytest.mark.parametrize("day", [-1, clock.LAST_DAY, 10**7])
def test_days_that_no_calendar_is_asked_about_are_refused(day: int) -> None:
    _, faults = clock.hour_starts(np.array([day]), pa.array(["01"]), np.zeros(1, np.int64), clock.EASTERN)
    assert faults.tolist() == [4]


def test_an_abbreviation_is_the_offset_that_it_names() -> None:
    stated = [clock.abbreviated("11/02/2025 01:30:00", "%m/%d/%Y %H:%M:%S", name) for name in ("EDT", "EST")]
    assert stated == [datetime(2025, 11, 2, 5, 30, tzinfo=UTC), datetime(2025, 11, 2, 6, 30, tzinfo=UTC)]
    assert clock.instant("20251102_013000", "%Y%m%d_%H%M%S", clock.EASTERN) == stated[1]
