"""ISO-NE's load, actual and forecast, from its web services. Every forecast has its time of making (CreationDate)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.iso.contracts import PUBLISHED_BY_OPERATOR, SYSTEM_LOAD
from ingest.iso.isone.records import Answer, Records, read_records
from ingest.iso.isone.report import SYSTEM
from ingest.iso.sheet import read_stamps, rejects
from ingest.iso.statement import rows_of, statement
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, RawFile

_PLACE = {"Location.$": "area", "Location.@LocId": None}
_SYSTEM = Answer(
    "hourlysysload",
    ("HourlySystemLoads", "HourlySystemLoad"),
    {"BeginDate": "start", **_PLACE, "Load": "load", "NativeLoad": "native", "ArdDemand": None},
)
#: In the form that public clients read; no body has been recorded.
_FIVE_MINUTES = Answer(
    "fiveminutesystemload",
    ("FiveMinSystemLoads", "FiveMinSystemLoad"),
    {
        "BeginDate": "start", "LoadMw": "load", "NativeLoad": "native",
        **dict.fromkeys(("ArdDemand", "SystemLoadBtmPv", "NativeLoadBtmPv")),
    },
    5,
    frozenset({"ArdDemand", "SystemLoadBtmPv", "NativeLoadBtmPv"}),
)  # fmt: skip
_ZONES = Answer(
    "realtimehourlydemand",
    ("HourlyRtDemands", "HourlyRtDemand"),
    {"BeginDate": "start", **_PLACE, "Load": "load"},
)
_FORECAST = Answer(
    "hourlyloadforecast",
    ("HourlyLoadForecasts", "HourlyLoadForecast"),
    {"BeginDate": "start", "CreationDate": "created", "LoadMw": "load", "NetLoadMw": None},
    optional=frozenset({"NetLoadMw"}),
)
_REGIONS = Answer(
    "reliabilityregionloadforecast",
    ("ReliabilityRegionLoadForecasts", "ReliabilityRegionLoadForecast"),
    {
        "BeginDate": "start", "CreationDate": "created", "ReliabilityRegion": "area", "LoadMw": "load",
        "ReliabilityRegionLoadPercentage": None,
    },
    optional=frozenset({"ReliabilityRegionLoadPercentage"}),
)  # fmt: skip
ACTUAL, FORECAST = (_SYSTEM, _FIVE_MINUTES, _ZONES), (_FORECAST, _REGIONS)
AREA_TYPES = {_ZONES.name: "LOAD ZONE", _REGIONS.name: "RELIABILITY REGION"}


def actual(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Load of the system by hours and five minutes, and of load zones; see `lakehouse.source.Source.parse`."""
    yield _loads(read_records(file.content, ACTUAL, "load"), file, options, "actual")


def forecast(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Hourly forecasts of load, of the system and of reliability regions, every vintage of a day."""
    yield _loads(read_records(file.content, FORECAST, "forecasts of load"), file, options, "forecast")


def _loads(found: Records, file: RawFile, options: LandOptions, kind: str) -> Parsed:
    sheet, name = found.sheet, found.answer.name
    area = sheet.cells.get("area", pa.repeat(pa.scalar(SYSTEM), len(sheet.line)))
    sheet.refuse(np.asarray(pc.equal(area, "")), "area", "there is no area")
    load = sheet.exact("load", required=True)
    native = sheet.exact("native") if "native" in sheet.cells else None
    shared = statement(file, options, None)
    at: object = shared.published_at
    basis = shared.published_basis
    if "created" in sheet.cells:
        made = read_stamps(sheet.cells["created"], ("iso_offset",))
        sheet.refuse(~made.ok, "CreationDate", "the stamp is no date and time with an offset")
        basis = PUBLISHED_BY_OPERATOR
    rows = np.flatnonzero(sheet.ok)
    if not len(rows):
        why = next(iter(sheet.refusals.found.values()))
        raise UnreadableFile(f"no record can be used: {why}", "check the document against its sender")
    if "created" in sheet.cells:
        at = made.micros[rows]
    table = rows_of(
        SYSTEM_LOAD,
        shared,
        len(rows),
        {
            "iso": "ISONE",
            "report": name,
            "kind": kind,
            "area": area.take(pa.array(rows)),
            "area_type": AREA_TYPES.get(name, "SYSTEM"),
            "model": "",
            "interval_start": found.start[rows],
            "interval_end": found.end[rows],
            "load_mw": load.array(rows),
            "native_load_mw": None if native is None else native.array(rows),
            "published_at": at,
            "published_basis": basis,
            "line": pa.array(sheet.line[rows], pa.int64()),
        },
    )
    return Parsed(
        {SYSTEM_LOAD.name: table},
        rejects(sheet, None),
        f"isone_{name}",
        {"records": found.count, "rounded": sheet.rounded},
        rows_read=len(rows) + len({line for line, _ in sheet.refusals.found}),
        shown=sheet.shown,
    )
