"""Stamps to intervals: instants of start and end, by the declared length or by the stated end.

A length of whole days on a wall clock, and a calendar unit, follow the calendar: a day has 23, 24 or 25 hours. All
other lengths are elapsed time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.arrays import BoolArray, Int8Array, Int64Array
from ingest.layouts.engine.blocks import Rows
from ingest.layouts.engine.progress import NotInPieces, Progress
from ingest.time.end_stamps import starts_of
from ingest.time.local_time import OK, first_instants, repeated_times, to_utc, to_wall

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND

#: Months of the calendar units that are not a whole number of days.
_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}
#: The shortest of each, in days.
_SHORTEST = {"day": 1, "week": 7, "month": 28, "year": 365}

#: Share of rows whose neighbour shows their length from which on the order of rows is trusted.
_ORDERED = 0.9


@dataclass(frozen=True)
class Interval:
    """A layout's declaration of a signal's intervals.

    Args:
        marks: whether stamps are their `start` or their `end`.
        lengths: microseconds; of several, the step to the neighbouring row decides; empty if each row states its end.
        unit: a calendar unit (`day`, `week`, `month`, `year`) instead of lengths.
        end_clock: how ends are written around changes of the clocks (`end_stamps`).
        elapsed: whether lengths are as a document states them for each reading, and days no calendar days.
    """

    marks: str = "start"
    lengths: tuple[int, ...] = ()
    unit: str | None = None
    end_clock: str = "detect"
    elapsed: bool = False

    @property
    def is_calendar(self) -> bool:
        """Whether wall-clock stamps are dates of a calendar, which always name an instant."""
        fixed = self.lengths[0] if len(self.lengths) == 1 and not self.elapsed else 0
        return self.unit is not None or (fixed > 0 and fixed % DAY == 0)

    @property
    def is_stated(self) -> bool:
        """Whether only the rows state their length."""
        return self.unit is None and not self.lengths

    @property
    def shortest(self) -> int:
        """Least wall-clock time between two rows, in microseconds; 0 if lengths vary."""
        if self.unit is not None:
            return _SHORTEST[self.unit] * DAY
        return self.lengths[0] if len(self.lengths) == 1 else 0


@dataclass
class Placed:
    """The rows of a file as intervals.

    Args:
        start, end: microseconds since 1970-01-01 00:00 UTC.
        status: `local_time.OK`, or the reason why the stamp is not an instant.
        odd: rows of unknown length, or whose end does not follow their start as declared.
        at: values for the steps between rows: wall-clock readings of calendar intervals, else starts.
    """

    start: Int64Array
    end: Int64Array
    status: Int8Array
    odd: BoolArray
    at: Int64Array


class Places:
    """The rows of a file, or a piece of one, as intervals of every kind that its signals have.

    Args:
        zone: IANA zone of wall-clock stamps.
        calendar: IANA zone of the asset's calendar, for stamps that are instants.
        progress: decisions of earlier pieces.
    """

    def __init__(self, zone: str, calendar: str, progress: Progress) -> None:
        self._zone, self._calendar, self._progress = zone, calendar, progress
        self._found: dict[tuple[int, Interval | None], Placed] = {}

    def of(self, rows: Rows, interval: Interval | None) -> Placed:
        """The rows as these intervals; None: as samples, whose start and end are the stamp.

        Raises:
            NotInPieces: the piece alone does not show enough.
            RunsIntoRepeatedHour: the next piece is needed too.
        """
        key = (id(rows), interval)
        if key not in self._found:
            self._found[key] = self._place(rows, interval)
        return self._found[key]

    def _place(self, rows: Rows, interval: Interval | None) -> Placed:
        good = np.flatnonzero(rows.ok)
        stamp = rows.stamp[good]
        if interval is None:
            found = self._samples(rows, stamp, good)
        else:
            stated = None if rows.end is None else rows.end[good]
            read = self._instants if rows.instant else self._readings
            found = read(rows, stamp, good, stated, interval)
        count = len(rows.stamp)
        if len(good) == count:
            return found
        start, end, at = rows.stamp.copy(), rows.stamp.copy(), rows.stamp.copy()
        status, odd = np.zeros(count, np.int8), np.ones(count, np.bool_)
        start[good], end[good], at[good] = found.start, found.end, found.at
        status[good], odd[good] = found.status, found.odd
        return Placed(start, end, status, odd, at)

    def _samples(self, rows: Rows, stamp: Int64Array, good: Int64Array) -> Placed:
        utc, status = stamp, np.zeros(len(stamp), np.int8)
        if not rows.instant:
            self._progress.follow_order(stamp, self._zone)
            utc, status = to_utc(stamp, self._zone, _series(rows, good))
        return Placed(utc, utc, status, np.zeros(len(stamp), np.bool_), utc)

    def _instants(
        self, rows: Rows, stamp: Int64Array, good: Int64Array, stated: Int64Array | None, interval: Interval
    ) -> Placed:
        """Intervals of stamps that are instants; calendar units are those of the asset's calendar."""
        status = np.zeros(len(stamp), np.int8)
        if stated is not None and interval.is_stated:
            return Placed(stamp, stated, status, stated <= stamp, stamp)
        length, odd = _lengths(stamp, interval)
        if not self._is_calendar(stamp, interval):
            start, end = (stamp - length, stamp) if interval.marks == "end" else (stamp, stamp + length)
            odd |= False if stated is None else stated != end
            return Placed(start, end, status, odd, start)
        wall = to_wall(stamp, self._calendar)
        close = _unit_end(wall, interval.unit) if interval.marks == "end" else _step(wall, interval, 1)
        end = first_instants(close, self._calendar)
        start = first_instants(_step(close, interval, -1), self._calendar) if interval.marks == "end" else stamp
        odd |= False if stated is None else stated != end
        return Placed(start, end, status, odd | (end <= start), wall)

    def _is_calendar(self, stamp: Int64Array, interval: Interval) -> bool:
        """Whether intervals between instants are days: of declared seconds, where all stamps are local midnights."""
        if interval.unit is not None or not interval.is_calendar:
            return interval.unit is not None
        daily = not (to_wall(stamp, self._calendar) % DAY).any()
        self._progress.decide(f"stamps at local midnight of {interval}", daily)
        return daily

    def _readings(
        self, rows: Rows, stamp: Int64Array, good: Int64Array, stated: Int64Array | None, interval: Interval
    ) -> Placed:
        """Intervals of stamps that are readings of a wall clock."""
        length, odd = _lengths(stamp, interval)
        if interval.is_calendar:
            close = _unit_end(stamp, interval.unit) if interval.marks == "end" else _step(stamp, interval, 1)
            begin = _step(close, interval, -1) if interval.marks == "end" else stamp
            start, end = first_instants(begin, self._zone), first_instants(close, self._zone)
            if stated is not None:
                # A period's end is written as its last day as often as the day after it.
                odd |= ~(
                    (_unit_end(stated, interval.unit) == close) | (_unit_end(stated + DAY, interval.unit) == close)
                )
            return Placed(start, end, np.zeros(len(stamp), np.int8), odd | (end <= start), stamp)
        if interval.marks == "end":
            self._progress.follow_order(stamp, self._zone, int(length.max()) if len(length) else 0)
            start, status, alone = starts_of(stamp, length, self._zone, _series(rows, good), interval.end_clock)
            if alone and not self._progress.is_whole:
                raise NotInPieces("does not show at every change of the clocks how it writes the ends of intervals")
            return Placed(start, start + length, status, odd, start)
        samples = self.of(rows, None)
        start, status = samples.start[good], samples.status[good]
        if stated is None:
            return Placed(start, start + length, status, odd, start)
        if interval.is_stated:
            end = _stated_ends(start, stamp, stated, self._zone)
            return Placed(start, end, status, (end <= start) & (status == OK), start)
        # The end is a wall-clock reading too, so across a change of the clocks it does not differ by the length.
        close = to_wall(start + length, self._zone)
        odd |= ~(_is_end(stated, stamp, stamp + length) | _is_end(stated, stamp, close))
        return Placed(start, start + length, status, odd, start)


