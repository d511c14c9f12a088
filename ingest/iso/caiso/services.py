"""CAISO's prices of ancillary services by region, as OASIS answers PRC_AS and PRC_INTVL_AS.

No recorded body of either has been seen: columns and types are those that public clients read, and anything else is
refused. Regions nest (AS_CAISO_EXP contains AS_CAISO, which contains AS_NP26 and AS_SP26), and the value of a row looks
like the price of its region's own constraint, not the sum that a resource is paid. Each lands as stated.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.iso import clock
from ingest.iso.caiso import times, values
from ingest.iso.contracts import AS_PRICES
from ingest.iso.sheet import Sheet
from ingest.iso.statement import Statement, rows_of
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, RawFile

#: Regulation up and down, spinning and non-spinning reserve, in $/MW and hour.
CAPACITY = ("RU", "RD", "SR", "NR")
#: Mileage of regulation up and down, in $ per MW moved.
MILEAGE = ("RMU", "RMD")
#: Suffix of XML_DATA_ITEM for a clearing price of capacity.
_PRICE = "_CLR_PRC"
#: Market → the run that states it, and minutes of an interval.
RUNS = {"DAM": ("DAM", 60), "RT15": ("RTM", 15)}
COLUMNS = {
    **times.COLUMNS,
    "ANC_TYPE": "product",
    "ANC_REGION": "region",
    "MARKET_RUN_ID": "run",
    "XML_DATA_ITEM": "item",
    "MW": "price",  # a column of prices, whatever its name
    "OPR_INTERVAL": None,
    "OPR_TYPE": None,
    "GROUP": None,
}


def dam(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead hourly prices (PRC_AS); see `lakehouse.source.Source.parse`."""
    return values.read(file, options, _report("DAM", "PRC_AS"))


def rt15(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time 15-minute prices (PRC_INTVL_AS)."""
    return values.read(file, options, _report("RT15", "PRC_INTVL_AS"))


def _report(market: str, query: str) -> values.Report:
    return values.Report(
        "ancillary service prices", query, frozenset({"ANC_TYPE", "ANC_REGION"}), COLUMNS, AS_PRICES,
        partial(_table, market=market),
    )  # fmt: skip


def _table(sheet: Sheet, shared: Statement, market: str) -> pa.Table:
    run, minutes = RUNS[market]
    found = pc.unique(sheet.cells["run"]).to_pylist()
    if len(found) == 1 and found[0] != run:
        right = next((ours for ours, (theirs, _) in RUNS.items() if theirs == found[0]), None)
        step = f"land it with source caiso-{right.lower()}-as" if right else "land reports of the day-ahead market"
        raise UnreadableFile(f"the report is of the market run {found[0]!r}, not of {run}", step)
    sheet.refuse(_differs(sheet.cells["run"], run), "MARKET_RUN_ID", "the row is of another market")
    product = sheet.cells["product"]
    known = pc.is_in(product, pa.array([*CAPACITY, *MILEAGE]))
    sheet.refuse(~np.asarray(known), "ANC_TYPE", f"the type is none of {', '.join((*CAPACITY, *MILEAGE))}")
    is_price = pc.or_(pc.ends_with(sheet.cells["item"], _PRICE), pc.is_in(product, pa.array(MILEAGE)))
    sheet.refuse(~np.asarray(is_price), "XML_DATA_ITEM", "the row is no clearing price")
    sheet.refuse(np.asarray(pc.equal(sheet.cells["region"], "")), "ANC_REGION", "there is no region")
    start = times.starts(sheet, minutes)
    price = sheet.exact("price", required=True)
    rows = np.flatnonzero(sheet.ok)
    take = pa.array(rows)
    return rows_of(
        AS_PRICES,
        shared,
        len(rows),
        {
            "iso": "CAISO",
            "market": market,
            "location": sheet.cells["region"].take(take),
            "product": product.take(take),
            "interval_start": start[rows],
            "interval_end": start[rows] + minutes * clock.MINUTE,
            "mcpc_usd_mw": price.array(rows),
            "vintage": "posted",
            "line": pa.array(sheet.line[rows], pa.int64()),
        },
    )


def _differs(cells: pa.Array, value: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(pc.not_equal(cells, value).to_numpy(zero_copy_only=False), dtype=np.bool_)
