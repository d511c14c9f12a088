"""ERCOT's posted prices: CSV, archives of it, and pages of the Public API.

Prices of energy have the type of their settlement point if the document states it: every load zone has two prices under
one name, as LZ and as LZEW.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from ingest.iso.contracts import AS_PRICES, PRICES
from ingest.iso.ercot.api_page import is_page, read_page
from ingest.iso.ercot.documents import read_documents
from ingest.iso.ercot.rows import Field, Kind, Layout, Rows, read_rows
from ingest.iso.ercot.statement import parsed, statement
from ingest.iso.ercot.timing import timing_of
from ingest.iso.statement import Statement, rows_of
from ingest.packed import Member
from lakehouse.contract import Contract
from lakehouse.source import LandOptions, Parsed, RawFile

ISO = "ERCOT"
#: Prices for capacity are of the whole system.
SYSTEM = "ERCOT"
#: A SCED run is for five minutes; a document does not have the time of the next run.
RUN = timedelta(minutes=5)


def fields(kind: Kind, **headers: tuple[str, ...]) -> tuple[Field, ...]:
    """Fields of one kind: column → its names."""
    return tuple(Field(name, column, kind) for column, names in headers.items() for name in names)


DAY = fields("text", operating_day=("DeliveryDate", "deliveryDate", "Delivery Date"))
HOUR_ENDING = fields("text", hour_ending=("HourEnding", "hourEnding", "Hour Ending"))
DELIVERY_HOUR = fields("text", hour_ending=("DeliveryHour", "deliveryHour", "Delivery Hour"))
QUARTER = fields("text", delivery_interval=("DeliveryInterval", "deliveryInterval", "deliveryInt", "Delivery Interval"))
#: Absent before 2011.
FLAG = fields(
    "text", repeated=("DSTFlag", "RepeatedHourFlag", "repeatHourFlag", "repeatedHourFlag", "Repeated Hour Flag")
)
RUN_AT = fields("text", sced_at=("SCEDTimestamp",))
RUN_FLAG = tuple(Field(field.header, "is_repeated_hour") for field in FLAG)
POINT = fields(
    "text",
    location=(
        "SettlementPoint", "settlementPoint", "SettlementPointName", "settlementPointName", "Settlement Point",
        "Settlement Point Name",
    ),
    location_type=("SettlementPointType", "settlementPointType", "Settlement Point Type"),
)  # fmt: skip
SERVICE = fields("text", product=("AncillaryType", "ancillaryType", "ASType"))


def filled_of(price: str, about: tuple[Field, ...], time: tuple[Field, ...]) -> frozenset[str]:
    """Columns that each row must fill: the price, its subject, and the quarter of the hour if there are quarters."""
    return frozenset({price, about[0].column, *(field.column for field in time if field in QUARTER)})


@dataclass(frozen=True)
class Posting:
    """A kind of document of prices.

    Args:
        layout: of its columns.
        contract: `iso_prices` or `as_prices`.
        market: as the contract names it.
        price_type: the operator's name of an energy price; '' for capacity.
        vintage: as the contract names it.
    """

    layout: Layout
    contract: Contract
    market: str
    price_type: str = ""
    vintage: str = "posted"

    def of(self, states: Statement, rows: Rows) -> Parsed:
        """Timed rows as rows of the contract."""
        constants = {"iso": ISO, "market": self.market, "vintage": self.vintage}
        if self.contract is PRICES:
            constants["price_type"] = self.price_type
        else:
            constants["location"] = SYSTEM
        columns: dict[str, object] = {"location_type": "", **rows.columns, **constants, "line": rows.line}
        if isinstance(kinds := columns["location_type"], pa.Array):
            columns["location_type"] = pc.fill_null(kinds.cast(pa.string()), "")
        table = rows_of(self.contract, states, len(rows), columns)
        return parsed({self.contract.name: table}, rows, states.member, self.layout.name)


def _posting(
    name: str, contract: Contract, market: str, time: tuple[Field, ...], price: tuple[str, ...], price_type: str = ""
) -> Posting:
    column = "lmp_usd_mwh" if contract is PRICES else "mcpc_usd_mw"
    about = POINT if contract is PRICES else SERVICE
    filled = filled_of(column, about, time)
    required = filled | {field.column for field in time} - {"repeated"}
    layout = Layout(name, (*time, *about, *fields("exact", **{column: price})), required, filled)
    return Posting(layout, contract, market, price_type)


SPP = ("SettlementPointPrice", "settlementPointPrice", "Settlement Point Price")
DAM_SPP = _posting("day-ahead settlement point prices", PRICES, "DAM", (*DAY, *HOUR_ENDING, *FLAG), SPP, "SPP")
RT15_SPP = _posting(
    "real-time settlement point prices", PRICES, "RT15", (*DAY, *DELIVERY_HOUR, *QUARTER, *FLAG), SPP, "SPP"
)
SCED_LMP = _posting("LMPs of SCED runs", PRICES, "SCED", (*RUN_AT, *RUN_FLAG), ("LMP",), "LMP")
DAM_MCPC = _posting("day-ahead prices for capacity", AS_PRICES, "DAM", (*DAY, *HOUR_ENDING, *FLAG), ("MCPC",))
RT15_MCPC = _posting(
    "real-time prices for capacity", AS_PRICES, "RT15", (*DAY, *DELIVERY_HOUR, *QUARTER, *FLAG), ("MCPC",)
)


def dam_spp(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead settlement point prices (NP4-190-CD): hourly, of all nodes, zones and hubs.

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return _read(file, options, DAM_SPP)


def rt15_spp(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time settlement point prices (NP6-905-CD): one posting every 15 minutes.

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return _read(file, options, RT15_SPP)


def sced_lmp(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """LMPs of settlement points at every SCED run (NP6-788-CD).

    The interval is the five minutes of a run from its stamp, whatever document states it.

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return _read(file, options, SCED_LMP)