def _series(rows: Rows, good: Int64Array) -> Int64Array | None:
    return None if rows.series is None else rows.series[good]


def _is_end(stated: Int64Array, stamp: Int64Array, close: Int64Array) -> BoolArray:
    """Whether a stated end equals `close`, or is the last second or minute before it (00:00 to 00:14:59)."""
    before = close - stated
    return np.asarray((before == 0) | ((before > 0) & (before <= MINUTE) & (stated > stamp)), dtype=np.bool_)


def _stated_ends(start: Int64Array, stamp: Int64Array, stated: Int64Array, zone: str) -> Int64Array:
    """Instants of stated ends: the first time after the start at which the clock shows them.

    If that does not give the file's usual length and the difference of the two readings does, the end is the start's
    reading plus the length. Days have no usual length.
    """
    difference = stated - stamp
    usual = 0
    if len(difference):
        lengths, counts = np.unique(difference, return_counts=True)
        usual = int(lengths[np.argmax(counts)])
    end = first_instants(stated, zone)
    for first, last in repeated_times(stated, zone) if len(stated) else []:
        # Of a reading that occurs twice, the second one if the first is before the start.
        again = (stated >= first) & (stated < last) & (end <= start)
        end[again] += last - first
    added = (end - start != usual) & (difference == usual) & (difference % DAY != 0)
    return np.where(added, start + difference, end)


