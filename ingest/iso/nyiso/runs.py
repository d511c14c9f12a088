"""What a real-time stamp of NYISO spans, and which rows of a document are not dispatch but forecast.

Real-time dispatch (RTD) runs every five minutes, and in between where the system asks for it; a stamp is the end of
what a run priced. So an interval begins at the run before, or at the last full five minutes where that run is not in
the document. The file of a day in progress goes on with the prices of the real-time commitment (RTC) for the next two
hours and more, on the quarter hours: they are forecasts, and give way to dispatch prices later. Both run for all
locations at once.

A document does not mark these rows. They are at its end, behind the last row that is on no quarter hour, and of what
stands there

- a row that follows a gap of more than five minutes, and what follows it, is a forecast: dispatch does not run so. One
  row alone is so too, as where the commitment's horizon ends ten minutes after the last dispatch;
- a row five minutes (or less) after the run before is dispatch where it is the last one. Where forecasts follow, only
  the time of publication tells: what ends within five minutes of it is the run for the interval under way;
- no row is dispatch that ends more than five minutes after the document was published, or was received.

A file of a past day that lacks the run before its last one is read as if that were a forecast, which claims less than
the file may mean, never more; a later file that states the run makes it a price.
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
#: Time since the run before where there is none: longer than any document, and no sum with a stamp overflows.
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


def runs_of(end: Int64Array, ok: BoolArray, said: Statement) -> Runs:
    """The intervals of real-time rows.

    Args:
        end: stamps in microseconds since 1970 UTC.
        ok: rows with a stamp; others get no meaningful interval.
        said: when the document was published.
    """
    start, advisory = end - RTD, np.zeros(len(end), np.bool_)
    stamp, place = np.unique(end[ok], return_inverse=True)
    if not len(stamp):
        return Runs(start, end, advisory)
    step = np.concatenate(([_NO_RUN], np.diff(stamp)))
    begin = np.maximum((stamp - 1) // RTD * RTD, stamp - step)
    forecast = _forecasts(stamp, step, said)
    begin[forecast] = stamp[forecast] - RTC
    start[ok], advisory[ok] = begin[place], forecast[place]
    return Runs(start, end, advisory)


def _forecasts(stamp: Int64Array, step: Int64Array, said: Statement) -> BoolArray:
    """Which stamps of a document are of forecasts.

    Args:
        stamp: ends of all that is priced, rising.
        step: time since the stamp before; more than any for the first.
        said: when the document was published.
    """
    between = np.flatnonzero(stamp % RTC)
    tail = int(between[-1]) + 1 if len(between) else 0
    forecast = np.zeros(len(stamp), np.bool_)
    if tail == len(stamp):
        return forecast
    forecast[tail:] = True
    now = round(said.published_at.timestamp() * 1e6)
    # A run on no quarter hour that is ahead of the document is none: its time of publication is not to be trusted.
    is_known = said.published_at != NEVER and (not tail or stamp[tail - 1] <= now + RTD)
    if step[tail] <= RTD:
        under_way = stamp[tail] <= now + RTD
        if tail == len(stamp) - 1:
            forecast[tail] = is_known and not under_way
        else:
            forecast[tail] = not (is_known and under_way and now < stamp[-1])
    return forecast
