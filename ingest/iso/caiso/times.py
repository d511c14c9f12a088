"""Intervals of OASIS: the GMT columns give the time, and operating day and hour are checked against them.

In autumn the hours of reports are labelled in two ways: through, 1 to 25, and 1, 2, 25, 3 to 24 (recorded of SLD_FCST),
where 25 is the second hour of the two that clocks show alike. In spring the hour that is skipped may be left out of the
labels, or not.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Int64Array
from ingest.iso import clock
from ingest.iso.sheet import Sheet, read_stamps

#: Time columns of every report → our names.
COLUMNS = {
    "INTERVALSTARTTIME_GMT": "start",
    "INTERVALENDTIME_GMT": "end",
    "OPR_DT": "day",
    "OPR_HR": "hour",
}


def starts(sheet: Sheet, minutes: int | Int64Array) -> Int64Array:
    """Starts of intervals, microseconds since 1970 UTC; rows that contradict themselves are refused.

    Args:
        sheet: with the cells `start`, `end`, `day` and `hour`.
        minutes: length of an interval, of all rows or of each.
    """
    if not len(sheet.line):
        return np.zeros(0, np.int64)
    start = read_stamps(sheet.cells["start"], ("iso_offset",))
    end = read_stamps(sheet.cells["end"], ("iso_offset",))
    day = read_stamps(sheet.cells["day"], ("iso",))
    sheet.refuse(~start.ok, "INTERVALSTARTTIME_GMT", "the stamp is no date and time with an offset")
    sheet.refuse(~end.ok, "INTERVALENDTIME_GMT", "the stamp is no date and time with an offset")
    wrong = start.ok & end.ok & (end.micros - start.micros != minutes * clock.MINUTE)
    fault = (
        f"the interval does not last {minutes} minutes"
        if isinstance(minutes, int)
        else "the interval is of another run"
    )
    sheet.refuse(wrong, "INTERVALENDTIME_GMT", fault)
    days = day.micros // clock.DAY
    usable = day.ok & np.asarray(pc.match_substring_regex(sheet.cells["hour"], r"^\d{1,2}$"), dtype=np.bool_)
    stated = pc.if_else(pa.array(usable), sheet.cells["hour"], "0").cast(pa.int64())
    hour = np.asarray(stated.to_numpy(zero_copy_only=False), dtype=np.int64)
    index = (start.micros - clock.midnights(days, clock.PACIFIC)) // clock.HOUR + 1
    agrees = usable & (hour == index)
    for number in np.unique(days[usable & ~agrees & (days >= 0) & (days < clock.LAST_DAY)]).tolist():
        hours = clock.hours_in(int(number), clock.PACIFIC)
        mine = usable & (days == number)
        if hours == 23:
            agrees |= mine & (index > 2) & (hour == index + 1)
        elif hours == 25:
            agrees |= mine & (((index == 3) & (hour == 25)) | ((index > 3) & (index <= 25) & (hour == index - 1)))
    reason = "operating day and hour do not contain the interval's start"
    sheet.refuse(start.ok & end.ok & ~agrees, "OPR_HR", reason)
    return start.micros
