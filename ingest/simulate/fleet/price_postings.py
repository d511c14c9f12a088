"""Real-time prices as they are posted, one interval a document: NP6-905-CD (energy), NP6-331-CD (capacity)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ingest.simulate.clock import IntArray
from ingest.simulate.fleet.calendar import QUARTER_S
from ingest.simulate.fleet.day_ahead import BLANK
from ingest.simulate.fleet.fleet import Fleet
from ingest.simulate.fleet.text import CENTS, exact, sheet

SPP_HEADER = [
    "DeliveryDate", "DeliveryHour", "DeliveryInterval", "SettlementPointName", "SettlementPointType",
    "SettlementPointPrice", "DSTFlag",
]  # fmt: skip
MCPC_HEADER = ["DeliveryDate", "DeliveryHour", "DeliveryInterval", "RepeatedHourFlag", "ASType", "MCPC"]
AS_TYPES = {"ECRS": "ecrs", "NSPIN": "nonspin", "REGDN": "regdown", "REGUP": "regup", "RRS": "rrs"}
SPP_REPORT, MCPC_REPORT = 12301, 24898
#: Seconds from the end of an interval to its posting, and to a corrected one.
POSTED_S, CORRECTED_S = 32, 2 * 86_400


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


def spp_postings(fleet: Fleet, quarters: IntArray, corrected: bool = False) -> list[Posting]:
    """Prices of every settlement point, one document an interval.

    Args:
        quarters: indices of intervals.
        corrected: whether these are the later postings of prices that were wrong at first.
    """
    prices = fleet.prices.real_time if corrected else fleet.first_prices
    known = np.where(fleet.unknown_prices, BLANK, prices)
    cells = [exact(row, CENTS) for row in known[:, quarters]]
    postings = []
    for at, (quarter, when) in enumerate(zip(quarters, _labels(fleet, quarters), strict=True)):
        rows = [
            [*when[:3], node, "RN", cells[row][at], when[3]]
            for row, node in enumerate(fleet.prices.nodes)
            if cells[row][at]
        ]
        posted = int(fleet.calendar.quarters[quarter]) + QUARTER_S + (CORRECTED_S if corrected else POSTED_S)
        postings.append(_posting(fleet, SPP_REPORT, "SPPHLZNP6905", posted, quarter, sheet(SPP_HEADER, rows, False)))
    return postings


def mcpc_postings(fleet: Fleet, quarters: IntArray) -> list[Posting]:
    """Prices of every service, one document an interval; since RTC+B."""
    cells = {
        name: exact(fleet.prices.real_time_services[product][quarters], CENTS) for name, product in AS_TYPES.items()
    }
    postings = []
    for at, (quarter, when) in enumerate(zip(quarters, _labels(fleet, quarters), strict=True)):
        rows = [[*when, name, of_name[at]] for name, of_name in cells.items()]
        posted = int(fleet.calendar.quarters[quarter]) + QUARTER_S + POSTED_S
        postings.append(_posting(fleet, MCPC_REPORT, "RTMCPCNP6331", posted, quarter, sheet(MCPC_HEADER, rows, False)))
    return postings


def corrected_quarters(fleet: Fleet) -> IntArray:
    """Intervals whose prices were posted again."""
    return np.flatnonzero((fleet.first_prices != fleet.prices.real_time).any(axis=0))


def _labels(fleet: Fleet, quarters: IntArray) -> list[list[str]]:
    """Delivery date, hour by the wall clock, interval of the hour, and the flag of the repeated hour."""
    starts = fleet.calendar.quarters[quarters]
    flags = fleet.calendar.is_repeated(starts)
    labels = []
    for local, flag in zip(fleet.calendar.period.local(starts), flags, strict=True):
        wall = datetime.fromtimestamp(int(local), tz=UTC)
        labels.append([f"{wall:%m/%d/%Y}", str(wall.hour + 1), str(wall.minute // 15 + 1), "Y" if flag else "N"])
    return labels


def _posting(fleet: Fleet, report: int, name: str, at: int, quarter: int, content: bytes) -> Posting:
    instant = np.array([at], dtype=np.int64)
    posted = datetime.fromtimestamp(int(fleet.calendar.period.local(instant)[0]), tz=UTC)
    extra = "xhr" if fleet.calendar.is_repeated(instant)[0] else ""
    end = fleet.calendar.period.local(fleet.calendar.quarters[quarter : quarter + 1] + QUARTER_S)
    ends = datetime.fromtimestamp(int(end[0]), tz=UTC)
    stamp = f"{posted:%Y%m%d.%H%M%S}{extra}"
    return Posting(f"cdr.{report:08d}.0000000000000000.{stamp}.{name}_{ends:%Y%m%d_%H%M}.csv", content, at)
