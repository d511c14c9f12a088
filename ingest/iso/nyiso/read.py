"""NYISO's public CSV files (mis.nyiso.com/public): LBMPs of zones and generators, and prices of ancillary services.

- A day-ahead or hourly stamp is the hour's start, a real-time one (realtime_*, rtasp) the end of a priced interval.
- LBMP files have no mark of the repeated hour of a fall-back day: a location's rows are in order of time, and a row
  whose hour that order does not prove is refused. Ancillary files state EST or EDT.
- The published congestion has the opposite sign of all other operators': LBMP = energy + losses - congestion.
- A file of today runs ahead of the present with prices of the real-time commitment (RTC): see `ingest.iso.nyiso.runs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow.compute as pc

from ingest.iso.nyiso.files import read_files
from ingest.iso.nyiso.tables import AS_COLUMNS, LBMP_COLUMNS, Feed, lbmps, services
from ingest.iso.sheet import (
    Sheet,
    header,
    named,
    read_sheet,
    rejects,
)
from ingest.iso.statement import statement
from ingest.text.lines import split_lines
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, RawFile

#: Column that only one other kind of document has → that kind.
OTHERS = {
    "Fuel Category": "fuel mix",
    "Interface Name": "interface limits and flows",
    "Load": "load",
    "Integrated Load": "hourly load",
    "Capitl": "load forecast",
    "Limiting Facility": "limiting constraints",
}
#: The eleven load zones and the four proxies of neighbours.
ZONE_PTIDS = frozenset(str(ptid) for ptid in (*range(61752, 61763), *range(61844, 61848)))
#: The operator's name of a feed in file names → our market.
MARKETS = {"damlbmp": "DAM", "realtime": "RT5", "rtlbmp": "RTH", "damasp": "DAM", "rtasp": "RT5"}
_NAME = re.compile(r"(damlbmp|realtime|rtlbmp)_(zone|gen)|(damasp|rtasp)", re.IGNORECASE)


def dam_zone(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead LBMPs of zones (damlbmp_zone); see `lakehouse.source.Source.parse`."""
    return _read(file, options, Feed("DAM", "ZONE"))


def dam_generator(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead LBMPs of generators (damlbmp_gen)."""
    return _read(file, options, Feed("DAM", "GENERATOR"))


def rt5_zone(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time LBMPs of zones (realtime_zone)."""
    return _read(file, options, Feed("RT5", "ZONE"))


def rt5_generator(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time LBMPs of generators (realtime_gen)."""
    return _read(file, options, Feed("RT5", "GENERATOR"))


def rth_zone(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Hourly integrated LBMPs of zones (rtlbmp_zone)."""
    return _read(file, options, Feed("RTH", "ZONE"))


def rth_generator(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Hourly integrated LBMPs of generators (rtlbmp_gen)."""
    return _read(file, options, Feed("RTH", "GENERATOR"))


def dam_as(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead prices of ancillary services by zone (damasp)."""
    return _read(file, options, Feed("DAM", "AS"))


def rt5_as(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time prices of ancillary services by zone (rtasp)."""
    return _read(file, options, Feed("RT5", "AS"))


def _read(file: RawFile, options: LandOptions, feed: Feed) -> Iterator[Parsed]:
    return read_files(file, feed.contract, lambda content, member: _document(content, file, member.name, options, feed))


def _document(content: bytes, file: RawFile, member: str | None, options: LandOptions, feed: Feed) -> Parsed:
    lines = split_lines(content)
    first, cells = header(lines)
    other = next((what for column, what in OTHERS.items() if column in cells), None)
    if other is not None:
        raise UnreadableFile(f"the file is NYISO's {other}, not prices", "land files of prices")
    is_as = any("10 Min " in cell for cell in cells)
    known, required = (AS_COLUMNS, ("stamp",)) if is_as else (LBMP_COLUMNS, tuple(LBMP_COLUMNS.values()))
    names = named(cells, known, required, "NYISO's price file")
    sheet = read_sheet(lines, first + 1, names)
    shared = statement(file, options, member)
    _check_feed((member or file.path.name).rsplit("/", 1)[-1], sheet, is_as, feed)
    if not len(sheet.line):
        raise UnreadableFile("the file has a header and no prices yet", "download it again later")
    table, empty, dialect = services(sheet, shared, feed) if is_as else lbmps(sheet, shared, feed)
    if not table.num_rows and sheet.refusals.found:
        reason = next(iter(sheet.refusals.found.values()))
        raise UnreadableFile(f"no row can be used: {reason}", "check the file against its sender")
    return Parsed(
        {feed.contract.name: table},
        rejects(sheet, member),
        "nyiso_as" if is_as else "nyiso_lbmp",
        {"columns": cells, "rounded": sheet.rounded, **dialect},
        rows_read=table.num_rows + empty + len({line for line, _ in sheet.refusals.found}),
        rows_empty=empty,
        shown=sheet.shown,
    )


def _check_feed(name: str, sheet: Sheet, is_as: bool, feed: Feed) -> None:
    """Refuse files of another source, by their name, or as far as possible by their rows.

    Raises:
        UnreadableFile: the file is of another source, which the error names.
    """
    found = _NAME.search(name)
    market, kind = feed.market, feed.kind
    if found:
        market = MARKETS[(found[1] or found[3]).lower()]
        kind = {None: "AS", "zone": "ZONE", "gen": "GENERATOR"}[found[2].lower() if found[2] else None]
    if is_as != (kind == "AS") and (found or is_as != (feed.kind == "AS")):
        what = "prices of ancillary services" if is_as else "LBMPs"
        raise UnreadableFile(
            f"the file holds NYISO's {what}", "land it with the source of its kind: `wattlake sources`"
        )
    if not found and not is_as and len(sheet.line):
        ptids = set(pc.unique(sheet.cells["ptid"]).to_pylist())
        if (kind == "ZONE") != (ptids <= ZONE_PTIDS):
            kind = "ZONE" if kind == "GENERATOR" else "GENERATOR"
    stated = Feed(market, kind)
    if stated != feed:
        raise UnreadableFile(f"the file is of another feed of NYISO: {name}", f"land it with source {stated.source}")
