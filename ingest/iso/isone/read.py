"""ISO-NE's LMPs with components: public CSV reports and answers of the web services.

LMP = energy + congestion + loss. Stamps of five-minute prices and of the web services are starts of intervals; hourly
reports label an hour by its end (`ingest.iso.clock.hour_starts`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import mask
from ingest.iso import clock
from ingest.iso.contracts import PRICES
from ingest.iso.isone.csv_documents import read_csv
from ingest.iso.isone.json_documents import read_answer
from ingest.iso.isone.report import LOCATIONS, MINUTES, TYPES, Report, refuse_what_is_none
from ingest.iso.sheet import rejects
from ingest.iso.statement import rows_of, statement
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, RawFile


def dam(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead hourly LMPs (WW_DALMP_ISO, hourlylmp/da); see `lakehouse.source.Source.parse`."""
    yield _read(file, options, "DAM")


def rt5(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time five-minute LMPs (lmp_5min, fiveminutelmp)."""
    yield _read(file, options, "RT5")


def rth(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time hourly LMPs (lmp_rt_prelim, lmp_rt_final, hourlylmp/rt)."""
    yield _read(file, options, "RTH")


def _read(file: RawFile, options: LandOptions, market: str) -> Parsed:
    content = file.content
    refuse_what_is_none(content)
    is_json = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    report = (read_answer if is_json else read_csv)(content, file.path, market)
    return _prices(report, file, options, market)


def _prices(report: Report, file: RawFile, options: LandOptions, market: str) -> Parsed:
    sheet, start = report.sheet, report.start
    name, kind, number = _locations(report)
    sheet.refuse(mask(pc.equal(name, "")), "location", "there is no location")
    lmp = sheet.exact("lmp", required=True)
    energy, congestion, loss = (sheet.exact(column) for column in ("energy", "congestion", "loss"))
    rows = np.flatnonzero(sheet.ok)
    take = pa.array(rows)
    if not len(rows):
        reason = next(iter(sheet.refusals.found.values()))
        raise UnreadableFile(f"no row can be used: {reason}", "check the file against its sender")
    table = rows_of(
        PRICES,
        statement(file, options, None, report.published_at),
        len(rows),
        {
            "iso": "ISONE",
            "market": market,
            "location": name.take(take),
            "location_type": kind.take(take),
            "location_id": _or_null(number.take(take)),
            "price_type": "LMP",
            "interval_start": start[rows],
            "interval_end": start[rows] + MINUTES[market] * clock.MINUTE,
            "lmp_usd_mwh": lmp.array(rows),
            "energy_usd_mwh": energy.array(rows),
            "congestion_usd_mwh": congestion.array(rows),
            "loss_usd_mwh": loss.array(rows),
            "vintage": report.vintage,
            "line": pa.array(sheet.line[rows], pa.int64()),
        },
    )
    read = len(rows) + len({line for line, _ in sheet.refusals.found})
    dialect = {**report.dialect, "rounded": sheet.rounded}
    refused = rejects(sheet, None)
    return Parsed({PRICES.name: table}, refused, report.layout, dialect, rows_read=read, shown=sheet.shown)


def _locations(report: Report) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Name, type and number of every row's location.

    If a document leaves them out, those of hub and zones are known and a name's prefix shows its type; the number is
    the name of any other location.
    """
    cells = report.sheet.cells
    nothing = pa.repeat(pa.scalar(""), len(report.start))
    name, kind, number = (cells.get(column, nothing) for column in ("name", "type", "id"))
    numbers, names = pa.array(list(LOCATIONS)), pa.array(list(LOCATIONS.values()))
    name = _or(name, pc.coalesce(names.take(pc.index_in(number, numbers)), number))
    begins = pc.index_in(pc.utf8_slice_codeunits(name, 0, 3), pa.array(list(TYPES)))
    kind = _or(kind, pa.array(list(TYPES.values())).take(begins))
    return name, kind, _or(number, numbers.take(pc.index_in(name, names)))


def _or(text: pa.Array, other: pa.Array) -> pa.Array:
    """The text, or the other array's text where it is blank."""
    return pc.if_else(pc.equal(text, ""), pc.fill_null(other, ""), text)


def _or_null(text: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
