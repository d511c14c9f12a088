"""Local time to UTC against zoneinfo, in zones with every kind of clock change."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.time.end_stamps import starts_of
from ingest.time.local_time import AMBIGUOUS, NONEXISTENT, OK, first_instants, to_utc, transitions

ZONES = ("Europe/Berlin", "America/New_York", "Africa/Johannesburg", "Australia/Lord_Howe")
#: Zones for ends and days: clocks that change by an hour and by half an hour, that never do, and that skip midnight.
MORE_ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def micros(moments: list[datetime]) -> np.ndarray:
    """Wall-clock or UTC microseconds since 1970."""
    return np.array([(m.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) for m in moments], np.int64)


def wall(instants: list[datetime], zone: str) -> list[datetime]:
    return [instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) for instant in instants]


#: Wall-clock readings: no zone is their point.
readings = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31))  # noqa: DTZ001
instants = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=150, deadline=None)
@given(moments=st.lists(instants, min_size=1, max_size=20))
def test_a_wall_clock_reading_that_names_one_instant_gives_it(zone: str, moments: list[datetime]) -> None:
    utc, status = to_utc(micros(wall(moments, zone)), zone)
    for moment, found, code in zip(moments, utc.tolist(), status.tolist(), strict=True):
        shown = wall([moment], zone)[0]
        passes = {shown.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
        assert (code == OK) == (len(passes) == 1)
        if code == OK:
            assert EPOCH + timedelta(microseconds=found) == moment
        else:
            assert code == AMBIGUOUS


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=150, deadline=None)
@given(reading=readings)
def test_a_reading_no_clock_ever_shows_is_called_nonexistent(zone: str, reading: datetime) -> None:
    reading = reading.replace(microsecond=0)
    _, (code,) = to_utc(micros([reading]), zone)
    back = (
        reading.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    )
    assert (code == NONEXISTENT) == (back != reading)


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=60, deadline=None)
@given(
    year=st.integers(2000, 2036),
    step_s=st.sampled_from([30, 59, 60, 300, 600, 900]),
    offset_s=st.integers(0, 899),
    newest_first=st.booleans(),
)
def test_an_ordered_series_survives_every_change_of_the_clocks(
    zone: str, year: int, step_s: int, offset_s: int, newest_first: bool
) -> None:
    for change in transitions(zone, year, year):
        centre = EPOCH + timedelta(microseconds=change.at)
        count = 6 * 3600 // step_s
        moments = [centre + timedelta(seconds=(n - count // 2) * step_s + offset_s) for n in range(count)]
        if newest_first:
            moments.reverse()
        utc, status = to_utc(micros(wall(moments, zone)), zone)
        assert not status.any()
        assert utc.tolist() == micros(moments).tolist()


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=150, deadline=None)
@given(year=st.integers(2000, 2036), seed=st.integers(0, 2**32))
@example(year=2000, seed=1317)
def test_a_shuffled_series_is_never_given_a_wrong_instant(zone: str, year: int, seed: int) -> None:
    for change in transitions(zone, year, year):
        centre = EPOCH + timedelta(microseconds=change.at)
        moments = [centre + timedelta(minutes=15 * n) for n in range(-60, 60)]
        random.Random(seed).shuffle(moments)
        utc, status = to_utc(micros(wall(moments, zone)), zone)
        true = micros(moments)
        assert all(found == right for found, right, code in zip(utc, true, status, strict=True) if code == OK)
        if change.after < change.before:
            assert (status == AMBIGUOUS).sum() == 2 * (change.before - change.after) // (900 * 10**6)


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=40, deadline=None)
@given(year=st.integers(2000, 2036), series=st.integers(1, 4))
def test_interleaved_passes_of_several_series_are_told_apart(zone: str, year: int, series: int) -> None:
    for change in transitions(zone, year, year):
        centre = EPOCH + timedelta(microseconds=change.at)
        quarters = [centre + timedelta(minutes=15 * n) for n in range(-12, 12)]
        shown = wall(quarters, zone)
        # Sorted by reading, first pass before second: the two passes alternate, and so do the series.
        pairs = sorted(zip(shown, quarters, strict=True))
        rows = [(reading, moment, number) for reading, moment in pairs for number in range(series)]
        utc, status = to_utc(micros([r for r, _, _ in rows]), zone, np.array([n for _, _, n in rows], np.int64))
        assert not status.any()
        assert utc.tolist() == micros([m for _, m, _ in rows]).tolist()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@settings(max_examples=60, deadline=None)
@given(year=st.integers(2000, 2036), lost=st.sampled_from(["first", "second"]), step_s=st.sampled_from([60, 900, 3600]))
def test_an_hour_of_which_one_pass_is_lost_is_left_open(zone: str, year: int, lost: str, step_s: int) -> None:
    change = next(c for c in transitions(zone, year, year) if c.after < c.before)
    centre = EPOCH + timedelta(microseconds=change.at)
    span = range(-6 * 3600, 6 * 3600, step_s)
    gap = range(-3600, 0) if lost == "first" else range(3600)
    moments = [centre + second * SECOND for second in span if second not in gap]
    utc, status = to_utc(micros(wall(moments, zone)), zone)
    assert (status == AMBIGUOUS).sum() == 3600 // step_s
    kept = status == OK
    assert (utc[kept] == micros(moments)[kept]).all()


def test_transitions_are_the_known_ones_of_2024() -> None:
    found = transitions("Europe/Berlin", 2024, 2024)
    assert [EPOCH + timedelta(microseconds=c.at) for c in found] == [
        datetime(2024, 3, 31, 1, tzinfo=UTC),
        datetime(2024, 10, 27, 1, tzinfo=UTC),
    ]
    assert transitions("Africa/Johannesburg", 1990, 2037) == []
    howe = transitions("Australia/Lord_Howe", 2024, 2024)
    assert {(c.after - c.before) // 60_000_000 for c in howe} == {-30, 30}


@pytest.mark.parametrize("step_s", [59, 900, 3600])
def test_exports_behind_one_another_and_rows_sent_again_keep_the_proof(step_s: int) -> None:
    centre = datetime(2024, 10, 27, 1, tzinfo=UTC)
    moments = [centre + timedelta(seconds=n * step_s) for n in range(-12 * 3600 // step_s, 12 * 3600 // step_s)]
    late = [moment for moment in moments[:: max(2, len(moments) // 40)] if abs(moment - centre) > timedelta(hours=1)]
    random.Random(3).shuffle(late)
    for order in (moments + moments, moments + late, late + moments):
        utc, status = to_utc(micros(wall(order, "Europe/Berlin")), "Europe/Berlin")
        assert not status.any()
        assert utc.tolist() == micros(order).tolist()


def test_rows_written_twice_do_not_pass_for_the_two_passes_of_an_hour() -> None:
    centre = datetime(2024, 10, 27, 1, tzinfo=UTC)
    moments = [centre + timedelta(minutes=15 * n) for n in range(-20, 20) if not 0 <= n < 4]  # second pass lost
    doubled = [moment for moment in moments for _ in range(2)]
    _, status = to_utc(micros(wall(doubled, "Europe/Berlin")), "Europe/Berlin")
    assert (status == AMBIGUOUS).sum() == 8


def test_a_late_row_of_the_hour_is_left_open_and_the_others_keep_their_proof() -> None:
    centre = datetime(2024, 10, 27, 1, tzinfo=UTC)
    moments = [centre + timedelta(minutes=5 * n) for n in range(-60, 60)]
    late = moments.pop(64)
    utc, status = to_utc(micros(wall([*moments, late], "Europe/Berlin")), "Europe/Berlin")
    assert status.tolist() == [OK] * len(moments) + [AMBIGUOUS]
    assert utc[:-1].tolist() == micros(moments).tolist()


def written_ends(starts: list[datetime], length: timedelta, zone: str, end_clock: str) -> list[datetime]:
    """Ends of intervals as a file writes them: as the clock shows them then, or as start and length added up."""
    if end_clock == "at_end":
        return wall([start + length for start in starts], zone)
    return [reading + length for reading in wall(starts, zone)]


def ends_to_starts(ends: list[datetime], length: timedelta, zone: str, **options: str) -> tuple[list[int], list[int]]:
    lengths = np.full(len(ends), length // timedelta(microseconds=1), np.int64)
    starts, status, _ = starts_of(micros(ends), lengths, zone, **options)
    return starts.tolist(), status.tolist()


@pytest.mark.parametrize("end_clock", ["at_end", "at_start"])
@pytest.mark.parametrize("zone", MORE_ZONES)
@settings(max_examples=15, deadline=None)
@given(
    year=st.integers(2000, 2036),
    minutes=st.sampled_from([5, 10, 15, 30, 60]),
    newest_first=st.booleans(),
    declared=st.booleans(),
)
def test_ends_give_their_starts_across_every_change_in_both_writings(
    zone: str, end_clock: str, year: int, minutes: int, newest_first: bool, declared: bool
) -> None:
    length = timedelta(minutes=minutes)
    for change in transitions(zone, year, year):
        centre = EPOCH + timedelta(microseconds=change.at)
        starts = [centre + n * length for n in range(-12 * 60 // minutes, 12 * 60 // minutes)]
        if newest_first:
            starts.reverse()
        ends = written_ends(starts, length, zone, end_clock)
        found, status = ends_to_starts(ends, length, zone, **({"end_clock": end_clock} if declared else {}))
        assert all(a == b for a, b, code in zip(found, micros(starts).tolist(), status, strict=True) if code == OK)
        # Of hours, half of one that occurs twice can show one row alone.
        assert not any(status) or minutes * 60_000_000 > abs(change.after - change.before)


@pytest.mark.parametrize("end_clock", ["at_end", "at_start"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@settings(max_examples=40, deadline=None)
@given(year=st.integers(2000, 2036), data=st.data())
def test_ends_of_a_file_with_holes_are_right_or_left_open_and_no_two_give_one_start(
    zone: str, end_clock: str, year: int, data: st.DataObject
) -> None:
    for change in transitions(zone, year, year):
        centre = EPOCH + timedelta(microseconds=change.at)
        starts = [centre + timedelta(minutes=15 * n) for n in range(-24, 24)]
        first = data.draw(st.integers(0, 47))
        lost = range(first, min(first + data.draw(st.integers(0, 6)), 48))
        kept = [start for number, start in enumerate(starts) if number not in lost]
        ends = written_ends(kept, timedelta(minutes=15), zone, end_clock)
        found, status = ends_to_starts(ends, timedelta(minutes=15), zone)
        true = micros(kept).tolist()
        assert all(a == b for a, b, code in zip(found, true, status, strict=True) if code == OK)
        good = [a for a, code in zip(found, status, strict=True) if code == OK]
        assert len(good) == len(set(good))


@pytest.mark.parametrize("zone", [*MORE_ZONES, "Asia/Beirut", "Pacific/Apia"])
@settings(max_examples=40, deadline=None)
@given(first=st.dates(date(2012, 1, 1), date(2036, 1, 1)), count=st.integers(1, 400))
def test_calendar_days_begin_where_the_zone_says_and_leave_no_time_between(zone: str, first: date, count: int) -> None:
    days = [first + timedelta(days=number) for number in range(count + 1)]
    found = first_instants(micros([datetime(day.year, day.month, day.day) for day in days]), zone)  # noqa: DTZ001
    midnights = [datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC) for day in days]
    assert found.tolist() == micros(midnights).tolist()
    hours = np.diff(found) / 3.6e9
    assert ((hours >= 23) & (hours <= 25)).all()
    # The instant before a day begins is one of the day before.
    shown = [(moment - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date() for moment in midnights]
    assert all(before < day for before, day in zip(shown, days, strict=True))
