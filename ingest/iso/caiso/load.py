"""CAISO's load by area (SLD_FCST): actual, and forecasts one, two and seven days and some minutes ahead.

An answer holds some 35 areas, most of them of neighbours: only CA ISO-TAC is the system, and the areas of its own
utilities add up to it. The time of publication of a forecast is not in the answer; it is derived from CAISO's
timetable, and never later than the answer itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Int64Array, mask
from ingest.iso import clock
from ingest.iso.caiso import times, values
from ingest.iso.contracts import PUBLISHED_BY_OPERATOR, PUBLISHED_BY_SCHEDULE, SYSTEM_LOAD
from ingest.iso.market import NEVER
from ingest.iso.sheet import Sheet
from ingest.iso.statement import Statement, rows_of
from ingest.time.local_time import to_wall
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, RawFile
from lakehouse.zones import zone

SYSTEM = "CA ISO-TAC"
QUERY = "SLD_FCST"
ACTUAL = "ACTUAL"
#: Total load; other types have not been seen.
TOTAL = "0"
COLUMNS = {
    **times.COLUMNS,
    "LOAD_TYPE": "load_type",
    "MARKET_RUN_ID": "run",
    "TAC_AREA_NAME": "area",
    "XML_DATA_ITEM": "item",
    "MW": "load",
    "EXECUTION_TYPE": "execution",
    "OPR_INTERVAL": None,
    "LABEL": None,
    "POS": None,
    "GROUP": None,
}


@dataclass(frozen=True)
class Run:
    """A run of CAISO's forecasts.

    Args:
        minutes: length of an interval.
        item: XML_DATA_ITEM of its rows, if one has been recorded.
        days_ahead: number of days before its operating day on which it is published, at 09:10 Pacific time.
        lead: or its lead time before the interval.
    """

    minutes: int
    item: str = ""
    days_ahead: int | None = None
    lead: timedelta | None = None


#: EXECUTION_TYPE → what it is. When a run is published: public clients of OASIS, which took it from CAISO's schedule.
RUNS = {
    ACTUAL: Run(60, "SYS_FCST_ACT_MW"),
    "DAM": Run(60, "SYS_FCST_DA_MW", days_ahead=1),
    "2DA": Run(60, days_ahead=2),
    "7DA": Run(60, "SYS_FCST_7DA_MW", days_ahead=7),
    "RTPD": Run(15, lead=timedelta(minutes=22, seconds=30)),
    "RTD": Run(5, lead=timedelta(minutes=2, seconds=30)),
}
_NEVER = np.iinfo(np.int64).max
PUBLISHED_AT = timedelta(hours=9, minutes=10)


def actual(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Integrated hourly load (SLD_FCST, ACTUAL); see `lakehouse.source.Source.parse`."""
    return values.read(file, options, _report("actual"))


