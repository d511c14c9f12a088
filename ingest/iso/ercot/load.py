"""ERCOT's load by weather and forecast zones: actual (NP6-345-CD, NP6-346-CD), and forecasts of several models.

Zones have one name here, that of the actual reports: forecasts write NorthCentral instead of NORTH_C, and have South
Central and Southern in the opposite order. So columns are found by name and never by position. A weather zone is not a
forecast zone or a load zone of prices, although some share a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.iso.contracts import PUBLISHED_BY_OPERATOR, SYSTEM_LOAD
from ingest.iso.ercot.clock import CENTRAL, BadTime, parse_stamp, per_value
from ingest.iso.ercot.documents import read_documents
from ingest.iso.ercot.prices import FLAG, HOUR_ENDING, document_rows, fields, timed
from ingest.iso.ercot.rows import Layout, Rows, UnusableMember
from ingest.iso.ercot.statement import parsed, statement
from ingest.iso.statement import Statement, rows_of
from ingest.packed import Member
from lakehouse.source import LandOptions, Parsed, RawFile

SYSTEM = "ERCOT"
#: Zone → its names in the files and pages of actual load, then of forecasts.
WEATHER_ZONES = {
    "COAST": ("COAST", "coast", "Coast"),
    "EAST": ("EAST", "east", "East"),
    "FAR_WEST": ("FAR_WEST", "farWest", "FarWest"),
    "NORTH": ("NORTH", "north", "North"),
    "NORTH_C": ("NORTH_C", "northC", "NorthCentral", "northCentral"),
    "SOUTHERN": ("SOUTHERN", "southern", "Southern"),
    "SOUTH_C": ("SOUTH_C", "southC", "SouthCentral", "southCentral"),
    "WEST": ("WEST", "west", "West"),
}
FORECAST_ZONES = {
    "NORTH": ("NORTH", "north", "North"),
    "SOUTH": ("SOUTH", "south", "South"),
    "WEST": ("WEST", "west", "West"),
    "HOUSTON": ("HOUSTON", "houston", "Houston"),
}
_OPERATING_DAY = fields("text", operating_day=("OperDay", "operatingDay"))
_DELIVERY_DAY = fields("text", operating_day=("DeliveryDate", "deliveryDate"))
_MODEL = fields("text", model=("Model", "model"), in_use=("InUseFlag", "inUseFlag"))
_POSTED = fields("text", posted=("postedDatetime",))
_FLAGS = {"Y": True, "N": False, None: None}


@dataclass(frozen=True)
class Report:
    """One report.

    Args:
        name: the operator's name.
        layout: of its columns.
        kind: actual or forecast.
        area_type: of its zones.
        areas: zones, and the system.
    """

    name: str
    layout: Layout
    kind: str
    area_type: str
    areas: tuple[str, ...]


def _report(name: str, kind: str, area_type: str, has_models: bool = False) -> Report:
    zones = WEATHER_ZONES if area_type == "WEATHER ZONE" else FORECAST_ZONES
    total = ("TOTAL", "total") if kind == "actual" else ("SystemTotal", "systemTotal")
    day = _OPERATING_DAY if kind == "actual" else _DELIVERY_DAY
    more = (*(_MODEL if has_models else ()), *(_POSTED if kind == "forecast" else ()))
    areas = {**zones, SYSTEM: total}
    required = {"operating_day", "hour_ending", "repeated", *areas, *({"model", "in_use"} if has_models else ())}
    known = (*day, *HOUR_ENDING, *FLAG, *more, *fields("exact", **areas))
    layout = Layout(f"ERCOT's load {name}", known, frozenset(required), frozenset({"model"} if has_models else ()))
    return Report(name, layout, kind, area_type, tuple(areas))


#: NP3-561-CD has not been seen; its columns are those of NP3-565-CD without a model.
REPORTS = (
    _report("NP6-345-CD", "actual", "WEATHER ZONE"),
    _report("NP6-346-CD", "actual", "FORECAST ZONE"),
    _report("NP3-565-CD", "forecast", "WEATHER ZONE", has_models=True),
    _report("NP3-560-CD", "forecast", "FORECAST ZONE"),
    _report("NP3-561-CD", "forecast", "WEATHER ZONE"),
)


def actual(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Hourly load of an operating day, by weather zone (NP6-345-CD) or forecast zone (NP6-346-CD).

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return read_documents(file, "ercot-load", _reader(file, options, "actual"))


def forecast(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Hourly forecasts of load: of every model by weather zone (NP3-565-CD), or the one in use by zone.

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return read_documents(file, "ercot-load", _reader(file, options, "forecast"))


def _reader(file: RawFile, options: LandOptions, kind: str) -> Callable[[Member], Iterator[Parsed]]:
    def read(member: Member) -> Iterator[Parsed]:
        shared = statement(file, member.name, options)
        found: list[Report] = []

        def layout_of(header: list[str]) -> Layout:
            found.append(_of(header, kind))
            return found[0].layout

        for rows in timed(document_rows(member, layout_of)):
            yield _loads(rows, shared, found[0])

    return read


def _of(header: list[str], kind: str) -> Report:
    """Recognise a report by its header.

    Raises:
        UnusableMember: the report is unknown, or of the other kind.
    """
    names = {name.strip().lower() for name in header}
    by_weather, by_model = "coast" in names, "model" in names
    stated = "actual" if names & {"operday", "operatingday"} else "forecast"
    if not names & {"coast", "houston"}:
        raise UnusableMember("it is no report of load by zones", "land NP6-345-CD, NP6-346-CD or a forecast of load")
    if stated != kind:
        raise UnusableMember(f"it is a report of {stated} load", f"land it with source ercot-load-{stated}")
    area_type = "WEATHER ZONE" if by_weather else "FORECAST ZONE"
    for report in REPORTS:
        has_models = any(field.column == "model" for field in report.layout.fields)
        if (report.kind, report.area_type, has_models) == (kind, area_type, by_model):
            return report
    raise UnusableMember("it is no report of load that is known", "report it: its columns must be declared first")


def _loads(rows: Rows, shared: Statement, report: Report) -> Parsed:
    at: npt.NDArray[np.int64] | None = None
    in_use: pa.Array | None = None
    if "in_use" in rows.columns:
        rows, in_use = _flagged(rows)
    if "posted" in rows.columns:
        rows, at = _posted(rows)
        in_use = None if "in_use" not in rows.columns else _flagged(rows)[1]
    tables, empty = [], 0
    for area in report.areas:
        load = rows.columns[area]
        filled = np.flatnonzero(np.asarray(load.is_valid()))
        empty += len(rows) - len(filled)
        take = pa.array(filled)
        columns: dict[str, object] = {
            "iso": "ERCOT",
            "report": report.name,
            "kind": report.kind,
            "area": area,
            "area_type": "SYSTEM" if area == SYSTEM else report.area_type,
            "model": rows.columns["model"].cast(pa.string()).take(take) if "model" in rows.columns else "",
            "interval_start": rows.columns["interval_start"].take(take),
            "interval_end": rows.columns["interval_end"].take(take),
            "load_mw": load.take(take),
            "is_in_use": None if in_use is None else in_use.take(take),
            "line": pa.array(rows.line[filled], pa.int64()),
        }
        if at is not None:
            columns |= {"published_at": at[filled], "published_basis": PUBLISHED_BY_OPERATOR}
        tables.append(rows_of(SYSTEM_LOAD, shared, len(filled), columns))
    table = pa.concat_tables(tables)
    piece = parsed({SYSTEM_LOAD.name: table}, rows, shared.member, report.layout.name)
    refused = len({line for line, *_ in rows.refused})
    width = len(report.areas)
    return replace(piece, rows_read=table.num_rows + empty + refused + rows.empty * width,
                   rows_empty=empty + rows.empty * width)  # fmt: skip


def _flagged(rows: Rows) -> tuple[Rows, pa.Array]:
    """Whether each row's model is in use; rows with another flag than Y and N are refused."""
    flags = rows.columns["in_use"].cast(pa.string()).to_pylist()
    odd = {n: ("InUseFlag", f"{flag!r} is neither Y nor N") for n, flag in enumerate(flags) if flag not in _FLAGS}
    rows = rows.without(odd)
    known = rows.columns["in_use"].cast(pa.string())
    return rows, pc.if_else(pc.is_null(known), pa.scalar(None, pa.bool_()), pc.equal(known, "Y"))


def _posted(rows: Rows) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Time of posting of each row of a page, by Central clocks; the later one if an autumn night has two."""

    def instant(text: str | None) -> int:
        moment = parse_stamp(text).replace(tzinfo=CENTRAL, fold=1)
        return round(moment.timestamp() * 1e6)

    answers, inverse = per_value([rows.columns["posted"]], instant)
    odd = {n: ("postedDatetime", str(answers[i])) for n, i in enumerate(inverse) if isinstance(answers[i], BadTime)}
    instants = np.array([0 if isinstance(answer, BadTime) else answer for answer in answers], np.int64)
    keep = np.array([n not in odd for n in range(len(rows))], np.bool_)
    return rows.without(odd), instants[inverse][keep]
