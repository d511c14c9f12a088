"""What a real-time stamp of NYISO spans, and which rows of a document are not dispatch but forecast.

Real-time dispatch (RTD) runs every five minutes, and in between where the system asks for it; a stamp is the end of
what a run priced. So an interval begins at the run before, or at the last full five minutes where that run is not in
the document. The file of a day in progress goes on with the prices of the real-time commitment (RTC) for the next two
hours and more, every 15 minutes on the quarter hours: they are forecasts, and give way to dispatch prices later.

A document does not mark these rows. They are its end, in steps of 15 minutes between quarter hours; dispatch never runs
so. Where the document is known to be older than its last row, what ends within five minutes of its publication is
dispatch all the same: the run for the interval under way. A file of a past day whose last runs are missing for more
than ten minutes is read as if these were forecasts, which claims less than the file may mean, never more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.iso.clock import MINUTE
from ingest.iso.market import NEVER
from ingest.iso.statement import Statement

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

RTD = 5 * MINUTE
RTC = 15 * MINUTE


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


def runs_of(end: Int64Array, series: Int64Array, ok: BoolArray, said: Statement) -> Runs:
    """The intervals of real-time rows.

    Args:
        end: stamps in microseconds since 1970 UTC.
        series: number of every row's location.
        ok: rows with a stamp; others get no meaningful interval.
        said: when the document was published.
    """
    start, advisory = end - RTD, np.zeros(len(end), np.bool_)
    rows = np.flatnonzero(ok)
    order = rows[np.lexsort((end[rows], series[rows]))]
    if not len(order):
        return Runs(start, end, advisory)
    opens = np.concatenate(([True], series[order][1:] != series[order][:-1]))
    new = opens | np.concatenate(([True], end[order][1:] != end[order][:-1]))
    stamp, opens = end[order][new], opens[new]
    step = np.where(opens, np.iinfo(np.int64).max, np.diff(stamp, prepend=stamp[0]))
    begin = np.maximum((stamp - 1) // RTD * RTD, np.where(opens, 0, stamp - step))
    forecast = _forecasts(stamp, step, opens, said)
    begin[forecast] = stamp[forecast] - RTC
    index = np.cumsum(new) - 1
    start[order], advisory[order] = begin[index], forecast[index]
    return Runs(start, end, advisory)


def _forecasts(stamp: Int64Array, step: Int64Array, opens: BoolArray, said: Statement) -> BoolArray:
    """Rows at the end of their location's rows that stand 15 minutes apart on quarter hours.

    Args:
        stamp: ends, sorted by location and time, none twice.
        step: time since the row before; anything where a location begins.
        opens: first rows of a location.
        said: when the document was published.
    """
    quarter = stamp % RTC == 0
    follows = ~opens & (step == RTC) & quarter & np.concatenate(([False], quarter[:-1]))
    place = np.arange(len(stamp))
    location = np.cumsum(opens) - 1
    last = np.flatnonzero(np.concatenate((opens[1:], [True])))
    breaks = np.where(follows, -1, place)
    begin = np.maximum.reduceat(breaks, np.flatnonzero(opens))
    forecast: BoolArray = (place >= begin[location]) & (last > begin)[location]
    if said.published_at != NEVER:
        now = round(said.published_at.timestamp() * 1e6)
        under_way = (stamp <= now + RTD) & (now < stamp[last][location])
        forecast &= ~under_way
    return forecast
