"""Clocks of market operators: zone names beside a stamp, hour-ending labels, and where an operating day begins.

For stamps of the repeated autumn hour without a mark, the order of a location's rows decides.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Int8Array, Int64Array
from ingest.time.local_time import AMBIGUOUS, OK, to_utc
from lakehouse.zones import zone

MICROS: Final = 1_000_000
MINUTE: Final = 60 * MICROS
HOUR: Final = 3600 * MICROS
DAY: Final = 24 * HOUR
EPOCH: Final = date(1970, 1, 1)
#: Days since 1970 of 2100-01-01; calendars cover the days before it.
LAST_DAY: Final = 47_482

EASTERN: Final = "America/New_York"
PACIFIC: Final = "America/Los_Angeles"
#: Abbreviations that US operators write beside a stamp → hours behind UTC (tz database, northamerica).
ABBREVIATED: Final = {"EST": 5, "EDT": 4, "CST": 6, "CDT": 5, "PST": 8, "PDT": 7}

#: Number → the reason why the label of an hour cannot be placed.
LABEL_REASONS: Final = {
    1: "the label is no hour of a day (01 to 24, 02X)",
    2: "02X is on a day that repeats no hour",
    3: "the clocks go forward on this day and the location does not have its 23 hours in order: "
    "which hour the label means is not certain",
    4: "the day lies outside of 1970 to 2100",
}


@lru_cache(maxsize=4096)
def midnight(day: int, name: str) -> int:
    """Start of a local day as microseconds since 1970 UTC.

    Args:
        day: days since 1970-01-01 of the local calendar.
        name: IANA zone; its clocks change after midnight.
    """
    moment = datetime.combine(EPOCH + timedelta(days=day), datetime.min.time(), zone(name)).astimezone(UTC)
    return round(moment.timestamp()) * MICROS


def hours_in(day: int, name: str) -> int:
    """Hours of a local day before 2100: 23, 24 or 25."""
    return (midnight(day + 1, name) - midnight(day, name)) // HOUR


def midnights(days: Int64Array, name: str) -> Int64Array:
    """`midnight` of many days; those outside of 1970 to 2100 count as its ends."""
    unique, index = np.unique(np.clip(days, 0, LAST_DAY), return_inverse=True)
    starts = np.array([midnight(int(day), name) for day in unique], np.int64)
    return starts[index] if len(unique) else days


def instant(text: str, pattern: str, name: str) -> datetime:
    """A document's wall-clock reading as UTC; the later one if it occurs twice.

    Raises:
        ValueError: the text does not follow the pattern.
    """
    naive = datetime.strptime(text, pattern)  # noqa: DTZ007  the zone follows
    return naive.replace(tzinfo=zone(name), fold=1).astimezone(UTC)


def abbreviated(text: str, pattern: str, name: str) -> datetime:
    """A wall-clock reading with its zone's abbreviation, such as EDT, as UTC.

    Raises:
        ValueError: the text does not follow the pattern.
        KeyError: the abbreviation is not in `ABBREVIATED`.
    """
    naive = datetime.strptime(text, pattern)  # noqa: DTZ007  the abbreviation is its zone
    return naive.replace(tzinfo=UTC) + timedelta(hours=ABBREVIATED[name])


def by_order(naive: Int64Array, series: Int64Array, name: str, step: int) -> tuple[Int64Array, Int8Array]:
    """Wall-clock stamps of documents that grow row by row to UTC, each location by itself.

    `ingest.time.local_time.to_utc` distinguishes the passes of a repeated hour if both are there. A document that ends
    in that hour has only one: if it follows the time before without a gap, it is the first.

    Args:
        naive: microseconds since 1970 of the wall clock, in file order.
        series: number of every row's location.
        name: IANA zone.
        step: longest distance of two stamps that is not a gap.

    Returns:
        Microseconds since 1970 UTC, and for every row OK, NONEXISTENT or AMBIGUOUS of `ingest.time.local_time`.
    """
    utc, status = to_utc(naive, name, series)
    for number in np.unique(series[status == AMBIGUOUS]).tolist():
        rows = np.flatnonzero(series == number)
        first = int(np.argmax(status[rows] == AMBIGUOUS))
        steps = np.diff(naive[rows[max(first - 1, 0) :]])
        goes_on = ((steps > 0) & (steps <= step)).all() and (status[rows[first:]] == AMBIGUOUS).all()
        if first and goes_on and status[rows[first - 1]] == OK:
            status[rows[first:]] = OK
    return utc, status


def hour_starts(days: Int64Array, labels: pa.Array, series: Int64Array, name: str) -> tuple[Int64Array, Int8Array]:
    """Starts of hours that are labelled by their end, `01` to `24`, and `02X` for the repeated one.

    In spring operators disagree on which label is left out (the wall clock at the hour's end leaves out 02), so that
    day goes by order: a location's labels must rise and be as many as the day has hours.

    Args:
        days: days since 1970-01-01 of the local calendar, one a row.
        labels: hour-ending labels, one a row, in file order.
        series: number of every row's location.
        name: IANA zone.

    Returns:
        Microseconds since 1970 UTC, and for every row 0 or a key of `LABEL_REASONS`.
    """
    faults = np.zeros(len(days), np.int8)
    known = np.asarray(pc.match_substring_regex(labels, r"^(0?[1-9]|1\d|2[0-4]|02X)$").to_numpy(zero_copy_only=False))
    faults[~known] = 1
    faults[(days < 0) | (days >= LAST_DAY)] = 4
    repeated = np.asarray(pc.equal(labels, "02X").to_numpy(zero_copy_only=False), dtype=np.bool_)
    digits = pc.if_else(pa.array(known), pc.replace_substring(labels, "X", ""), "1")
    label = np.asarray(digits.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
    index = label - 1
    for day in np.unique(days[faults == 0]).tolist():
        rows = np.flatnonzero((days == day) & known)
        hours = hours_in(day, name)
        if hours == 25:
            # 01 and 02 come before the repeated hour, 02X is it, 03 and later follow it.
            index[rows] += repeated[rows] | (label[rows] > 2)
            continue
        faults[rows[repeated[rows]]] = 2
        if hours == 23:
            _by_order(rows[~repeated[rows]], label, series, index, faults)
    starts = midnights(days, name) + index * HOUR
    return starts, faults


def _by_order(
    rows: npt.NDArray[np.intp], label: Int64Array, series: Int64Array, index: Int64Array, faults: Int8Array
) -> None:
    order = rows[np.lexsort((rows, series[rows]))]
    _, begin, count = np.unique(series[order], return_index=True, return_counts=True)
    for first, hours in zip(begin.tolist(), count.tolist(), strict=True):
        mine = order[first : first + hours]
        if hours == 23 and (np.diff(label[mine]) > 0).all():
            index[mine] = np.arange(23)
        else:
            faults[mine] = 3
