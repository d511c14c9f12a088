"""Wall clocks at their changes: what a file's order proves, how it writes ends, and where days begin."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from ingest.time.end_stamps import starts_of
from ingest.time.local_time import AMBIGUOUS, NONEXISTENT, OK, UNTOLD, first_instants, to_utc

ZONE = "Europe/Berlin"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = 60_000_000
QUARTER = timedelta(minutes=15)


def naive(*texts: str) -> np.ndarray:
    readings = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in texts)
    return np.array([(reading - EPOCH) // timedelta(microseconds=1) for reading in readings], np.int64)


def shown(instants: np.ndarray) -> list[str]:
    return [(EPOCH + timedelta(microseconds=at)).strftime("%m-%d %H:%M") for at in instants.tolist()]


def quarters(first: str, last: str) -> list[str]:
    at, texts = datetime.fromisoformat(first), []
    while at <= datetime.fromisoformat(last):
        texts.append(at.isoformat(sep=" "))
        at += QUARTER
    return texts


@pytest.mark.parametrize(("rows_after", "proven"), [(0, False), (1, False), (2, True)])
def test_the_hour_at_the_edge_of_an_export_is_proven_by_two_rows_on_either_side(rows_after: int, proven: bool) -> None:
    hour = quarters("2024-10-27 02:00", "2024-10-27 02:45")
    after = quarters("2024-10-27 03:00", "2024-10-27 06:00")[:rows_after]
    # An export of that night before one of a day in June: the file steps back elsewhere.
    text = [*quarters("2024-10-26 20:00", "2024-10-27 01:45"), *hour, *hour, *after]
    text += quarters("2024-06-01 00:00", "2024-06-01 04:00")
    _, status = to_utc(naive(*text), ZONE)
    assert (status == AMBIGUOUS).sum() == (0 if proven else 8)
    assert set(status.tolist()) <= {OK, AMBIGUOUS}


#: The night of 31 March 2024 in quarter hours, by their ends, and which it is that ends at 03:00 or 02:00.
SPRING = [
    ("at_end", ["01:30", "01:45", "03:00", "03:15", "03:30"]),
    ("at_start", ["01:30", "01:45", "02:00", "03:15", "03:30"]),
]
#: 27 October: 02:00 comes twice where ends are written as the clock shows them, 03:00 where they are added up.
AUTUMN = [
    ("at_end", ["01:45", "02:00", "02:15", "02:30", "02:45", "02:00", "02:15", "02:30", "02:45", "03:00", "03:15"]),
    ("at_start", ["01:45", "02:00", "02:15", "02:30", "02:45", "03:00", "02:15", "02:30", "02:45", "03:00", "03:15"]),
]


def ends(day: str, clocks: list[str], **options: object) -> tuple[list[str], list[int]]:
    stamps = naive(*(f"{day} {clock}" for clock in clocks))
    starts, status, _ = starts_of(stamps, np.full(len(stamps), 15 * MINUTE), ZONE, **options)
    return shown(starts), status.tolist()


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize(("end_clock", "clocks"), SPRING)
def test_the_quarter_before_the_jump_of_spring_is_found_in_both_writings(
    end_clock: str, clocks: list[str], declared: bool
) -> None:
    starts, status = ends("2024-03-31", clocks, **({"end_clock": end_clock} if declared else {}))
    assert starts == ["03-31 00:15", "03-31 00:30", "03-31 00:45", "03-31 01:00", "03-31 01:15"]
    assert not any(status)


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize(("end_clock", "clocks"), AUTUMN)
def test_both_passes_of_autumn_are_found_in_both_writings(end_clock: str, clocks: list[str], declared: bool) -> None:
    starts, status = ends("2024-10-27", clocks, **({"end_clock": end_clock} if declared else {}))
    first = datetime(2024, 10, 26, 23, 30, tzinfo=UTC)
    assert starts == [(first + n * QUARTER).strftime("%m-%d %H:%M") for n in range(11)]
    assert not any(status)


def test_a_table_of_96_quarters_keeps_the_quarter_before_the_jump_and_no_row_after_it_twice() -> None:
    clocks = ["01:45", "02:00", "02:15", "02:30", "02:45", "03:00", "03:15"]
    starts, status = ends("2024-03-31", clocks)
    assert status == [OK, OK, NONEXISTENT, NONEXISTENT, NONEXISTENT, NONEXISTENT, OK]
    good = [start for start, code in zip(starts, status, strict=True) if code == OK]
    assert good == ["03-31 00:30", "03-31 00:45", "03-31 01:00"]


def test_ends_of_a_night_with_one_pass_are_told_apart_only_where_the_file_shows_how() -> None:
    once = ["01:45", "02:00", "02:15", "02:30", "02:45", "03:00", "03:15"]
    _, status = ends("2024-10-27", once)
    assert status == [OK, UNTOLD, AMBIGUOUS, AMBIGUOUS, AMBIGUOUS, UNTOLD, OK]
    # The same night behind a spring that shows it: 02:00 is the end of the pass before, or of the second one.
    spring = [f"2024-03-31 {clock}" for clock in SPRING[0][1]]
    stamps = naive(*spring, *(f"2024-10-27 {clock}" for clock in once))
    starts, status, alone = starts_of(stamps, np.full(len(stamps), 15 * MINUTE), ZONE)
    assert alone and status[5:].tolist() == [OK, *[AMBIGUOUS] * 4, OK, OK]
    assert shown(starts)[10:] == ["10-27 01:45", "10-27 02:00"]


def test_a_day_begins_when_its_clock_first_passes_midnight() -> None:
    # Havana's clocks jump from 00:00 to 01:00 in March, and from 01:00 back to 00:00 in November.
    days = [date(2024, 3, 9), date(2024, 3, 10), date(2024, 3, 11), date(2024, 11, 3), date(2024, 11, 4)]
    found = first_instants(naive(*(day.isoformat() for day in days)), "America/Havana")
    assert shown(found) == ["03-09 05:00", "03-10 05:00", "03-11 04:00", "11-03 04:00", "11-04 05:00"]
    berlin = first_instants(naive("2024-03-31", "2024-04-01", "2024-10-27", "2024-10-28"), ZONE)
    assert (np.diff(berlin)[[0, 2]] // (60 * MINUTE)).tolist() == [23, 25]
