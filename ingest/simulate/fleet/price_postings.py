"""Prices as they are posted, one interval a document: NP6-905-CD (energy), NP6-331-CD (capacity); and corrections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from ingest.simulate.clock import IntArray
from ingest.simulate.fleet.calendar import QUARTER_S, ZONE
from ingest.simulate.fleet.day_ahead import BLANK
from ingest.simulate.fleet.fleet import Fleet
from ingest.simulate.fleet.text import CENTS, exact, sheet

CENTRAL = ZoneInfo(ZONE)
SPP_HEADER = [
    "DeliveryDate", "DeliveryHour", "DeliveryInterval", "SettlementPointName", "SettlementPointType",
    "SettlementPointPrice", "DSTFlag",
]  # fmt: skip
MCPC_HEADER = ["DeliveryDate", "DeliveryHour", "DeliveryInterval", "RepeatedHourFlag", "ASType", "MCPC"]
AS_TYPES = {"ECRS": "ecrs", "NSPIN": "nonspin", "REGDN": "regdown", "REGUP": "regup", "RRS": "rrs"}
SPP_REPORT, MCPC_REPORT = 12301, 24898
#: Market → report of its corrections, what it is called, and days from the operating day to a correction.
CORRECTIONS = {
    "DAM": (13044, "DAM_SPP_PriceCorrectionsNP4196", 75),
    "RT15": (13045, "RTM_SPP_PriceCorrectionsNP4197", 2),
}
#: Seconds from the end of an interval to its posting.
POSTED_S = 137


@dataclass(frozen=True)
class Posting:
    """One document.

    Args:
        name: as listed, with the local time of posting; `xhr` marks the second 01:00 hour of the autumn change.
        content: of the CSV.
        at: UTC second of posting.
    """

    name: str
    content: bytes
    at: int


def spp_postings(fleet: Fleet, quarters: IntArray) -> list[Posting]:
    """Prices of every settlement point as they were posted first, one document an interval.

    Args:
        quarters: indices of intervals.
    """
    known = np.where(fleet.unknown_prices, BLANK, fleet.first_prices)
    cells = [exact(row, CENTS) for row in known[:, quarters]]
    postings = []
    for at, (quarter, when) in enumerate(zip(quarters, _labels(fleet, fleet.calendar.quarters[quarters]), strict=True)):
        rows = [
            [*when[:3], node, "RN", cells[row][at], when[3]]
            for row, node in enumerate(fleet.prices.nodes)
            if cells[row][at]
        ]
        postings.append(_posting(fleet, SPP_REPORT, "SPPHLZNP6905", quarter, sheet(SPP_HEADER, rows, False)))
    return postings


def correction(fleet: Fleet, market: str) -> Posting | None:
    """The document that corrects prices of a market, where any were wrong."""
    was, is_ = (
        (fleet.first_day_ahead, fleet.prices.day_ahead)
        if market == "DAM"
        else (fleet.first_prices, fleet.prices.real_time)
    )
    starts = fleet.calendar.hours if market == "DAM" else fleet.calendar.quarters
    wrong = np.flatnonzero((was != is_).any(axis=0))
    if not len(wrong):
        return None
    report, name, after = CORRECTIONS[market]
    at = int(starts[wrong[0]]) + after * 86_400
    posted = _wall(at)
    rows = []
    for column, when in zip(wrong, _labels(fleet, starts[wrong]), strict=True):
        for row, node in enumerate(fleet.prices.nodes):
            where = [*when[:2], node] if market == "DAM" else [*when[:3], node, "RN"]
            prices = (exact(of_market[row : row + 1, column], CENTS)[0] for of_market in (was, is_))
            rows.append([*where, *prices, f"{posted:%m/%d/%Y %H:%M:%S}", when[3]])
    where = ["SettlementPoint"] if market == "DAM" else SPP_HEADER[2:5]
    header = [*SPP_HEADER[:2], *where, "SPPOriginal", "SPPCorrected", "PriceCorrectionTime", "DSTFlag"]
    return Posting(f"{_name(report, fleet, at)}.{name}.csv", sheet(header, rows, False), at)


def mcpc_postings(fleet: Fleet, quarters: IntArray) -> list[Posting]:
    """Prices of every service, one document an interval; since RTC+B."""
    cells = {
        name: exact(fleet.prices.real_time_services[product][quarters], CENTS) for name, product in AS_TYPES.items()
    }
    postings = []
    for at, (quarter, when) in enumerate(zip(quarters, _labels(fleet, fleet.calendar.quarters[quarters]), strict=True)):
        rows = [[*when, name, of_name[at]] for name, of_name in cells.items()]
        postings.append(_posting(fleet, MCPC_REPORT, "RTCPCNP6331", quarter, sheet(MCPC_HEADER, rows, False)))
    return postings


def _labels(fleet: Fleet, starts: IntArray) -> list[list[str]]:
    """Delivery date, hour by the wall clock, interval of the hour, and the flag of the repeated hour."""
    flags = fleet.calendar.is_repeated(starts)
    labels = []
    for start, flag in zip(starts, flags, strict=True):
        wall = _wall(int(start))
        labels.append([f"{wall:%m/%d/%Y}", str(wall.hour + 1), str(wall.minute // 15 + 1), "Y" if flag else "N"])
    return labels


def _posting(fleet: Fleet, report: int, name: str, quarter: int, content: bytes) -> Posting:
    end = int(fleet.calendar.quarters[quarter]) + QUARTER_S
    at = end + POSTED_S
    return Posting(f"{_name(report, fleet, at)}.{name}_{_wall(end):%Y%m%d_%H%M}.csv", content, at)


def _name(report: int, fleet: Fleet, at: int) -> str:
    extra = "xhr" if fleet.calendar.is_repeated(np.array([at], dtype=np.int64))[0] else ""
    return f"cdr.{report:08d}.0000000000000000.{_wall(at):%Y%m%d.%H%M%S}{extra}"


def _wall(at: int) -> datetime:
    """Wall-clock time of an instant."""
    return datetime.fromtimestamp(at, tz=CENTRAL)
