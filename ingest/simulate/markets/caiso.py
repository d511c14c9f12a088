"""Answers of CAISO's OASIS: a ZIP archive of CSV rows, one row a price component, or of an XML error.

Each query has its own column for the price and its own order of columns. Rows are not sorted by time, and operating
hours are 1 to 23, 24 or 25.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from ingest.simulate.clock import random_stream
from ingest.simulate.markets.days import PACIFIC, intervals
from ingest.simulate.markets.process import day_prices
from ingest.simulate.markets.stated import Document, Price, packed

NODES = ("SIM_NP15-APND", "SIM_SP15-APND", "SIM_BATTERY_7_N001")
#: OASIS gives up to five decimals.
DECIMALS = 5
#: Nodes outside of California pay for greenhouse gas; these do not: their component is 0.
GHG = Decimal(0)
ITEMS = {
    "LMP": "LMP_PRC", "MCE": "LMP_ENE_PRC", "MCC": "LMP_CONG_PRC", "MCL": "LMP_LOSS_PRC", "MGHG": "LMP_GHG_PRC",
}  # fmt: skip
_FRONT = ("INTERVALSTARTTIME_GMT", "INTERVALENDTIME_GMT", "OPR_DT", "OPR_HR")
_MIDDLE = (
    "NODE_ID_XML", "NODE_ID", "NODE", "MARKET_RUN_ID", "LMP_TYPE", "XML_DATA_ITEM", "PNODE_RESMRID", "GRP_TYPE", "POS",
)  # fmt: skip


@dataclass(frozen=True)
class Query:
    """One of the price queries.

    Args:
        name: `queryname` of the request.
        run: `market_run_id`.
        market: its name here.
        minutes: length of an interval.
        version: of the report.
        columns: of the CSV.
        price: the one that holds the price.
    """

    name: str
    run: str
    market: str
    minutes: int
    version: int
    columns: tuple[str, ...]
    price: str


QUERIES = {
    query.name: query
    for query in (
        Query("PRC_LMP", "DAM", "DAM", 60, 12, (*_FRONT, "OPR_INTERVAL", *_MIDDLE, "MW", "GROUP"), "MW"),
        Query("PRC_INTVL_LMP", "RTM", "RT5", 5, 3, (*_FRONT, *_MIDDLE, "VALUE", "OPR_INTERVAL", "GROUP"), "VALUE"),
        Query("PRC_RTPD_LMP", "RTPD", "RT15", 15, 3, (*_FRONT, *_MIDDLE, "PRC", "OPR_INTERVAL", "GROUP"), "PRC"),
        Query("PRC_HASP_LMP", "HASP", "HASP", 15, 3, (*_FRONT, *_MIDDLE, "MW", "OPR_INTERVAL", "GROUP"), "MW"),
    )
}


def source_of(query: str) -> str:
    """Name of the source that reads the answer to a query."""
    return f"caiso-{QUERIES[query].market.lower()}-lmp"


def day_answer(seed: int, query: str, day: date, asked_at: datetime | None = None) -> Document:
    """What OASIS answers for all simulated nodes and one operating day."""
    spans = intervals(day, PACIFIC, 60)
    return answer(seed, query, NODES, spans[0][0], spans[-1][1], asked_at or spans[-1][1])


def answer(seed: int, query: str, nodes: Sequence[str], start: datetime, end: datetime, asked_at: datetime) -> Document:
    """What OASIS answers to `SingleZip` with `resultformat=6`: rows of a window, or error 1000 where there are none.

    Args:
        nodes: those that it does not know have no rows.
        start, end: window, UTC.
        asked_at: instant of the request; the member's name carries it in GMT.
    """
    asked = QUERIES[query]
    prices: list[Price] = []
    rows: list[tuple[str, ...]] = []
    first, last = start.astimezone(PACIFIC).date(), (end - timedelta(microseconds=1)).astimezone(PACIFIC).date()
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        for node in nodes:
            if node in NODES:
                for price in _node_day(seed, asked, day, node, start, end):
                    prices.append(price)
                    rows += _rows(asked, day, price)
    if not rows:
        return error(query, "1000", "No data returned for the specified selection", start, end, asked_at)
    order = random_stream(seed, f"{query} {start}").permutation(len(rows))
    lines = [",".join(asked.columns), *(",".join(rows[n]) for n in order)]
    name = _name(asked, start, end, asked_at)
    content = packed({f"{name}.csv": ("\n".join(lines) + "\n").encode()}, asked_at)
    return Document(source_of(query), f"{name}.zip", content, asked_at, prices=tuple(prices))


def error(query: str, code: str, text: str, start: datetime, end: datetime, asked_at: datetime) -> Document:
    """OASIS' way to refuse: status 200, and a ZIP archive of an XML document with a code (1000: there are no data)."""
    xml = f"""<?xml version="1.0" encoding="UTF-8"?>
<m:OASISReport xmlns:m="http://www.caiso.com/soa/OASISReport_v1.xsd">
<m:MessageHeader>
\t<m:TimeDate>{asked_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z</m:TimeDate>
\t<m:Source>SIMULATED OASIS</m:Source>
\t<m:Version>v20131201</m:Version>
</m:MessageHeader>
<m:MessagePayload>
<m:RTO>
<m:name>CAISO</m:name>
<m:ERROR>
<m:ERR_CODE>{code}</m:ERR_CODE>
<m:ERR_DESC>{text}</m:ERR_DESC>
</m:ERROR>

</m:RTO>
</m:MessagePayload>
</m:OASISReport>
"""
    name = _name(QUERIES[query], start, end, asked_at) if query in QUERIES else "INVALID_REQUEST"
    content = packed({f"{name}.xml": xml.encode()}, asked_at)
    source = source_of(query) if query in QUERIES else ""
    return Document(source, f"{name}.xml.zip", content, asked_at)


