"""Intervals of NYISO's real-time stamps, and the rows of a document that are forecasts instead of dispatch.

Real-time dispatch (RTD) runs every five minutes, and in between on demand; a stamp is the end of the interval that a
run priced. So an interval begins at the previous run, or at the last full five minutes if that run is not in the
document. The file of a day in progress goes on with the prices of the real-time commitment (RTC) for the next two hours
and more, on the quarter hours: they are forecasts, which dispatch prices replace later. Both run for all locations at
once.

A document does not mark these rows. They are at its end, after the last row that is not on a quarter hour. Of the rows
there

- a row after a gap of more than five minutes, and all rows after it, are forecasts, because dispatch has no such gaps.
  A single row counts too: the commitment's horizon may end ten minutes after the last dispatch;
- a row five minutes (or less) after the previous run is dispatch if it is the last one. If forecasts follow, only the
  time of publication decides: a row that ends within five minutes of it is the run for the current interval;
- no row is dispatch that ends more than five minutes after the document was published or received.

In a file of a past day that lacks the run before its last one, the last one counts as a forecast, which claims less
than the file may mean, never more; a later file with that run makes it a price.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.arrays import BoolArray, Int64Array
from ingest.iso.clock import MINUTE
from ingest.iso.market import NEVER
from ingest.iso.statement import Statement

RTD = 5 * MINUTE
RTC = 15 * MINUTE
#: Time since the previous run if there is none: longer than any document, and no sum with a stamp overflows.
_NO_RUN = 2**61


@dataclass
class Runs:
    """Intervals of rows.

    Args:
        start, end: microseconds since 1970 UTC.
        advisory: rows that are forecasts.
    """

    start: Int64Array
    end: Int64Array
    advisory: BoolArray


def runs_of(end: Int64Array, ok: BoolArray, shared: Statement) -> Runs:
    """The intervals of real-time rows.

    Args:
        end: stamps in microseconds since 1970 UTC.
        ok: rows with a stamp; others get no meaningful interval.
        shared: with the time of publication of the document.
    """
    start, advisory = end - RTD, np.zeros(len(end), np.bool_)
    stamp, place = np.unique(end[ok], return_inverse=True)
    if not len(stamp):
        return Runs(start, end, advisory)
    step = np.concatenate(([_NO_RUN], np.diff(stamp)))
    begin = np.maximum((stamp - 1) // RTD * RTD, stamp - step)
    forecast = _forecasts(stamp, step, shared)
    begin[forecast] = stamp[forecast] - RTC
    start[ok], advisory[ok] = begin[place], forecast[place]
    return Runs(start, end, advisory)


def _forecasts(stamp: Int64Array, step: Int64Array, shared: Statement) -> BoolArray:
    """Mask of the stamps of a document that are forecasts.

    Args:
        stamp: ends of priced intervals, rising.
        step: time since the previous stamp; more than any for the first.
        shared: with the time of publication of the document.
    """
    between = np.flatnonzero(stamp % RTC)
    tail = int(between[-1]) + 1 if len(between) else 0
    forecast = np.zeros(len(stamp), np.bool_)
    if tail == len(stamp):
        return forecast
    forecast[tail:] = True
    now = round(shared.published_at.timestamp() * 1e6)
    # A run off the quarter hours cannot be ahead of the document, so then the time of publication is not trusted.
    is_known = shared.published_at != NEVER and (not tail or stamp[tail - 1] <= now + RTD)
    if step[tail] <= RTD:
        under_way = stamp[tail] <= now + RTD
        if tail == len(stamp) - 1:
            forecast[tail] = is_known and not under_way
        else:
            forecast[tail] = not (is_known and under_way and now < stamp[-1])
    return forecast