def dam_mcpc(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead clearing prices for capacity (NP4-188-CD), by ancillary service.

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return _read(file, options, DAM_MCPC)


def rt15_mcpc(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time clearing prices for capacity (NP6-331-CD), since operating day 2025-12-05.

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return _read(file, options, RT15_MCPC)


def _read(file: RawFile, options: LandOptions, posting: Posting) -> Iterator[Parsed]:
    def rows_of(member: Member, layout: Layout) -> Iterator[Rows]:
        return document_rows(member, lambda header: layout)

    return read_documents(file, "ercot-prices", posted(file, options, posting, rows_of))


def posted(
    file: RawFile,
    options: LandOptions,
    posting: Posting,
    rows_of: Callable[[Member, Layout], Iterator[Rows]],
    parts_of: Callable[[Rows], Iterable[Rows]] = lambda rows: (rows,),
) -> Callable[[Member], Iterator[Parsed]]:
    """A reader of the documents of a posting.

    Args:
        file: that holds the documents.
        options: of the landing.
        posting: what they state.
        rows_of: reads the rows of a document.
        parts_of: splits rows with several prices.
    """

    def read(member: Member) -> Iterator[Parsed]:
        states = statement(file, member.name, options)
        for rows in timed(rows_of(member, posting.layout)):
            for part in parts_of(rows):
                yield posting.of(states, part)

    return read


def document_rows(member: Member, layout_of: Callable[[list[str]], Layout]) -> Iterator[Rows]:
    """Rows of a document, CSV or a page of the Public API, by the layout of its header."""
    first = next(member.content, b"")
    content = chain([first], member.content)
    if is_page(first):
        return iter([read_page(b"".join(content), layout_of)])
    return read_rows(content, layout_of)


def timed(pieces: Iterator[Rows]) -> Iterator[Rows]:
    """Rows with the start and the end of their intervals."""
    timing = None
    for rows in pieces:
        timing = timing or timing_of(rows.columns)
        yield _of_run(timing.of(rows))
    if timing is not None:
        yield from timing.rest()


def _of_run(rows: Rows) -> Rows:
    """Rows of SCED runs with the five minutes of their run; other rows unchanged."""
    if "sced_at" not in rows.columns:
        return rows
    columns = {name: cells for name, cells in rows.columns.items() if name != "sced_at"}
    start = rows.columns["sced_at"]
    columns |= {"interval_start": start, "interval_end": pc.add(start, pa.scalar(RUN, pa.duration("us")))}
    return replace(rows, columns=columns)
