"""Postings of ERCOT: ZIP archives of one CSV each, named as on its market information system, and Public API pages.

Hours are named 1 to 24 by their end, and the second 01:xx hour of autumn has a flag; in spring hour 3 is missing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from ingest.simulate.clock import random_stream
from ingest.simulate.markets import ercot_load
from ingest.simulate.markets.days import CENTRAL, at, intervals
from ingest.simulate.markets.ercot_tables import api_table, csv_table, labels
from ingest.simulate.markets.process import day_prices, day_service_prices
from ingest.simulate.markets.stated import MARK, Document, Load, Price, ServicePrice, packed

#: Name, type. A load zone is there twice in real time: LZ, and LZEW weighted by energy.
POINTS = (
    ("SIM_HB_NORTH", "HU"), ("SIM_LZ_WEST", "LZ"), ("SIM_LZ_WEST", "LZEW"), ("SIM_BESS1_RN", "RN"),
    ("SIM_BESS2_RN", "RN"),
)  # fmt: skip
SERVICES = ("ECRS", "NSPIN", "REGDN", "REGUP", "RRS")
#: The price of a service is one for the whole system.
SYSTEM = "ERCOT"


@dataclass(frozen=True)
class Product:
    """One of ERCOT's reports.

    Args:
        emil: its id at the Public API.
        operation: the query behind it there.
        report: report type id of the market information system.
        days: that it stays there.
        name: in names of documents.
        source: that reads it.
        minutes: length of an interval; 0 where each SCED run has its own.
    """

    emil: str
    operation: str
    report: int
    days: int
    name: str
    source: str
    minutes: int


PRODUCTS = {
    product.emil: product
    for product in (
        Product("np4-190-cd", "dam_stlmnt_pnt_prices", 12331, 31, "DAMSPNP4190", "ercot-dam-spp", 60),
        Product("np6-905-cd", "spp_node_zone_hub", 12301, 7, "SPPHLZNP6905", "ercot-rt15-spp", 15),
        Product("np6-788-cd", "lmp_node_zone_hub", 12300, 5, "LMPSROSNODENP6788", "ercot-sced-lmp", 0),
        Product("np4-188-cd", "dam_clear_price_for_cap", 12329, 31, "DAMCPCNP4188", "ercot-dam-mcpc", 60),
        Product("np6-331-cd", "rt_clear_price_cap", 24898, 7, "RTCPCNP6331", "ercot-rt15-mcpc", 15),
        Product("np6-345-cd", "act_sys_load_by_wzn", 13101, 31, "ACTUALSYSLOADWZNP6345", "ercot-load-actual", 60),
        Product("np6-346-cd", "act_sys_load_by_fzn", 14836, 31, "ACTUALSYSLOADFZNP6346", "ercot-load-actual", 60),
        Product("np3-565-cd", "lf_by_model_weather_zone", 14837, 7, "LFMODWEATHERNP3565", "ercot-load-forecast", 60),
    )
}
CORRECTIONS = {
    "DAM": ("ercot-dam-spp-corrections", 13044, "DAM_SPP_PriceCorrectionsNP4196"),
    "RT15": ("ercot-rt15-spp-corrections", 13045, "RTM_SPP_PriceCorrectionsNP4197"),
}


@dataclass(frozen=True)
class Slot:
    """One posting that is made of a day: when, and of which interval (all of them in the day-ahead market).

    Args:
        label: of a real-time document's name: the end of the interval, or the second of the run.
    """

    published_at: datetime
    start: datetime
    end: datetime
    label: str


def slots(seed: int, emil: str, day: date) -> list[Slot]:
    """The postings of an operating day: one of the day-ahead market, 92 to 100 of 15 minutes, one of every SCED run."""
    product = PRODUCTS[emil]
    if emil in ercot_load.ZONES:
        return [Slot(posted, start, end, "") for posted, start, end in ercot_load.slots(emil, day)]
    if product.minutes == 60:
        spans = intervals(day, CENTRAL, 60)
        return [Slot(at(day - timedelta(days=1), 12, 45, CENTRAL, 3), spans[0][0], spans[-1][1], "")]
    if product.minutes == 15:
        return [
            Slot(end + timedelta(seconds=137), start, end, f"_{end.astimezone(CENTRAL):%Y%m%d_%H%M}")
            for start, end in intervals(day, CENTRAL, 15)
        ]
    return [
        Slot(run + timedelta(seconds=23), run, run + timedelta(minutes=5), f"_{run.astimezone(CENTRAL):%Y%m%d_%H%M%S}")
        for run in sced_runs(seed, day)
    ]


@lru_cache(maxsize=16)
def sced_runs(seed: int, day: date) -> tuple[datetime, ...]:
    """Instants of SCED runs: every 5 minutes and some seconds, now and then one more, now and then one missing."""
    rng = random_stream(seed, f"SCED {day}")
    runs = []
    for start, _ in intervals(day, CENTRAL, 5):
        if rng.random() >= 0.003:
            runs.append(start + timedelta(seconds=int(rng.integers(10, 26))))
        if rng.random() < 0.02:
            runs.append(start + timedelta(seconds=int(rng.integers(120, 200))))
    return tuple(runs)


def posting(seed: int, emil: str, day: date, slot: Slot | None = None) -> Document:
    """One posting: a ZIP archive of one CSV.

    Args:
        slot: of `slots`; None for the only one of a day-ahead report.
    """
    product = PRODUCTS[emil]
    chosen = slot or slots(seed, emil, day)[0]
    prices, services = _stated(seed, product, day, chosen)
    loads: list[Load] = []
    if emil in ercot_load.ZONES:
        loads = ercot_load.loads(seed, emil, day, chosen.published_at)
        header, rows = ercot_load.csv_table(emil, loads)
    else:
        header, rows = csv_table(product.emil, prices, services)
    name = posting_name(product.report, product.name, chosen)
    csv = "\n".join([",".join(header), *(",".join(row) for row in rows)]) + "\n"
    content = packed({f"{name}.csv": csv.encode()}, chosen.published_at)
    return Document(product.source, f"{name}_csv.zip", content, chosen.published_at, tuple(prices), tuple(services),
                    tuple(loads))  # fmt: skip


def posting_name(report: int, name: str, slot: Slot) -> str:
    """Name of a document without its ending: report, local time of posting, what it is; `xhr` in the repeated hour."""
    posted = slot.published_at.astimezone(CENTRAL)
    repeated = "_xhr" if posted.fold else ""
    return f"cdr.{report:08d}.0000000000000000.{posted:%Y%m%d.%H%M%S}.{MARK}_{name}{slot.label}{repeated}"


def api_page(seed: int, emil: str, day: date, page: int = 1, size: int = 1000) -> Document:
    """One page of the Public API's query over one operating day: rows are arrays, dates ISO, flags booleans."""
    product = PRODUCTS[emil]
    rows: list[list[object]] = []
    stated: list[Price] = []
    services: list[ServicePrice] = []
    for slot in slots(seed, emil, day):
        slot_prices, slot_services = _stated(seed, product, day, slot)
        stated += slot_prices
        services += slot_services
    loads: list[Load] = []
    # One posting in twelve: a page states times by clocks that show one hour of an autumn night twice.
    for slot in slots(seed, emil, day)[::12] if emil in ercot_load.ZONES else ():
        loads += ercot_load.loads(seed, emil, day, slot.published_at)
    cut = slice((page - 1) * size, page * size)
    items: list[Price | ServicePrice] = [*stated, *services]
    names, rows = ercot_load.api_table(emil, loads) if loads else api_table(emil, items)
    width = len(loads) // len(rows) if loads else 1  # a row of load states all zones
    total = -(-len(rows) // size)
    body = {
        "_meta": {"totalRecords": len(rows), "pageSize": size, "totalPages": total, "currentPage": page},
        "report": {"reportTypeId": product.report, "reportName": f"SIMULATED {product.name}", "reportEmilId": emil},
        "fields": [{"name": name, "label": name} for name in names],
        "data": rows[cut],
        "_links": {},
    }
    published = slots(seed, emil, day)[-1].published_at
    return Document(
        product.source,
        f"{emil}_{product.operation}_{day:%Y%m%d}_{page}.json",
        json.dumps(body).encode(),
        published,
        tuple(stated[cut]),
        tuple(services[cut]),
        tuple(loads[(page - 1) * size * width : page * size * width]),
    )


def correction(seed: int, market: str, day: date, hours: Sequence[int], published_at: datetime) -> Document:
    """A posting of corrected prices: those of some intervals of a day, each a quarter dollar higher than it was.

    Args:
        market: DAM or RT15.
        hours: which of the day's hours, counted from 0 in order.
    """
    source, report, name = CORRECTIONS[market]
    emil = "np4-190-cd" if market == "DAM" else "np6-905-cd"
    wanted = [intervals(day, CENTRAL, 60)[hour] for hour in hours]
    posted = published_at.astimezone(CENTRAL)
    prices, rows = [], []
    for slot in slots(seed, emil, day):
        for price in _stated(seed, PRODUCTS[emil], day, slot)[0]:
            if any(start <= price.start < end for start, end in wanted):
                corrected = price.lmp + Decimal("0.25")
                label = labels(price.start)
                where = [price.location] if market == "DAM" else [price.location, price.location_type]
                when = [label.date, str(label.hour)] + ([] if market == "DAM" else [str(label.quarter)])
                rows.append(
                    [*when, *where, str(price.lmp), str(corrected), f"{posted:%m/%d/%Y %H:%M:%S}", label.repeated]
                )
                prices.append(_corrected(price, corrected))
    header = ["DeliveryDate", "DeliveryHour"] + (
        ["SettlementPoint"] if market == "DAM" else ["DeliveryInterval", "SettlementPointName", "SettlementPointType"]
    )
    header += ["SPPOriginal", "SPPCorrected", "PriceCorrectionTime", "DSTFlag"]
    full = posting_name(report, name, Slot(published_at, published_at, published_at, ""))
    csv = "\n".join([",".join(header), *(",".join(row) for row in rows)]) + "\n"
    return Document(
        source, f"{full}_csv.zip", packed({f"{full}.csv": csv.encode()}, published_at), published_at, tuple(prices)
    )


def _corrected(price: Price, corrected: Decimal) -> Price:
    return Price(
        price.iso, price.market, price.location, price.location_type, None, price.price_type, price.start, price.end,
        corrected, vintage="correction",
    )  # fmt: skip


def _stated(seed: int, product: Product, day: date, slot: Slot) -> tuple[list[Price], list[ServicePrice]]:
    if product.emil in ercot_load.ZONES:
        return [], []
    if product.emil in ("np4-188-cd", "np6-331-cd"):
        return [], _service_prices(seed, product, day, slot)
    market, kind = {60: ("DAM", "SPP"), 15: ("RT15", "SPP"), 0: ("SCED", "LMP")}[product.minutes]
    spans = intervals(day, CENTRAL, product.minutes or 5)
    runs = sced_runs(seed, day) if market == "SCED" else tuple(start for start, _ in spans)
    prices = []
    for n, start in enumerate(runs):
        if not slot.start <= start < slot.end or (market == "SCED" and start != slot.start):
            continue
        end = start + timedelta(minutes=product.minutes or 5)
        for name, of_type in POINTS:
            if market != "RT15" and of_type == "LZEW":
                continue
            parts = day_prices(seed, f"ERCOT {market}", day, runs, CENTRAL, f"{name} {of_type}")
            stated_type = of_type if market == "RT15" else ""
            prices.append(Price("ERCOT", market, name, stated_type, None, kind, start, end, parts.at(n)[0]))
    return prices, []


def _service_prices(seed: int, product: Product, day: date, slot: Slot) -> list[ServicePrice]:
    spans = intervals(day, CENTRAL, product.minutes)
    market = "DAM" if product.minutes == 60 else "RT15"
    drawn = {name: day_service_prices(seed, f"ERCOT {market}", day, len(spans), name) for name in SERVICES}
    return [
        ServicePrice("ERCOT", market, SYSTEM, name, start, end, drawn[name][n])
        for n, (start, end) in enumerate(spans)
        if slot.start <= start < slot.end
        # as ERCOT does, the order of services changes from hour to hour
        for name in (SERVICES[n % 5 :] + SERVICES[: n % 5])
    ]
