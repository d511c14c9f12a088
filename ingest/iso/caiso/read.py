"""CAISO's LMPs in answers of OASIS (SingleZip, resultformat=6): one row for every component of every price.

Rows come in no order. The components of a price are rows of their own (in archives of all nodes even files of their
own), and are joined here into one row per node and interval. LMP = energy + congestion + loss + greenhouse gas.
The GMT columns give the time; operating day and hour are checked against them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import mask
from ingest.iso import clock
from ingest.iso.caiso import times
from ingest.iso.caiso.components import TYPES, Cells, Prices, joined
from ingest.iso.caiso.oasis import answered_at, csv_parts, query_in
from ingest.iso.contracts import PRICES
from ingest.iso.sheet import Sheet, named, read_sheet, rejects
from ingest.iso.statement import rows_of, statement
from ingest.packed import members
from lakehouse.errors import UnreadableFile
from lakehouse.source import REJECTS_SCHEMA, LandOptions, Parsed, RawFile

#: Columns of all LMP reports → our names; of a node's three names one is kept.
COLUMNS = {
    **times.COLUMNS,
    "NODE": "node",
    "MARKET_RUN_ID": "run",
    "LMP_TYPE": "type",
    "OPR_INTERVAL": None,
    "NODE_ID_XML": None,
    "NODE_ID": None,
    "XML_DATA_ITEM": None,
    "PNODE_RESMRID": None,
    "GRP_TYPE": None,
    "POS": None,
    "GROUP": None,
}


@dataclass(frozen=True)
class Market:
    """One market of OASIS.

    Args:
        name: our name.
        run: the operator's name, in MARKET_RUN_ID.
        minutes: length of an interval.
        prices: the columns that hold the price: the present one, then earlier ones.
    """

    name: str
    run: str
    minutes: int
    prices: tuple[str, ...]

    @property
    def source(self) -> str:
        """The name that a user gives."""
        return f"caiso-{self.name.lower()}-lmp"


MARKETS = (
    Market("DAM", "DAM", 60, ("MW",)),
    # VALUE since version 3 of PRC_INTVL_LMP (2018); MW before.
    Market("RT5", "RTM", 5, ("VALUE", "MW")),
    Market("RT15", "RTPD", 15, ("PRC",)),
    Market("HASP", "HASP", 15, ("MW",)),
)
_DAM, _RT5, _RT15, _HASP = MARKETS


def dam(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead hourly LMPs (PRC_LMP); see `lakehouse.source.Source.parse`."""
    return _read(file, options, _DAM)