def _name(query: Query, start: datetime, end: datetime, asked_at: datetime) -> str:
    local = f"{start.astimezone(PACIFIC):%Y%m%d}_{end.astimezone(PACIFIC):%Y%m%d}"
    return f"{local}_{query.name}_{query.run}_{asked_at.astimezone(UTC):%Y%m%d_%H_%M_%S}_v{query.version}"


def _node_day(seed: int, query: Query, day: date, node: str, start: datetime, end: datetime) -> list[Price]:
    spans = intervals(day, PACIFIC, query.minutes)
    parts = day_prices(seed, f"CAISO {query.market}", day, tuple(s for s, _ in spans), PACIFIC, node, DECIMALS)
    prices = []
    for n, (begins, ends) in enumerate(spans):
        if start <= begins < end:
            lmp, energy, congestion, loss = parts.at(n)
            prices.append(
                Price(
                    "CAISO", query.market, node, "", None, "LMP", begins, ends, lmp, energy, congestion, loss, GHG
                )
            )  # fmt: skip
    return prices


def _rows(query: Query, day: date, price: Price) -> list[tuple[str, ...]]:
    first = intervals(day, PACIFIC, 60)[0][0]
    since = int((price.start - first).total_seconds()) // 60
    values = {"LMP": price.lmp, "MCE": price.energy, "MCC": price.congestion, "MCL": price.loss, "MGHG": price.ghg}
    fixed = {
        "INTERVALSTARTTIME_GMT": f"{price.start:%Y-%m-%dT%H:%M:%S}-00:00",
        "INTERVALENDTIME_GMT": f"{price.end:%Y-%m-%dT%H:%M:%S}-00:00",
        "OPR_DT": day.isoformat(),
        "OPR_HR": str(since // 60 + 1),
        "OPR_INTERVAL": "0" if query.minutes == 60 else str(since % 60 // query.minutes + 1),
        "NODE_ID_XML": price.location,
        "NODE_ID": price.location,
        "NODE": price.location,
        "MARKET_RUN_ID": query.run,
        "PNODE_RESMRID": price.location,
        "GRP_TYPE": "ALL_APNODES",
        "POS": "0",
        "GROUP": "1",
    }
    rows = []
    for kind, value in values.items():
        if value is not None:
            cells = {**fixed, "LMP_TYPE": kind, "XML_DATA_ITEM": ITEMS[kind], query.price: _plain(value)}
            rows.append(tuple(cells[column] for column in query.columns))
    return rows


def _plain(value: Decimal) -> str:
    """Without trailing zeros, as OASIS writes it."""
    return f"{value.normalize():f}"
