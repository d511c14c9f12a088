"""When the rows of a 60-day disclosure are: days, hours, SCED runs and settlement intervals as instants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Protocol

import numpy as np
import pyarrow as pa

from ingest.arrays import Int64Array
from ingest.iso.ercot.clock import (
    HOUR,
    BadTime,
    flagged_hour,
    hours_in,
    micros,
    midnight,
    parse_day,
    parse_flag,
    parse_hour_ending,
    parse_stamp,
    per_value,
    sced_instant,
    unflagged_hours,
    wall_instant,
)
from ingest.iso.ercot.rows import Rows
from lakehouse.contract import TYPES

QUARTER = timedelta(minutes=15)
#: Settlement intervals are stamped with their last second.
_LAST_SECOND = timedelta(seconds=1)
#: An autumn day has 25 hours.
_NUMBERS = frozenset(str(number) for number in range(1, 101))


class Timing(Protocol):
    """Gives rows their time columns, piece by piece of one document."""

    def of(self, rows: Rows) -> Rows:
        """Rows whose time is known, with it; others are refused, or kept for the end."""
        ...

    def rest(self) -> Iterator[Rows]:
        """At the end of the document: rows that needed all of it."""
        ...


def replaced(
    rows: Rows,
    inverse: Int64Array,
    answers: Sequence[Mapping[str, object] | BadTime],
    types: Mapping[str, str],
    header: str,
) -> Rows:
    """Rows with columns made of answers; rows without an answer are refused.

    Args:
        rows: they lose columns of the same names.
        inverse: index of every row's answer.
        answers: column → instant, day, number or flag; or why there is none.
        types: column → type as in a contract.
        header: column that a refused row is refused for.
    """
    bad = np.array([isinstance(answer, BadTime) for answer in answers], np.bool_)
    at_fault = np.flatnonzero(bad[inverse]) if bad.any() else ()
    columns = {name: cells for name, cells in rows.columns.items() if name not in types}
    for name, kind in types.items():
        values = [None if isinstance(answer, BadTime) else answer[name] for answer in answers]
        columns[name] = pa.array(values, TYPES[kind][0]).take(pa.array(inverse))
    return replace(rows, columns=columns).without({int(row): (header, str(answers[inverse[row]])) for row in at_fault})


class RunTiming:
    """SCED runs: a local stamp and a flag of the repeated hour."""

    def of(self, rows: Rows) -> Rows:
        keys = [rows.columns[name] for name in ("sced_at", "is_repeated_hour")]

        def run(stamp: str | None, flag: str | None) -> dict[str, object]:
            return {"sced_at": sced_instant(stamp, flag), "is_repeated_hour": parse_flag(flag)}

        answers, inverse = per_value(keys, run)
        types = {"sced_at": "timestamptz", "is_repeated_hour": "boolean"}
        return replaced(rows, inverse, answers, types, "SCED Time Stamp")

    def rest(self) -> Iterator[Rows]:
        yield from ()


class HourTiming:
    """Hours by their ending, or quarter hours of these, with a flag of the repeated hour or without.

    With a flag, hours are the wall clock's. Without one, all hours of a document tell a day of change apart.
    """

    TYPES: Mapping[str, str] = {
        "operating_day": "date", "hour_ending": "long", "interval_start": "timestamptz", "interval_end": "timestamptz",
    }  # fmt: skip
    KEYS = ("operating_day", "hour_ending", "delivery_interval", "repeated")

    def __init__(self) -> None:
        self._kept: list[Rows] = []

    def of(self, rows: Rows) -> Rows:
        flagged = "repeated" in rows.columns
        answers, inverse = per_value(self._keys(rows), _flagged_interval if flagged else _plain_interval)
        change = np.array([answer is None for answer in answers], np.bool_)[inverse]
        if change.any():
            self._kept.append(rows.where(change))
            rest, inverse = rows.where(~change), inverse[~change]
            rows = replace(rows, columns=rest.columns, line=rest.line)
        known = [answer or BadTime("kept for the end of the document") for answer in answers]
        return replaced(rows, inverse, known, self.TYPES, "hour")

    def rest(self) -> Iterator[Rows]:
        stated: dict[date, set[int]] = defaultdict(set)
        for rows in self._kept:
            hours, _ = per_value(self._keys(rows)[:2], lambda day, hour: (parse_day(day), parse_hour_ending(hour)))
            for answer in hours:
                if not isinstance(answer, BadTime):
                    stated[answer[0]].add(answer[1])

        def of_change(day: str | None, hour: str | None, quarter: str | None, _: str | None) -> dict[str, object]:
            at = parse_day(day)
            return _interval(at, parse_hour_ending(hour), quarter, unflagged_hours(at, frozenset(stated[at])))

        for rows in self._kept:
            answers, inverse = per_value(self._keys(rows), of_change)
            yield replaced(rows, inverse, answers, self.TYPES, "hour")
        self._kept = []

    def _keys(self, rows: Rows) -> list[pa.DictionaryArray]:
        missing = pa.nulls(len(rows), pa.string()).dictionary_encode()
        return [rows.columns.get(name, missing) for name in self.KEYS]


def _flagged_interval(day: str | None, hour: str | None, quarter: str | None, flag: str | None) -> dict[str, object]:
    at, ending = parse_day(day), parse_hour_ending(hour)
    return _interval(at, ending, quarter, {ending: flagged_hour(at, ending, parse_flag(flag))})


def _plain_interval(day: str | None, hour: str | None, quarter: str | None, _: str | None) -> dict[str, object] | None:
    """An interval of a day on which no clock changes; None of other days."""
    at, ending = parse_day(day), parse_hour_ending(hour)
    return _interval(at, ending, quarter, unflagged_hours(at, frozenset())) if hours_in(at) == 24 else None


def _interval(day: date, ending: int, quarter: str | None, starts: Mapping[int, datetime]) -> dict[str, object]:
    """Hour `ending` of a day, or a quarter (1 to 4) of it."""
    if ending not in starts:
        raise BadTime(f"{day} has no hour ending {ending}")
    start, length = starts[ending], HOUR
    if quarter is not None:
        if quarter not in ("1", "2", "3", "4"):
            raise BadTime(f"{quarter!r} is no interval of an hour (1 to 4)")
        start, length = start + (int(quarter) - 1) * QUARTER, QUARTER
    return {"operating_day": day, "hour_ending": ending, "interval_start": start, "interval_end": start + length}


class QuarterTiming:
    """Settlement intervals of 15 minutes: stamped with their last second, and numbered through the day."""

    def of(self, rows: Rows) -> Rows:
        numbers = rows.columns.get("interval_number")
        if numbers is None:
            numbers = pa.nulls(len(rows), pa.string()).dictionary_encode()
        answers, inverse = per_value([rows.columns["interval_time"], numbers], _quarter)
        types = {"interval_start": "timestamptz", "interval_end": "timestamptz", "interval_number": "long"}
        timed = replaced(rows, inverse, answers, types, "Interval Time")
        del timed.columns["interval_time"]
        return timed

    def rest(self) -> Iterator[Rows]:
        yield from ()


def _quarter(stamp: str | None, number: str | None) -> dict[str, object]:
    wall = parse_stamp(stamp)
    if number is not None and number not in _NUMBERS:
        raise BadTime(f"{number!r} is no interval number (1 to 100)")
    count = None if number is None else int(number)
    numbered = None if count is None else midnight(wall.date()) + count * QUARTER
    try:
        end = wall_instant(wall, None) + _LAST_SECOND
    except BadTime:
        both = [wall_instant(wall, repeated) + _LAST_SECOND for repeated in (False, True)]
        if numbered not in both:
            raise
        end = numbered
    if (micros(end) // 1_000_000) % 900:
        raise BadTime(f"{stamp} is not the last second of 15 minutes")
    return {"interval_start": end - QUARTER, "interval_end": end, "interval_number": count}


def timing_of(columns: Mapping[str, pa.Array]) -> Timing:
    """How a document tells time, by its columns."""
    kinds: dict[str, Callable[[], Timing]] = {
        "sced_at": RunTiming, "hour_ending": HourTiming, "interval_time": QuarterTiming,
    }  # fmt: skip
    return next(kind for column, kind in kinds.items() if column in columns)()