def rt5(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time five-minute LMPs (PRC_INTVL_LMP)."""
    return _read(file, options, _RT5)


def rt15(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """LMPs of the fifteen-minute market (PRC_RTPD_LMP)."""
    return _read(file, options, _RT15)


def hasp(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Hour-ahead LMPs (PRC_HASP_LMP)."""
    return _read(file, options, _HASP)


@dataclass
class _Reading:
    """The state over the files of an answer."""

    names: list[str | None] = field(default_factory=list)
    nodes: dict[str, int] = field(default_factory=dict)
    parts: list[Cells] = field(default_factory=list)
    refused: list[pa.Table] = field(default_factory=list)
    rows: int = 0
    rounded: int = 0
    column: str = ""

    def columns(self, cells: list[str], name: str, market: Market) -> list[str | None]:
        """Our names of a file's columns; the column of the price is remembered."""
        names = _columns(cells, name, market)
        self.column = cells[names.index("price")]
        return names


def _read(file: RawFile, options: LandOptions, market: Market) -> Iterator[Parsed]:
    reading = _Reading()
    for member in members(file):
        reading.names.append(member.name)
        name = member.name or file.path.name
        for lines, first, names in csv_parts(member, name, partial(reading.columns, name=name, market=market)):
            _take(read_sheet(lines, first, names), market, reading)
    if not reading.names:
        raise UnreadableFile("the archive is empty", "download it again")
    if not reading.rows:
        raise UnreadableFile("the report has a header and no prices", "download it again later")
    found, faults = joined(reading.parts)
    table = _table(found, file, options, market, reading)
    if faults:
        reading.refused += _shown(file, market, reading.names, faults)
    refused = pa.concat_tables(reading.refused) if reading.refused else REJECTS_SCHEMA.empty_table()
    if not table.num_rows:
        reason = refused["reason"][0].as_py()
        raise UnreadableFile(f"no price can be used: {reason}", "land the whole answer as OASIS gave it")
    dialect = {"price_column": reading.column, "files": len(reading.names), "rounded": reading.rounded}
    yield Parsed({PRICES.name: table}, refused, "caiso_lmp", dialect, rows_read=reading.rows)


def _columns(cells: list[str], name: str, market: Market) -> list[str | None]:
    if "interval_start_utc" in cells:
        raise UnreadableFile(
            "the file is an extract of CAISO's prices that a third party renamed: what OASIS stated, and when, "
            "is not in it",
            "land the answers of OASIS themselves",
        )
    if "LMP_TYPE" not in cells and any(cell in COLUMNS for cell in cells):
        query = query_in(name)
        raise UnreadableFile(
            f"the file is another report of OASIS{f' ({query})' if query else ''}, not LMPs", "land reports of LMPs"
        )
    if "Net Demand" in cells or "Net demand" in cells:
        raise UnreadableFile("the file is a chart of CAISO's Today's Outlook, not LMPs", "land reports of LMPs")
    if any("Hourly Breakdown of Renewable Resources" in cell for cell in cells):
        raise UnreadableFile("the file is a Daily Renewables Watch of CAISO, not LMPs", "land reports of LMPs")
    known = {**COLUMNS, **dict.fromkeys(market.prices, "price")}
    required = [name for name in (*COLUMNS.values(), "price") if name is not None]
    return named(cells, known, required, f"an LMP report of CAISO's {market.name}")


def _take(sheet: Sheet, market: Market, reading: _Reading) -> None:
    """Check the rows of a piece and keep them in compact form."""
    number = len(reading.names) - 1
    reading.rows += len(sheet.line) + len(sheet.refusals.found)
    _check_run(sheet, market)
    kinds = pa.array(list(TYPES))
    kind = pc.fill_null(pc.index_in(sheet.cells["type"], kinds), -1)
    kind = np.asarray(kind.to_numpy(zero_copy_only=False), dtype=np.int64)
    sheet.refuse(kind < 0, "LMP_TYPE", f"the type of row is none of {', '.join(TYPES)}")
    sheet.refuse(mask(pc.equal(sheet.cells["node"], "")), "NODE", "there is no node")
    start = times.starts(sheet, market.minutes)
    price = sheet.exact("price")
    sheet.refuse(price.null & (kind == 0), "price", "there is no price")
    encoded = sheet.cells["node"].dictionary_encode()
    places = [reading.nodes.setdefault(name, len(reading.nodes)) for name in encoded.dictionary.to_pylist()]
    node = np.array(places, np.int64)[encoded.indices.to_numpy(zero_copy_only=False)] if places else kind
    rows = sheet.ok
    reading.parts.append(
        Cells(
            np.full(int(rows.sum()), number),
            sheet.line[rows],
            node[rows],
            start[rows],
            kind[rows],
            price.micro[rows],
            price.null[rows],
        )
    )
    reading.rounded += sheet.rounded
    if sheet.refusals.found:
        reading.refused.append(rejects(sheet, reading.names[number]))


def _check_run(sheet: Sheet, market: Market) -> None:
    """Refuse rows of other markets.

    Raises:
        UnreadableFile: all of them are of one other market.
    """
    runs = pc.unique(sheet.cells["run"]).to_pylist()
    if len(runs) == 1 and runs[0] != market.run:
        right = next((f"land it with source {other.source}" for other in MARKETS if other.run == runs[0]), None)
        raise UnreadableFile(
            f"the report is of the market run {runs[0]!r}, not of {market.run}", right or "land reports of LMPs"
        )
    sheet.refuse(mask(pc.not_equal(sheet.cells["run"], market.run)), "MARKET_RUN_ID", "the row is of another market")


def _table(found: Prices, file: RawFile, options: LandOptions, market: Market, reading: _Reading) -> pa.Table:
    nodes = pa.array(list(reading.nodes), pa.string())
    files = pa.array([name or "" for name in reading.names], pa.string())
    stated = [answered_at(name or "") for name in reading.names]
    # An answer is made on request, so its repeated statements add nothing.
    at_latest = max((at for at in stated if at is not None), default=answered_at(file.path.name))
    return rows_of(
        PRICES,
        statement(file, options, None, written=at_latest),
        len(found.start),
        {
            "iso": "CAISO",
            "market": market.name,
            "location": nodes.take(pa.array(found.node)),
            "location_type": "",
            "price_type": "LMP",
            "interval_start": found.start,
            "interval_end": found.start + market.minutes * clock.MINUTE,
            **{TYPES[name]: price.array(slice(None)) for name, price in found.components.items()},
            "vintage": "posted",
            "member": files.take(pa.array(found.member)) if reading.names[0] else None,
            "line": pa.array(found.line, pa.int64()),
        },
    )


def _shown(
    file: RawFile, market: Market, names: list[str | None], faults: dict[tuple[int, int], str]
) -> Iterator[pa.Table]:
    """Refusals that only the whole answer shows, with the text of their rows from a second reading of the file."""
    for number, member in enumerate(members(file)):
        name = member.name or file.path.name
        wanted = {line: reason for (place, line), reason in faults.items() if place == number}
        for lines, first, _ in csv_parts(member, name, partial(_columns, name=name, market=market)):
            mine = [line for line in wanted if first <= line <= lines.last]
            sheet = Sheet(lines, np.zeros(0, np.int64), {})
            for line in mine:
                sheet.refusals.add(line, "", wanted[line])
            if mine:
                yield rejects(sheet, names[number])
