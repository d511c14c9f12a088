"""ERCOT's clock: operating days, hours ending and SCED stamps of Central prevailing time as instants.

ERCOT writes the hour that an autumn night repeats in two ways. Prices carry a flag that is Y in the second hour, and
their hour ending is the wall clock's; spring leaves one out. The 60-day DAM tables carry no flag and number the hours
of the day through, 1 to 25 or to 23; as no spring file of them has been seen, wall clock labels (1, 2, 4 to 24) are
taken too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Int64Array

CENTRAL = ZoneInfo("America/Chicago")
HOUR = timedelta(hours=1)
#: Years that a market can be of: ERCOT's began in 2001.
YEARS = range(2001, 2100)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DAY = re.compile(r"(?:(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})|(?P<iso>\d{4}-\d{2}-\d{2}))")
_STAMP = re.compile(rf"{_DAY.pattern}[ T](?P<time>\d{{1,2}}:\d{{2}}:\d{{2}})(?:\.\d+)?")
_HOUR_ENDING = re.compile(r"(\d{1,2})(?::00)?")

T = TypeVar("T")


class BadTime(ValueError):
    """A wrong day, hour or stamp; the message is the reason."""


def _day(match: re.Match[str]) -> date:
    iso = match["iso"]
    day = date.fromisoformat(iso) if iso else date(int(match["y"]), int(match["m"]), int(match["d"]))
    if day.year not in YEARS:
        raise ValueError
    return day


@lru_cache(maxsize=1024)
def parse_day(text: str | None) -> date:
    """An operating day, as `MM/DD/YYYY` or ISO.

    Raises:
        BadTime: it is no day.
    """
    match = _DAY.fullmatch(text or "")
    try:
        if match:
            return _day(match)
    except ValueError:
        pass
    raise BadTime(f"{text!r} is no day (MM/DD/YYYY)" if text else "the day is missing")


def parse_hour_ending(text: str | None) -> int:
    """An hour ending, 1 to 25, as `7` or `07:00`.

    Raises:
        BadTime: it is none.
    """
    match = _HOUR_ENDING.fullmatch(text or "")
    if not match or not 1 <= int(match[1]) <= 25:
        raise BadTime(f"{text!r} is no hour ending (1 to 24, or 25)" if text else "the hour ending is missing")
    return int(match[1])


def parse_flag(text: str | None) -> bool | None:
    """A flag of the repeated hour: True in the second one, None where it is blank.

    Raises:
        BadTime: it is neither Y nor N.
    """
    if text in (None, "Y", "N"):
        return None if text is None else text == "Y"
    raise BadTime(f"{text!r} is no repeated hour flag (Y or N)")


def wall_instant(wall: datetime, repeated: bool | None) -> datetime:
    """The instant at which Central clocks show a time.

    Args:
        wall: naive.
        repeated: whether it is the second of two hours of the same name; None if there is no flag.

    Raises:
        BadTime: clocks never show it, show it twice and there is no flag, or it is flagged and occurs once.
    """
    first, second = (wall.replace(tzinfo=CENTRAL, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first > second:
        raise BadTime(f"{wall} does not exist: the clocks go forward over it")
    if first == second:
        if repeated:
            raise BadTime(f"{wall} is flagged as repeated, and occurs once")
        return first
    if repeated is None:
        raise BadTime(f"{wall} occurs twice (the clocks go back), and no flag says which one it is")
    return second if repeated else first


@lru_cache(maxsize=1024)
def midnight(day: date) -> datetime:
    """Start of an operating day."""
    return wall_instant(datetime.combine(day, time()), None)


def hours_in(day: date) -> int:
    """Hours of an operating day: 24, or 23 or 25 where the clocks change."""
    return round((midnight(day + timedelta(days=1)) - midnight(day)) / HOUR)


def flagged_hour(day: date, hour_ending: int, repeated: bool | None) -> datetime:
    """Start of an hour with a wall-clock hour ending and a flag.

    Raises:
        BadTime: the day has no such hour, or the flag contradicts it.
    """
    if hour_ending > 24:
        raise BadTime(f"hour ending {hour_ending} is none of a wall clock (1 to 24)")
    return wall_instant(datetime.combine(day, time(hour_ending - 1)), repeated)


def unflagged_hours(day: date, stated: frozenset[int]) -> dict[int, datetime]:
    """Hour ending → start, on a day without flags.

    Args:
        day: operating day.
        stated: the hours ending that a whole document states of that day.

    Raises:
        BadTime: the clocks change that day, and the hours do not show how it numbers them.
    """
    count = hours_in(day)
    through = frozenset(range(1, count + 1))
    if count == 24 or stated == through:
        return {hour: midnight(day) + (hour - 1) * HOUR for hour in through}
    if count == 23 and stated == frozenset({1, 2, *range(4, 25)}):
        return {hour: flagged_hour(day, hour, None) for hour in stated}
    also = " or 1, 2, 4 to 24" if count == 23 else ""
    raise BadTime(
        f"{day} has {count} hours, so its hours ending must be 1 to {count}{also}; the document states {_spans(stated)}"
    )


def _spans(numbers: frozenset[int]) -> str:
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in spans)


def parse_stamp(text: str | None) -> datetime:
    """A naive stamp, as `MM/DD/YYYY HH:MM:SS` or ISO.

    Raises:
        BadTime: it is none.
    """
    match = _STAMP.fullmatch(text or "")
    try:
        if match:
            return datetime.combine(_day(match), time.fromisoformat(match["time"].rjust(8, "0")))
    except ValueError:
        pass
    raise BadTime(f"{text!r} is no stamp (MM/DD/YYYY HH:MM:SS)" if text else "the stamp is missing")


def sced_instant(stamp: str | None, flag: str | None) -> datetime:
    """Instant of a SCED run.

    Raises:
        BadTime: stamp or flag is wrong, or they contradict the calendar.
    """
    return wall_instant(parse_stamp(stamp), parse_flag(flag))


def micros(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def per_value(columns: Sequence[pa.DictionaryArray], rule: Callable[..., T]) -> tuple[list[T | BadTime], Int64Array]:
    """Apply a rule once to every combination of values that occurs.

    Args:
        columns: equally long.
        rule: takes a value (or None) of each; may raise BadTime.

    Returns:
        The rule's answers, and for every row the index of its answer.
    """
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        index = np.asarray(pc.fill_null(column.indices, len(column.dictionary)), np.int64)
        code = code * (len(column.dictionary) + 1) + index
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    answers: list[T | BadTime] = []
    for row in first.tolist():
        try:
            answers.append(rule(*(column[row].as_py() for column in columns)))
        except BadTime as reason:
            answers.append(reason)
    return answers, inverse.astype(np.int64)