def forecast(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Forecasts of load (SLD_FCST, every other run)."""
    return values.read(file, options, _report("forecast"))


def _report(kind: str) -> values.Report:
    return values.Report(
        "load", QUERY, frozenset({"TAC_AREA_NAME", "LOAD_TYPE"}), COLUMNS, SYSTEM_LOAD, partial(_table, kind=kind)
    )


def _table(sheet: Sheet, shared: Statement, kind: str) -> pa.Table:
    execution = sheet.cells["execution"]
    found = set(pc.unique(execution).to_pylist())
    if found and not any((name == ACTUAL) == (kind == "actual") for name in found & set(RUNS)):
        if found & set(RUNS):
            other = "forecast" if kind == "actual" else "actual"
            raise UnreadableFile(f"the report is of {other} load", f"land it with source caiso-load-{other}")
        raise UnreadableFile(
            f"the report is of an unknown run {min(found)!r}", "report it: its meaning must be declared first"
        )
    runs = list(RUNS)
    number = np.asarray(pc.fill_null(pc.index_in(execution, pa.array(runs)), -1), dtype=np.int64)
    wanted = np.array([(name == ACTUAL) == (kind == "actual") for name in runs])
    sheet.refuse(~((number >= 0) & wanted[number]), "EXECUTION_TYPE", f"the row is of no run of {kind} load")
    # Runs of real time have a market of their own, RTM; any other is named after its market.
    market = pc.if_else(pc.is_in(execution, pa.array(["RTPD", "RTD"])), "RTM", execution)
    sheet.refuse(mask(pc.not_equal(sheet.cells["run"], market)), "MARKET_RUN_ID", "the row is of another market")
    items = pa.array([run.item for run in RUNS.values()]).take(pa.array(np.maximum(number, 0)))
    wrong = pc.and_(pc.not_equal(items, ""), pc.not_equal(sheet.cells["item"], items))
    sheet.refuse(mask(wrong), "XML_DATA_ITEM", "the row is of another quantity")
    sheet.refuse(mask(pc.not_equal(sheet.cells["load_type"], TOTAL)), "LOAD_TYPE", "the row is of no total load")
    sheet.refuse(mask(pc.equal(sheet.cells["area"], "")), "TAC_AREA_NAME", "there is no area")
    minutes = np.array([run.minutes for run in RUNS.values()], np.int64)[number]
    start = times.starts(sheet, minutes)
    load = sheet.exact("load", required=True)
    rows = np.flatnonzero(sheet.ok)
    area = sheet.cells["area"].take(pa.array(rows))
    is_utility = pc.ends_with(area, "-TAC")
    at, basis = _published(shared, number[rows], start[rows])
    return rows_of(
        SYSTEM_LOAD,
        shared,
        len(rows),
        {
            "iso": "CAISO",
            "report": QUERY,
            "kind": kind,
            "area": area,
            "area_type": pc.if_else(pc.equal(area, SYSTEM), "SYSTEM", pc.if_else(is_utility, "TAC", "BAA")),
            "model": "" if kind == "actual" else execution.take(pa.array(rows)),
            "interval_start": start[rows],
            "interval_end": start[rows] + minutes[rows] * clock.MINUTE,
            "load_mw": load.array(rows),
            "published_at": at,
            "published_basis": basis,
            "line": pa.array(sheet.line[rows], pa.int64()),
        },
    )


def _published(shared: Statement, run: Int64Array, start: Int64Array) -> tuple[Int64Array, pa.Array]:
    """Time of publication of each row, and its basis: by the timetable, but not after its document."""
    latest = round(shared.published_at.timestamp() * 1e6) if shared.published_at != NEVER else _NEVER
    scheduled = np.full(len(start), _NEVER)
    if shared.published_basis != PUBLISHED_BY_OPERATOR:
        for number, each in enumerate(RUNS.values()):
            mine = run == number
            if each.days_ahead is not None:
                days = to_wall(start[mine], clock.PACIFIC) // clock.DAY - each.days_ahead
                unique, index = np.unique(days, return_inverse=True)
                scheduled[mine] = np.array([_issued(int(day)) for day in unique], np.int64)[index]
            elif each.lead is not None:
                scheduled[mine] = start[mine] - each.lead // timedelta(microseconds=1)
    by_schedule = scheduled < latest
    at = np.where(by_schedule, scheduled, round(shared.published_at.timestamp() * 1e6))
    return at, pc.if_else(pa.array(by_schedule), PUBLISHED_BY_SCHEDULE, shared.published_basis)


@lru_cache(maxsize=4096)
def _issued(day: int) -> int:
    """09:10 Pacific time of a day, by days since 1970, as microseconds since 1970 UTC."""
    wall = datetime.combine(clock.EPOCH + timedelta(days=day), datetime.min.time()) + PUBLISHED_AT
    return round(wall.replace(tzinfo=zone(clock.PACIFIC)).astimezone(UTC).timestamp()) * clock.MICROS
