"""ERCOT's clock: every convention of the repeated and of the skipped hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.iso.ercot.clock import (
    BadTime,
    flagged_hour,
    hours_in,
    midnight,
    parse_day,
    parse_hour_ending,
    sced_instant,
    unflagged_hours,
    wall_instant,
)

SPRING, AUTUMN, PLAIN = date(2026, 3, 8), date(2024, 11, 3), date(2026, 9, 29)
HOUR = timedelta(hours=1)
days = st.dates(date(2008, 1, 1), date(2035, 12, 31))


@given(days)
def test_hours_numbered_through_a_day_tile_it(day: date) -> None:
    count = hours_in(day)
    starts = unflagged_hours(day, frozenset(range(1, count + 1)))
    assert [starts[n] for n in range(1, count + 1)] == [midnight(day) + n * HOUR for n in range(count)]
    assert midnight(day) + count * HOUR == midnight(day + timedelta(days=1))


@given(days)
def test_flagged_hours_tile_a_day(day: date) -> None:
    starts = []
    for hour in range(1, 25):
        for repeated in (False, True):
            try:
                starts.append(flagged_hour(day, hour, repeated))
            except BadTime:
                continue
    assert sorted(starts) == [midnight(day) + n * HOUR for n in range(hours_in(day))]


@given(days.flatmap(lambda day: st.times().map(lambda at: datetime.combine(day, at))))
def test_an_instant_is_shown_as_the_wall_time_it_came_from(wall: datetime) -> None:
    try:
        instant = wall_instant(wall, None)
    except BadTime:
        return
    assert instant.astimezone(ZoneInfo("America/Chicago")).replace(tzinfo=None) == wall


def test_wall_clock_labels_of_a_spring_day_leave_out_hour_three() -> None:
    labels = unflagged_hours(SPRING, frozenset({1, 2, *range(4, 25)}))
    assert [labels[hour] for hour in (1, 2, 4, 24)] == [
        datetime(2026, 3, 8, 6, tzinfo=UTC) + n * HOUR for n in (0, 1, 2, 22)
    ]


@pytest.mark.parametrize(
    ("day", "stated"),
    [
        (SPRING, frozenset(range(1, 25))),
        (SPRING, frozenset({1})),
        (AUTUMN, frozenset(range(1, 25))),
        (AUTUMN, frozenset(range(1, 24))),
    ],
)
def test_hours_of_a_day_of_change_are_refused_where_they_do_not_show_their_numbering(
    day: date, stated: frozenset[int]
) -> None:
    with pytest.raises(BadTime, match=f"{day} has {hours_in(day)} hours"):
        unflagged_hours(day, stated)


def test_a_trimmed_plain_day_needs_no_other_hours() -> None:
    assert unflagged_hours(PLAIN, frozenset({7}))[7] == datetime(2026, 9, 29, 11, tzinfo=UTC)


def test_runs_of_the_repeated_hour_are_told_apart_by_their_flag() -> None:
    first, second = (sced_instant("11/03/2024 01:05:12", flag) for flag in "NY")
    assert second - first == HOUR and first == datetime(2024, 11, 3, 6, 5, 12, tzinfo=UTC)
    with pytest.raises(BadTime, match="occurs twice"):
        sced_instant("11/03/2024 01:05:12", None)
    with pytest.raises(BadTime, match="occurs once"):
        sced_instant("11/03/2024 02:05:12", "Y")
    with pytest.raises(BadTime, match="does not exist"):
        sced_instant("03/08/2026 02:05:12", "N")


@pytest.mark.parametrize(
    "text", ["02/30/2026", "01/01/0001", "12/31/9999", "2026-13-01", "29.09.2026", "", None, "09/29/26"]
)
def test_what_is_no_day_is_refused(text: str | None) -> None:
    with pytest.raises(BadTime):
        parse_day(text)


@pytest.mark.parametrize("text", ["0", "26", "1:30", "-1", "1.0", "", None])
def test_what_is_no_hour_ending_is_refused(text: str | None) -> None:
    with pytest.raises(BadTime):
        parse_hour_ending(text)
