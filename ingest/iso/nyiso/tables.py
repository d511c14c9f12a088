"""Rows of NYISO's price files to tables: columns, intervals and values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Int64Array
from ingest.iso import clock
from ingest.iso.contracts import AS_PRICES, PRICES
from ingest.iso.nyiso.runs import RTC, Runs, runs_of
from ingest.iso.sheet import Price, Sheet, codes, read_stamps
from ingest.iso.statement import Statement, rows_of
from ingest.text.numbers import EXACT_LIMIT
from ingest.time.local_time import REASONS, to_wall
from lakehouse.contract import Contract

#: Columns of LBMP files → our names. The last one was cut short until July 2016.
LBMP_COLUMNS = {
    "Time Stamp": "stamp",
    "Name": "name",
    "PTID": "ptid",
    "LBMP ($/MWHr)": "lbmp",
    "Marginal Cost Losses ($/MWHr)": "losses",
    "Marginal Cost Congestion ($/MWHr)": "congestion",
    "Marginal Cost Congestion ($/MWH": "congestion",
}
#: Places that had prices of their own before there were prices by zone.
PLACES = ("East", "West")
#: Place of a price for the whole control area.
WHOLE = "NYCA"
#: Columns of ancillary-service files → our names: by zone since June 2016, by place from 2005 on and of the whole area
#: before. Those before 2016 were cut short at 31 characters behind the place. Products keep the operator's name. The
#: movement of regulation is paid per MW moved, not per MW and hour.
AS_COLUMNS = {
    "Time Stamp": "stamp",
    "Time Zone": "zone",
    "Name": "name",
    "PTID": "ptid",
    "10 Min Spinning Reserve ($/MWHr)": "10 Min Spinning Reserve",
    "10 Min Non-Synchronous Reserve ($/MWHr)": "10 Min Non-Synchronous Reserve",
    "30 Min Operating Reserve ($/MWHr)": "30 Min Operating Reserve",
    "NYCA Regulation Capacity ($/MWHr)": "NYCA Regulation Capacity",
    "NYCA Regulation Movement ($/MW)": "NYCA Regulation Movement",
} | {
    f"{place}{column}": f"{place}{product}"
    for place in ("", *(f"{place} " for place in PLACES))
    for column, product in (
        ("10 Min Spinning Reserve ($/MWHr", "10 Min Spinning Reserve"),
        ("10 Min Non-Synchronous Reserve", "10 Min Non-Synchronous Reserve"),
        ("30 Min Operating Reserve ($/MWH", "30 Min Operating Reserve"),
        ("Regulation ($/MWHr)", "Regulation"),
    )
}
_STAMPS = ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S")


@dataclass(frozen=True)
class Feed:
    """One source: a market and the subject of its files ('ZONE', 'GENERATOR', or 'AS')."""

    market: str
    kind: str

    @property
    def contract(self) -> Contract:
        """The contract of its table."""
        return AS_PRICES if self.kind == "AS" else PRICES

    @property
    def is_run(self) -> bool:
        """Whether stamps are ends of dispatch runs."""
        return self.market == "RT5"

    @property
    def source(self) -> str:
        """The name that a user gives."""
        market = self.market.lower()
        return f"nyiso-{market}-as" if self.kind == "AS" else f"nyiso-{market}-lbmp-{self.kind.lower()}"


def instants(sheet: Sheet, series: Int64Array, step: int) -> tuple[Int64Array, str]:
    """Stamps as microseconds since 1970 UTC, and their format; rows without one are refused.

    Args:
        sheet: with the cells `stamp`, and `zone` if the file states it.
        series: number of every row's location.
        step: longest distance of two stamps that is not a gap, microseconds.
    """
    stamps = read_stamps(sheet.cells["stamp"], _STAMPS)
    sheet.refuse(~stamps.ok, "Time Stamp", "the stamp is no date and time")
    naive = stamps.micros
    if "zone" in sheet.cells:
        utc = naive.copy()
        stated = sheet.cells["zone"]
        placed = np.zeros(len(naive), np.bool_)
        for name in ("EST", "EDT"):
            mine = np.asarray(pc.equal(stated, name).to_numpy(zero_copy_only=False), dtype=np.bool_)
            utc[mine] += clock.ABBREVIATED[name] * clock.HOUR
            placed |= mine
        placed &= to_wall(utc, clock.EASTERN) == naive
        sheet.refuse(stamps.ok & ~placed, "Time Zone", "the clocks of New York do not show this time with this zone")
        return utc, stamps.format
    utc, status = clock.by_order(naive, series, clock.EASTERN, step)
    for fault, reason in REASONS.items():
        sheet.refuse(stamps.ok & (status == fault), "Time Stamp", reason)
    return utc, stamps.format


def _intervals(sheet: Sheet, shared: Statement, feed: Feed, series: Int64Array) -> tuple[Runs, str]:
    utc, written = instants(sheet, series, RTC if feed.is_run else clock.HOUR)
    if feed.is_run:
        return runs_of(utc, sheet.ok, shared), written
    sheet.refuse(sheet.ok & (utc % clock.HOUR != 0), "Time Stamp", "a stamp of an hourly price is a full hour")
    return Runs(utc, utc + clock.HOUR, np.zeros(len(utc), np.bool_)), written


def _vintage(advisory: npt.NDArray[np.bool_]) -> pa.Array:
    return pc.if_else(pa.array(advisory), "advisory", "posted")


def lbmps(sheet: Sheet, shared: Statement, feed: Feed) -> tuple[pa.Table, int, dict[str, object]]:
    """Prices of energy: table, number of empty cells, and how the rows were read."""
    sheet.refuse(np.asarray(pc.equal(sheet.cells["name"], "").to_numpy(zero_copy_only=False)), "Name", "no name")
    series = codes(sheet.cells["ptid"], sheet.cells["name"])
    lbmp, losses, congestion = sheet.exact("lbmp", required=True), sheet.exact("losses"), sheet.exact("congestion")
    runs, written = _intervals(sheet, shared, feed, series)
    energy = Price(lbmp.micro - losses.micro + congestion.micro, lbmp.null | losses.null | congestion.null)
    sheet.refuse(
        np.abs(energy.micro) >= EXACT_LIMIT, "LBMP ($/MWHr)", "the energy component does not fit DECIMAL(18,6)"
    )
    rows = np.flatnonzero(sheet.ok)
    take = pa.array(rows)
    table = rows_of(
        PRICES,
        shared,
        len(rows),
        {
            "iso": "NYISO",
            "market": feed.market,
            "location": sheet.cells["name"].take(take),
            "location_type": feed.kind,
            "location_id": sheet.cells["ptid"].take(take),
            "price_type": "LBMP",
            "interval_start": runs.start[rows],
            "interval_end": runs.end[rows],
            "lmp_usd_mwh": lbmp.array(rows),
            "energy_usd_mwh": energy.array(rows),
            "congestion_usd_mwh": Price(-congestion.micro, congestion.null).array(rows),
            "loss_usd_mwh": losses.array(rows),
            "congestion_published_usd_mwh": congestion.array(rows),
            "vintage": _vintage(runs.advisory[rows]),
            "line": pa.array(sheet.line[rows], pa.int64()),
        },
    )
    return table, 0, {"stamps": written}


def services(sheet: Sheet, shared: Statement, feed: Feed) -> tuple[pa.Table, int, dict[str, object]]:
    """Prices of ancillary services, one row per product: table, number of empty cells, and how the rows were read."""
    zones = sheet.cells.get("name")
    series = np.zeros(len(sheet.line), np.int64) if zones is None else codes(zones)
    products = {name: sheet.exact(name) for name in sheet.cells if name not in ("stamp", "zone", "name", "ptid")}
    runs, written = _intervals(sheet, shared, feed, series)
    empty, tables = 0, []
    for name, price in products.items():
        rows = np.flatnonzero(sheet.ok & ~price.null)
        empty += int((sheet.ok & price.null).sum())
        place = next((place for place in PLACES if name.startswith(f"{place} ")), None)
        of_all = place or WHOLE
        tables.append(
            rows_of(
                AS_PRICES,
                shared,
                len(rows),
                {
                    "iso": "NYISO",
                    "market": feed.market,
                    "location": of_all if zones is None else zones.take(pa.array(rows)),
                    "product": name.removeprefix(f"{place} ") if place else name,
                    "interval_start": runs.start[rows],
                    "interval_end": runs.end[rows],
                    "mcpc_usd_mw": price.array(rows),
                    "vintage": _vintage(runs.advisory[rows]),
                    "line": pa.array(sheet.line[rows], pa.int64()),
                },
            )
        )
    return pa.concat_tables(tables), empty, {"stamps": written}
