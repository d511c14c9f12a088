"""Naive local time to UTC, by a zone's few transitions and without a call per row.

File order decides between the two passes of the hour that autumn repeats, if it proves the pass; else it stays open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ingest.arrays import Int8Array, Int64Array
from lakehouse.zones import zone

SECOND = 1_000_000

OK, NONEXISTENT, AMBIGUOUS, UNTOLD = 0, 1, 2, 3
#: Range of years, in microseconds since 1970, for which every zone has offsets.
_CALENDAR = (-62_000_000_000 * SECOND, 253_000_000_000 * SECOND)

REASONS = {
    NONEXISTENT: "this local time does not exist: the clocks go forward over it",
    AMBIGUOUS: "this local time occurs twice (the clocks go back) and the file's order does not prove which one it is",
    UNTOLD: "an end at a change of the clocks, and the file does not show whether it is written as the clock shows it "
    "then (stamps.end_clock declares it)",
}

#: Number of rows in order, around the hour and on either side of it, that prove the order of a file which steps back
#: elsewhere: concatenated exports and re-sent rows have them (an hourly day has two before 02:00), ...
_ANCHORS, _ANCHORS_A_SIDE = 8, 2
#: ... and so much of the hour: a shuffled file scatters it.
_WHOLE = 0.9


@dataclass(frozen=True)
class Transition:
    """One change of a zone's offset: instant and offsets before and after, all in microseconds."""

    at: int
    before: int
    after: int


def transitions(name: str, first_year: int, last_year: int) -> list[Transition]:
    """All offset changes of a zone from the start of `first_year` to the end of `last_year` (UTC)."""
    return [found for year in range(first_year, last_year + 1) for found in _transitions_of(name, year)]


@lru_cache(maxsize=4096)
def _transitions_of(name: str, year: int) -> tuple[Transition, ...]:
    tz = zone(name)

    def offset(second: int) -> int:
        moment = datetime.fromtimestamp(second, UTC).astimezone(tz)
        delta = moment.utcoffset() or timedelta()
        return round(delta.total_seconds())

    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    stop = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp())
    found: list[Transition] = []
    low, before = start, offset(start - 1)
    if offset(start) != before:
        found.append(Transition(start * SECOND, before * SECOND, offset(start) * SECOND))
        before = offset(start)
    while low < stop:
        high = min(low + 86400, stop)
        if offset(high - 1) != before:
            left, right = low - 1, high - 1
            while right - left > 1:
                middle = (left + right) // 2
                left, right = (middle, right) if offset(middle) == before else (left, middle)
            after = offset(right)
            found.append(Transition(right * SECOND, before * SECOND, after * SECOND))
            before = after
            low = right
        else:
            low = high
    return tuple(found)


