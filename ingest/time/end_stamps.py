"""Ends of intervals on a wall clock, around changes of the clocks.

If the clocks change in an interval or at its end, the end is written in one of two ways: as the clock shows it then
(`at_end`: 01:45 to 03:00 in spring), or as start plus length (`at_start`: 01:45 to 02:00). Elsewhere the two are equal.
"""

from __future__ import annotations

import numpy as np

from ingest.arrays import BoolArray, Int8Array, Int64Array
from ingest.time.local_time import OK, UNTOLD, Transition, changes_around, to_utc

#: Mean number of rows per stamp and series from which stamps count as written twice.
_TWICE = 1.5


def starts_of(
    naive: Int64Array, length: Int64Array, name: str, groups: Int64Array | None = None, end_clock: str = "detect"
) -> tuple[Int64Array, Int8Array, bool]:
    """Start instants of intervals whose ends are stamped.

    Args:
        naive: ends, microseconds since 1970-01-01 00:00 of the local wall clock, in file order.
        length: of every interval, microseconds of elapsed time.
        name: IANA zone of the wall clock.
        groups: series of every row; None for a single series.
        end_clock: `at_end`, `at_start`, or `detect`: by the stamps at each change of the clocks; if they show nothing,
            by those at the file's other changes.

    Returns:
        Microseconds since 1970-01-01 00:00 UTC; for every row OK or the reason why it has none (`local_time.REASONS`);
        and whether a change of the clocks alone did not decide.
    """
    by_start, status = to_utc(naive - length, name, groups)
    if end_clock == "at_start" or not len(naive):
        return by_start, status, False
    by_end, end_status = to_utc(naive, name, groups)
    by_end -= length
    if end_clock == "at_end":
        return by_end, end_status, False
    differ = ((status == OK) | (end_status == OK)) & ((by_start != by_end) | (status != end_status))
    if not differ.any():
        return by_start, status, False
    verdicts: list[tuple[BoolArray, str | None]] = []
    for change in changes_around(naive, name):
        low, high = sorted((change.at + change.before, change.at + change.after))
        rows = differ & (naive >= low) & (naive < high + length)
        if rows.any():
            verdicts.append((rows, _verdict(naive, length, groups, change)))
    shown = {verdict for _, verdict in verdicts if verdict is not None}
    usual = shown.pop() if len(shown) == 1 else None
    for rows, verdict in verdicts:
        if (verdict or usual) == "at_end":
            by_start[rows], status[rows] = by_end[rows], end_status[rows]
        elif (verdict or usual) is None:
            status[rows] = UNTOLD
    return by_start, status, any(verdict is None for _, verdict in verdicts)


def _verdict(naive: Int64Array, length: Int64Array, groups: Int64Array | None, change: Transition) -> str | None:
    """`at_end` or `at_start` by the stamps around one change; None if they show nothing."""
    first = min(change.at + change.before, change.at + change.after)
    width = abs(change.after - change.before)
    early = (naive >= first) & (naive < first + np.minimum(width, length))
    late = (naive >= first + np.maximum(width, length)) & (naive < first + width + length)
    if change.after > change.before:
        # No clock shows the early ends, and the late ones would start at a time that does not exist.
        return "at_start" if early.any() else "at_end" if late.any() else None
    early_rows, late_rows = _rows_a_stamp(naive, groups, early), _rows_a_stamp(naive, groups, late)
    if max(early_rows, late_rows) < _TWICE or early_rows == late_rows:
        return None
    return "at_end" if early_rows > late_rows else "at_start"


def _rows_a_stamp(naive: Int64Array, groups: Int64Array | None, rows: BoolArray) -> float:
    """Mean number of rows of a series that share a stamp."""
    if not rows.any():
        return 0.0
    series = np.zeros(int(rows.sum()), np.int64) if groups is None else groups[rows]
    return len(series) / len(np.unique(np.stack((series, naive[rows])), axis=1)[0])
