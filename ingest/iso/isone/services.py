"""ISO-NE's prices of reserves and of regulation, from its web services.

A body of day-ahead reserves has been recorded; those of real-time reserves and of regulation are in the form that
public clients read. Prices of reserves cascade: ten-minute spinning reserve costs at least as much as ten-minute
reserve, and that at least as much as thirty-minute reserve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.iso.contracts import AS_PRICES
from ingest.iso.isone.records import Answer, Records, read_records
from ingest.iso.isone.report import SYSTEM
from ingest.iso.sheet import rejects
from ingest.iso.statement import rows_of, statement
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, RawFile

#: `local_day` is the hour's start with its offset; `gmt_begin_date` is that of the day, in every record.
DAY_AHEAD = Answer(
    "daasreservedata",
    ("isone_web_services", "day_ahead_reserves", "day_ahead_reserve"),
    {
        "market_hour.local_day": "start",
        "market_hour.gmt_begin_date": None,
        "market_hour.local_hour_end": None,
        "tmsr_clearing_price": "TMSR",
        "tmnsr_clearing_price": "TMNSR",
        "tmor_clearing_price": "TMOR",
        "fer_clearing_price": "FER",
        # Requirements and designations are MW, and those of a product include those of the better one.
        **dict.fromkeys(("ten_min_spin_req_mw", "total_ten_min_req_mw", "total_thirty_min_req_mw")),
        **dict.fromkeys(("forecasted_energy_req_mw", "eir_designation_mw")),
        **dict.fromkeys(("tmsr_designation_mw", "tmnsr_designation_mw", "tmor_designation_mw")),
    },
    beside=frozenset({"market_day"}),
)
_RESERVE: Mapping[str, str | None] = {
    "BeginDate": "start",
    "ReserveZoneId": "zone_id",
    "ReserveZoneName": "zone",
    "TmsrClearingPrice": "TMSR",
    "TmnsrClearingPrice": "TMNSR",
    "TmorClearingPrice": "TMOR",
    **dict.fromkeys(("TenMinSpinRequirement", "Total10MinRequirement", "Total30MinRequirement")),
    **dict.fromkeys(("TmsrDesignatedMw", "TmnsrDesignatedMw", "TmorDesignatedMw")),
}
FIVE_MINUTES = Answer(
    "fiveminutereserveprice", ("FiveMinReservePrices", "FiveMinReservePrice"), _RESERVE, 5, series=("zone_id", "zone"),
)  # fmt: skip
HOURLY = {
    "prelim": Answer("hourlyprelimreserveprice", ("PrelimHourlyReservePrices", "PrelimHourlyReservePrice"), _RESERVE),
    "final": Answer("hourlyfinalreserveprice", ("FinalHourlyReservePrices", "FinalHourlyReservePrice"), _RESERVE),
}
#: Regulation had one price until 2015-03.
REGULATION = Answer(
    "fiveminutercp",
    ("FiveMinRcps", "FiveMinRcp"),
    {
        "BeginDate": "start",
        "HourEnd": None,
        "RegServiceClearingPrice": "Regulation Service",
        "RegCapacityClearingPrice": "Regulation Capacity",
        "RegClearingPrice": "Regulation",
    },
    5,
    frozenset({"HourEnd", "RegServiceClearingPrice", "RegCapacityClearingPrice", "RegClearingPrice"}),
)
PRODUCTS = ("TMSR", "TMNSR", "TMOR", "FER", "Regulation Service", "Regulation Capacity", "Regulation")
_WHAT = "prices of ancillary services"


def dam(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead reserves and forecast energy requirement (daasreservedata), since 2025-03-01.

    See `lakehouse.source.Source.parse`.
    """
    yield _prices(read_records(file.content, (DAY_AHEAD,), _WHAT), file, options, "DAM")


def rt5(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time five-minute prices of reserves (fiveminutereserveprice) and of regulation (fiveminutercp)."""
    yield _prices(read_records(file.content, (FIVE_MINUTES, REGULATION), _WHAT), file, options, "RT5")


def rth(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time hourly prices of reserves: hourlyprelimreserveprice, hourlyfinalreserveprice."""
    found = read_records(file.content, tuple(HOURLY.values()), _WHAT)
    vintage = next(name for name, answer in HOURLY.items() if answer is found.answer)
    yield _prices(found, file, options, "RTH", vintage)


def _prices(found: Records, file: RawFile, options: LandOptions, market: str, vintage: str = "posted") -> Parsed:
    sheet = found.sheet
    nothing = pa.repeat(pa.scalar(SYSTEM), len(sheet.line))
    place = sheet.cells.get("zone", nothing)
    if "zone_id" in sheet.cells:
        place = pc.if_else(pc.equal(place, ""), sheet.cells["zone_id"], place)
    sheet.refuse(np.asarray(pc.equal(place, "")), "ReserveZoneName", "there is no zone")
    prices = {name: sheet.exact(name) for name in PRODUCTS if name in sheet.cells}
    shared = statement(file, options, None)
    empty, tables = 0, []
    for name, price in prices.items():
        rows = np.flatnonzero(sheet.ok & ~price.null)
        empty += int((sheet.ok & price.null).sum())
        columns = {
            "iso": "ISONE",
            "market": market,
            "location": place.take(pa.array(rows)),
            "product": name,
            "interval_start": found.start[rows],
            "interval_end": found.end[rows],
            "mcpc_usd_mw": price.array(rows),
            "vintage": vintage,
            "line": pa.array(sheet.line[rows], pa.int64()),
        }
        tables.append(rows_of(AS_PRICES, shared, len(rows), columns))
    table = pa.concat_tables(tables)
    if not table.num_rows:
        why = next(iter(sheet.refusals.found.values()), "no price is stated")
        raise UnreadableFile(f"no record can be used: {why}", "check the document against its sender")
    refused = {line for line, _ in sheet.refusals.found}
    return Parsed(
        {AS_PRICES.name: table},
        rejects(sheet, None),
        f"isone_{found.answer.name}",
        {"records": found.count, "rounded": sheet.rounded},
        rows_read=table.num_rows + empty + len(refused),
        rows_empty=empty,
        shown=sheet.shown,
    )