def _lengths(stamp: Int64Array, interval: Interval) -> tuple[Int64Array, BoolArray]:
    """Elapsed length of every row's interval, and the rows for which the file does not show which length it is."""
    if len(interval.lengths) > 1:
        lengths = _mixed_lengths(stamp, interval.lengths, interval.marks == "end")
        return lengths, lengths == 0
    fixed = interval.lengths[0] if interval.lengths else 0
    return np.full(len(stamp), fixed, np.int64), np.zeros(len(stamp), np.bool_)


def _mixed_lengths(stamp: Int64Array, lengths: tuple[int, ...], ends: bool) -> Int64Array:
    """Lengths in a file that mixes them: the step to the next row if that is a declared length, else from the previous.

    If stamps are ends, the step from the previous row comes first. The neighbour is the one in the file, so that
    exports of two resolutions of one time stay apart; if that shows nothing, or the file has no order at all, it is
    the neighbour in time. 0 if neither shows the length.
    """

    def by_neighbour(stamps: Int64Array) -> Int64Array:
        after = np.diff(stamps, append=np.int64(-1))
        before = np.concatenate((np.zeros(1, np.int64), after[:-1]))
        first, second = (before, after) if ends else (after, before)
        return np.where(np.isin(first, lengths), first, np.where(np.isin(second, lengths), second, 0))

    instants, places = np.unique(stamp, return_inverse=True)
    in_time = by_neighbour(instants)[places]
    in_file = by_neighbour(stamp)
    return np.where(in_file > 0, in_file, in_time) if (in_file > 0).mean() > _ORDERED else in_time


def _step(wall: Int64Array, interval: Interval, count: int) -> Int64Array:
    """Readings moved by `count` calendar units; a day that the other month lacks becomes its last."""
    if interval.unit is None:
        return wall + count * interval.lengths[0]
    if interval.unit in _DAYS:
        return wall + count * _DAYS[interval.unit] * DAY
    months = wall.astype("datetime64[us]").astype("datetime64[M]")
    into = wall - _micros(months)
    target = months + count * _MONTHS[interval.unit]
    size = _micros(target + 1) - _micros(target)
    return np.asarray(_micros(target) + np.where(into < size, into, size - DAY + into % DAY), dtype=np.int64)


def _unit_end(wall: Int64Array, unit: str | None) -> Int64Array:
    """Ends of calendar intervals with stamped ends: 23:59:59 means midnight, a month's last day means its end."""
    late = wall % DAY >= DAY - MINUTE
    wall = np.where(late, wall - wall % DAY + DAY, wall)
    if unit in _MONTHS:
        months = wall.astype("datetime64[us]").astype("datetime64[M]")
        following = _micros(months + 1)
        last = wall >= following - DAY
        if unit == "year":
            last &= (months.astype(np.int64) % 12) == 11
        wall = np.where(last, following, wall)
    return np.asarray(wall, dtype=np.int64)


def _micros(months: npt.NDArray[np.datetime64]) -> Int64Array:
    return np.asarray(months.astype("datetime64[us]").astype(np.int64), dtype=np.int64)
