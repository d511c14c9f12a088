"""When the rows of a 60-day disclosure are: days, hours, SCED runs and settlement intervals as instants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.iso.ercot.clock import (
    HOUR,
    BadTime,
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

Int64Array = npt.NDArray[np.int64]


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
    whole = Rows(columns, rows.line, rows.shown, rows.read, rows.refused, rows.rounded)
    return whole.without({int(row): (header, str(answers[inverse[row]])) for row in at_fault})


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
    """Hours of the DAM without a flag: on a day when clocks change, all hours of the document tell which is which."""

    TYPES = {  # noqa: RUF012 - never changed
        "operating_day": "date", "hour_ending": "long", "interval_start": "timestamptz", "interval_end": "timestamptz",
    }  # fmt: skip
    HEADER = "Hour Ending"

    def __init__(self) -> None:
        self._kept: list[Rows] = []

    def of(self, rows: Rows) -> Rows:
        answers, inverse = per_value(self._keys(rows), self._plain_hour)
        change = np.array([answer is None for answer in answers], np.bool_)[inverse]
        if change.any():
            self._kept.append(rows.where(change))
            counts = (rows.read, rows.refused, rows.rounded)
            rows, inverse = rows.where(~change), inverse[~change]
            rows.read, rows.refused, rows.rounded = counts
        known = [answer or BadTime("kept for the end of the document") for answer in answers]
        return replaced(rows, inverse, known, self.TYPES, self.HEADER)

    def rest(self) -> Iterator[Rows]:
        stated: dict[date, set[int]] = defaultdict(set)
        for rows in self._kept:
            hours, _ = per_value(self._keys(rows), lambda day, hour: (parse_day(day), parse_hour_ending(hour)))
            for answer in hours:
                if not isinstance(answer, BadTime):
                    stated[answer[0]].add(answer[1])

        def hour_of_change(day: str | None, hour: str | None) -> dict[str, object]:
            at, ending = parse_day(day), parse_hour_ending(hour)
            return self._hour(at, ending, frozenset(stated[at]))

        for rows in self._kept:
            answers, inverse = per_value(self._keys(rows), hour_of_change)
            yield replaced(rows, inverse, answers, self.TYPES, self.HEADER)
        self._kept = []

    @staticmethod
    def _keys(rows: Rows) -> list[pa.DictionaryArray]:
        return [rows.columns["operating_day"], rows.columns["hour_ending"]]

    def _plain_hour(self, day: str | None, hour: str | None) -> dict[str, object] | None:
        """An hour of a day on which no clock changes; None of other days."""
        at = parse_day(day)
        return self._hour(at, parse_hour_ending(hour), frozenset()) if hours_in(at) == 24 else None

    @staticmethod
    def _hour(day: date, ending: int, stated: frozenset[int]) -> dict[str, object]:
        starts = unflagged_hours(day, stated)
        if ending not in starts:
            raise BadTime(f"{day} has no hour ending {ending}")
        start = starts[ending]
        return {"operating_day": day, "hour_ending": ending, "interval_start": start, "interval_end": start + HOUR}


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
    if number is not None and not number.isdecimal():
        raise BadTime(f"{number!r} is no interval number")
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
