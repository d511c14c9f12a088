"""Local days, wall-clock stamps and piecewise-constant state."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ingest.simulate.clock import STEP_S, Period, Series, irregular_stamps, random_stream, without_gaps


@pytest.mark.parametrize(
    ("zone", "first_day", "hours"),
    [
        ("Europe/Berlin", date(2025, 10, 25), [24, 25, 24]),
        ("Europe/Berlin", date(2025, 3, 29), [24, 23, 24]),
        ("America/New_York", date(2025, 11, 1), [24, 25, 24]),
        ("Australia/Lord_Howe", date(2025, 4, 5), [24, 24.5, 24]),
        ("Asia/Kolkata", date(2025, 10, 25), [24, 24, 24]),
    ],
)
def test_days_are_local_days_and_stamps_are_wall_clock_time(zone: str, first_day: date, hours: list[float]) -> None:
    period = Period(zone, first_day, 3)
    assert (np.diff(period.edges) / 3600).tolist() == hours
    instants = np.arange(period.start, period.end, 419, dtype=np.int64)
    for instant, local, day in zip(
        instants.tolist(), period.local(instants).tolist(), period.day_index(instants).tolist(), strict=True
    ):
        expected = datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(zone))
        assert datetime.fromtimestamp(local, UTC).replace(tzinfo=None) == expected.replace(tzinfo=None)
        assert period.dates[day] == expected.date()


def test_the_integral_of_a_series_is_exact_within_a_cell_too() -> None:
    power = Series(1000, np.array([3.0, 0.0, 6.0]))
    instants = np.array([1000, 1004, 1010, 1019, 1020, 1025, 1030])
    seconds = [0.0, 12.0, 30.0, 30.0, 30.0, 60.0, 90.0]
    np.testing.assert_allclose(power.integral_h(instants), np.array(seconds) / 3600)
    assert power.at(np.array([1000, 1009, 1010, 1029])).tolist() == [3.0, 3.0, 0.0, 6.0]
    assert STEP_S == 10


def test_stamps_keep_their_distances_and_leave_out_gaps_and_missed_polls() -> None:
    rng = random_stream(1, "test")
    stamps = irregular_stamps(rng, 100, 100_000, (58, 59, 60))
    assert stamps[0] == 100
    assert set(np.diff(stamps).tolist()) == {58, 59, 60}
    assert 99_900 < stamps[-1] < 100_000
    missed = irregular_stamps(random_stream(1, "test"), 100, 100_000, (58, 59, 60), missed=0.1)
    assert 0.05 < 1 - len(missed) / len(stamps) < 0.15
    kept = without_gaps(stamps, [(5000, 9000)])
    assert set(stamps.tolist()) - set(kept.tolist()) == {t for t in stamps.tolist() if 5000 <= t < 9000}


def test_parts_have_random_numbers_of_their_own() -> None:
    assert random_stream(7, "a").random() == random_stream(7, "a").random()
    assert len({random_stream(seed, name).random() for seed in (7, 8) for name in "ab"}) == 4
