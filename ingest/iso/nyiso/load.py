"""NYISO's load: hourly integrated load of zones (palIntegrated), and forecasts of zones and the system (isolf).

- A stamp is the hour's start; palIntegrated states EST or EDT beside it. A forecast has no mark of the repeated hour:
  its rows are in order of time, and a row whose hour that order does not prove is refused.
- The two write zones differently (HUD VL, Hud Vl): here they have one name, that of palIntegrated.
- A forecast is published under the name of its first day and overwritten. Only the file shows its time: the header of
  its download, or the time of the file in an archive, which is taken as New York's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Int64Array
from ingest.iso import clock
from ingest.iso.contracts import SYSTEM_LOAD
from ingest.iso.nyiso.files import read_files
from ingest.iso.nyiso.tables import instants
from ingest.iso.sheet import Sheet, codes, header, named, read_sheet, rejects
from ingest.iso.statement import Statement, rows_of, statement
from ingest.packed import Member
from ingest.text.lines import split_lines
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, RawFile
from lakehouse.zones import zone

INTEGRATED: dict[str, str | None] = {
    "Time Stamp": "stamp",
    "Time Zone": "zone",
    "Name": "name",
    "PTID": None,
    "Integrated Load": "load",
}
#: The whole control area, and the eleven zones, as isolf writes them.
SYSTEM = "NYISO"
ZONES = (
    "Capitl", "Centrl", "Dunwod", "Genese", "Hud Vl", "Longil", "Mhk Vl", "Millwd", "N.Y.C.", "North", "West",
)  # fmt: skip
FORECAST: dict[str, str | None] = {"Time Stamp": "stamp", **{name: name for name in (*ZONES, SYSTEM)}}
#: Columns of other files of load → kind of the file, and next step.
OTHERS = {
    "Load": ("instantaneous load (pal), which is not landed", "land palIntegrated, the means of hours"),
    "Integrated Load": ("integrated load", "land it with source nyiso-load-actual"),
    "Capitl": ("a forecast of load", "land it with source nyiso-load-forecast"),
}


def actual(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Hourly integrated load (palIntegrated); see `lakehouse.source.Source.parse`."""
    return read_files(file, SYSTEM_LOAD, partial(_integrated, file=file, options=options))


def forecast(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Hourly forecasts of load (isolf), six days each."""
    return read_files(file, SYSTEM_LOAD, partial(_forecast, file=file, options=options))


def _integrated(content: bytes, member: Member, file: RawFile, options: LandOptions) -> Parsed:
    sheet, cells = _sheet(content, INTEGRATED, "Integrated Load", "NYISO's file of integrated load")
    sheet.refuse(np.asarray(pc.equal(sheet.cells["name"], "")), "Name", "no name")
    load = sheet.exact("load")
    start = _starts(sheet, codes(sheet.cells["name"]))
    rows = np.flatnonzero(sheet.ok & ~load.null)
    empty = int((sheet.ok & load.null).sum())
    shared = statement(file, options, member.name)
    table = _rows(
        sheet, shared, rows, start, kind="actual", report="palIntegrated", area_type="ZONE",
        area=sheet.cells["name"].take(pa.array(rows)), load_mw=load.array(rows),
    )  # fmt: skip
    return _parsed(table, sheet, member, cells, empty)


def _forecast(content: bytes, member: Member, file: RawFile, options: LandOptions) -> Parsed:
    sheet, cells = _sheet(content, FORECAST, "Capitl", "NYISO's forecast of load")
    loads = {name: sheet.exact(name) for name in (*ZONES, SYSTEM)}
    start = _starts(sheet, np.zeros(len(sheet.line), np.int64))
    # The file holds only this forecast, so its time of writing is the forecast's time of publication.
    written = file.modified_at
    if member.written is not None:
        written = member.written.replace(tzinfo=zone(clock.EASTERN), fold=1).astimezone(UTC)
    shared = statement(file, options, member.name, stated=written)
    empty, tables = 0, []
    for name, load in loads.items():
        rows = np.flatnonzero(sheet.ok & ~load.null)
        empty += int((sheet.ok & load.null).sum())
        tables.append(
            _rows(
                sheet, shared, rows, start, kind="forecast", report="isolf", area=name.upper(),
                area_type="SYSTEM" if name == SYSTEM else "ZONE", load_mw=load.array(rows),
            )
        )  # fmt: skip
    return _parsed(pa.concat_tables(tables), sheet, member, cells, empty)


def _sheet(content: bytes, known: dict[str, str | None], mark: str, what: str) -> tuple[Sheet, list[str]]:
    lines = split_lines(content)
    first, cells = header(lines)
    other = next((kind for column, kind in OTHERS.items() if column in cells and column != mark), None)
    if other is not None:
        raise UnreadableFile(f"the file is NYISO's {other[0]}", other[1])
    names = named(cells, known, [name for name in known.values() if name is not None], what)
    sheet = read_sheet(lines, first + 1, names)
    if not len(sheet.line):
        raise UnreadableFile("the file has a header and no rows yet", "download it again later")
    return sheet, cells


def _starts(sheet: Sheet, series: Int64Array) -> Int64Array:
    start, _ = instants(sheet, series, clock.HOUR)
    sheet.refuse(sheet.ok & (start % clock.HOUR != 0), "Time Stamp", "a stamp of hourly load is a full hour")
    return start


def _rows(
    sheet: Sheet, shared: Statement, rows: npt.NDArray[np.intp],
    start: Int64Array, **columns: object,
) -> pa.Table:  # fmt: skip
    return rows_of(
        SYSTEM_LOAD,
        shared,
        len(rows),
        {
            "iso": "NYISO",
            "model": "",
            "interval_start": start[rows],
            "interval_end": start[rows] + clock.HOUR,
            "line": pa.array(sheet.line[rows], pa.int64()),
            **columns,
        },
    )


def _parsed(table: pa.Table, sheet: Sheet, member: Member, cells: list[str], empty: int) -> Parsed:
    refused = {line for line, _ in sheet.refusals.found}
    if not table.num_rows and refused:
        reason = next(iter(sheet.refusals.found.values()))
        raise UnreadableFile(f"no row can be used: {reason}", "check the file against its sender")
    return Parsed(
        {SYSTEM_LOAD.name: table},
        rejects(sheet, member.name),
        "nyiso_load",
        {"columns": cells, "rounded": sheet.rounded},
        rows_read=table.num_rows + empty + len(refused),
        rows_empty=empty,
        shown=sheet.shown,
    )