def changes_around(naive: Int64Array, name: str) -> list[Transition]:
    """Transitions that may affect naive stamps, also those of the years next to the data's."""
    first = int(naive.min() // (366 * 86400 * SECOND)) + 1970 - 1
    last = int(naive.max() // (365 * 86400 * SECOND)) + 1970 + 1
    return transitions(name, max(first, 1850), min(last, 2200))


def _base_offset(name: str, changes: list[Transition], naive: Int64Array) -> int:
    if changes:
        return changes[0].before
    # Years outside Python's calendar get the offset of its ends: their instants are refused later.
    earliest = min(max(int(naive.min()), _CALENDAR[0]), _CALENDAR[1])
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=earliest)
    delta = moment.astimezone(zone(name)).utcoffset() or timedelta()
    return round(delta.total_seconds()) * SECOND


def to_utc(naive: Int64Array, name: str, groups: Int64Array | None = None) -> tuple[Int64Array, Int8Array]:
    """Convert naive local stamps to UTC.

    Args:
        naive: microseconds since 1970-01-01 00:00 of the local wall clock, in file order.
        name: IANA zone of the wall clock.
        groups: series of every row (same stamp in two series is no repetition); None for a single series.

    Returns:
        Microseconds since 1970-01-01 00:00 UTC, and for every row OK, NONEXISTENT or AMBIGUOUS.
    """
    status = np.zeros(len(naive), np.int8)
    if not len(naive):
        return naive.copy(), status
    zone(name)
    changes = changes_around(naive, name)
    utc = _first_pass(naive, name, changes)
    low, high = int(naive.min()), int(naive.max())
    for change in changes:
        start, stop = sorted((change.at + change.before, change.at + change.after))
        if start == stop or stop <= low or start > high:
            continue
        inside = (naive >= start) & (naive < stop)
        if not inside.any():
            continue
        if change.after > change.before:
            status[inside] = NONEXISTENT
            continue
        second = np.zeros(len(naive), np.bool_)
        proven = np.zeros(len(naive), np.bool_)
        for rows in _series(groups, inside, len(naive)):
            fold, sure = _fold_by_order(naive[rows], start, stop)
            second[rows] |= fold
            proven[rows] |= sure
        status[inside & ~proven] = AMBIGUOUS
        later = inside & proven & second
        utc[later] = naive[later] - change.after
    return utc, status


def _first_pass(naive: Int64Array, name: str, changes: list[Transition]) -> Int64Array:
    """Instants of wall-clock readings; the first one of a repeated reading; a skipped one by the offset before."""
    # A wall clock has the new offset of a change from the later of its two readings of that instant on.
    shown = np.array([c.at + max(c.before, c.after) for c in changes], np.int64)
    offsets = np.array([_base_offset(name, changes, naive), *(c.after for c in changes)], np.int64)
    return np.asarray(naive - offsets[np.searchsorted(shown, naive, side="right")], dtype=np.int64)


def first_instants(naive: Int64Array, name: str) -> Int64Array:
    """Instants at which a wall clock first shows readings, or skips them.

    These begin calendar days: a midnight that occurs twice begins its day the first time, and a day without a midnight
    begins with the change.

    Args:
        naive: microseconds since 1970-01-01 00:00 of the local wall clock.
        name: IANA zone.
    """
    if not len(naive):
        return naive.copy()
    changes = changes_around(naive, name)
    utc = _first_pass(naive, name, changes)
    for change in changes:
        skipped = (naive >= change.at + change.before) & (naive < change.at + change.after)
        utc[skipped] = change.at
    return utc


def skipped_times(naive: Int64Array, name: str) -> list[tuple[int, int]]:
    """Half-open ranges of wall-clock time that do not occur, around stamps; all in microseconds since 1970."""
    changes = changes_around(naive, name)
    return [(c.at + c.before, c.at + c.after) for c in changes if c.after > c.before]


def repeated_times(naive: Int64Array, name: str) -> list[tuple[int, int]]:
    """Half-open ranges of wall-clock time that occur twice, around stamps; all in microseconds since 1970."""
    changes = changes_around(naive, name)
    return [(c.at + c.after, c.at + c.before) for c in changes if c.after < c.before]


def to_wall(utc: Int64Array, name: str) -> Int64Array:
    """Wall-clock readings of a zone at instants, both in microseconds since 1970."""
    if not len(utc):
        return utc.copy()
    changes = changes_around(utc, name)
    offsets = np.array([_base_offset(name, changes, utc), *(c.after for c in changes)], np.int64)
    since = np.array([c.at for c in changes], np.int64)
    return utc + offsets[np.searchsorted(since, utc, side="right")]


def _series(groups: Int64Array | None, inside: npt.NDArray[np.bool_], count: int) -> Iterator[Int64Array]:
    """Row numbers, in file order, of every series that has a row in the repeated hour."""
    if groups is None:
        yield np.arange(count, dtype=np.int64)
        return
    order = np.argsort(groups, kind="stable")
    edges = np.flatnonzero(np.diff(groups[order])) + 1
    for rows in np.split(order, edges):
        if inside[rows].any():
            yield rows.astype(np.int64)


def _fold_by_order(naive: Int64Array, start: int, stop: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Distinguish the two passes of a repeated hour in one series.

    Proof is one of two patterns inside a run of rows whose stamps otherwise never step back: the stamps step back
    once, by at least half the repeated time (first pass, then second); or stamps occur exactly twice in a row while
    the neighbours outside the hour occur once (interleaved passes). A series written newest first is read backwards.

    Args:
        naive: wall-clock microseconds of one series, in file order.
        start, stop: the repeated wall-clock time, half-open.

    Returns:
        For every row: whether it is in the second pass, and whether that is proven.
    """
    steps = np.sign(np.diff(naive))
    backwards = len(steps) > 0 and int((steps < 0).sum()) > int((steps > 0).sum())
    if backwards:
        fold, sure = _fold_by_order_ascending(naive[::-1], start, stop)
        return fold[::-1], sure[::-1]
    return _fold_by_order_ascending(naive, start, stop)


def _fold_by_order_ascending(
    naive: Int64Array, start: int, stop: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    fold = np.zeros(len(naive), np.bool_)
    sure = np.zeros(len(naive), np.bool_)
    inside = (naive >= start) & (naive < stop)
    breaks = (np.diff(naive) < 0) & ~(inside[:-1] & inside[1:])
    stretch = np.concatenate((np.zeros(1, np.int64), np.cumsum(breaks)))
    stamps_of_hour = len(np.unique(naive[inside]))
    for number in np.unique(stretch[inside]):
        first, last = np.searchsorted(stretch, (number, number + 1))
        rows = np.arange(first, last, dtype=np.int64)
        hour = rows[inside[rows]]
        if breaks.any():
            before, after = int((naive[rows] < start).sum()), int((naive[rows] >= stop).sum())
            anchored = before + after >= _ANCHORS and min(before, after) >= _ANCHORS_A_SIDE
            if not anchored or len(np.unique(naive[hour])) < _WHOLE * stamps_of_hour:
                continue
        stamps = naive[hour]
        back = np.flatnonzero(np.diff(stamps) < 0)
        if len(back) == 1 and stamps[back[0]] - stamps[back[0] + 1] >= (stop - start) // 2:
            fold[hour[back[0] + 1 :]] = True
            sure[hour] = True
        elif not len(back):
            _pair_up(naive, rows, hour, start, stop, fold, sure)
    return fold, sure


def _pair_up(
    naive: Int64Array,
    rows: Int64Array,
    hour: Int64Array,
    start: int,
    stop: int,
    fold: npt.NDArray[np.bool_],
    sure: npt.NDArray[np.bool_],
) -> None:
    """Interleaved passes: of two equal stamps in a row, the first is the first pass."""
    width = stop - start
    near = naive[rows][
        ((naive[rows] >= start - width) & (naive[rows] < start))
        | ((naive[rows] >= stop) & (naive[rows] < stop + width))
    ]
    if not len(near) or len(np.unique(near)) != len(near):
        return  # without single neighbours, equal stamps may as well be doubled rows
    _, first, counts = np.unique(naive[hour], return_index=True, return_counts=True)
    twice = first[counts == 2]
    fold[hour[twice + 1]] = True
    sure[hour[twice]] = True
    sure[hour[twice + 1]] = True
