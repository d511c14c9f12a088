"""Answers of ISO-NE's web services beside LMPs: reserves, regulation, and load, actual and forecast.

Stamps carry their offset. The day-ahead reserves of a day state its start as `gmt_begin_date` in every hour.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from ingest.simulate.markets.days import EASTERN, at, intervals, midnight
from ingest.simulate.markets.process import day_loads, day_service_prices
from ingest.simulate.markets.stated import Document, Load, ServicePrice

SYSTEM = "NEPOOL AREA"
RESERVE_ZONES = (("97000", "SIM_ROS"), ("97001", "SIM_SWCT"))
LOAD_ZONES = (("94001", ".Z.SIM_MAINE"), ("94002", ".Z.SIM_VERMONT"))
#: Product → key of its price.
RESERVES = {"TMSR": "TmsrClearingPrice", "TMNSR": "TmnsrClearingPrice", "TMOR": "TmorClearingPrice"}
PRODUCTS = {
    "daasreservedata": {
        "TMSR": "tmsr_clearing_price", "TMNSR": "tmnsr_clearing_price", "TMOR": "tmor_clearing_price",
        "FER": "fer_clearing_price",
    },
    "fiveminutercp": {
        "Regulation Service": "RegServiceClearingPrice", "Regulation Capacity": "RegCapacityClearingPrice",
    },
}  # fmt: skip
#: Web service → (source, minutes, keys of the list, path after the service's name).
SERVICES = {
    "daasreservedata": ("isone-dam-as", 60, ("isone_web_services", "day_ahead_reserves", "day_ahead_reserve")),
    "fiveminutereserveprice": ("isone-rt5-as", 5, ("FiveMinReservePrices", "FiveMinReservePrice")),
    "fiveminutercp": ("isone-rt5-as", 5, ("FiveMinRcps", "FiveMinRcp")),
    "hourlyprelimreserveprice": ("isone-rth-as", 60, ("PrelimHourlyReservePrices", "PrelimHourlyReservePrice")),
    "hourlyfinalreserveprice": ("isone-rth-as", 60, ("FinalHourlyReservePrices", "FinalHourlyReservePrice")),
    "hourlysysload": ("isone-load-actual", 60, ("HourlySystemLoads", "HourlySystemLoad")),
    "fiveminutesystemload": ("isone-load-actual", 5, ("FiveMinSystemLoads", "FiveMinSystemLoad")),
    "realtimehourlydemand": ("isone-load-actual", 60, ("HourlyRtDemands", "HourlyRtDemand")),
    "hourlyloadforecast": ("isone-load-forecast", 60, ("HourlyLoadForecasts", "HourlyLoadForecast")),
    "reliabilityregionloadforecast": (
        "isone-load-forecast", 60, ("ReliabilityRegionLoadForecasts", "ReliabilityRegionLoadForecast"),
    ),
}  # fmt: skip


def answers(seed: int, day: date) -> Iterator[Document]:
    """An answer of every service about a day."""
    for service in SERVICES:
        yield answer(seed, service, day)


def published_at(service: str, day: date) -> datetime:
    """When a day is complete: day-ahead reserves the day before, forecasts in the morning, everything else after it."""
    if service == "daasreservedata":
        return at(day - timedelta(days=1), 13, 30, EASTERN)
    if "forecast" in service:
        return at(day, 9, 20, EASTERN)
    days = 4 if "final" in service else 1
    return midnight(day + timedelta(days=days), EASTERN) + timedelta(minutes=10)


def answer(seed: int, service: str, day: date, until: datetime | None = None, location: str | None = None) -> Document:
    """What a service answers about a day.

    Args:
        until: leaves out intervals that end after it, and forecasts that were made after it.
        location: of `realtimehourlydemand`, the only zone.
    """
    source, minutes, keys = SERVICES[service]
    spans = [span for span in intervals(day, EASTERN, minutes) if until is None or "load" not in source
             or "forecast" in source or span[1] <= until]  # fmt: skip
    if until is not None and source.endswith("-as") and published_at(service, day) > until:
        spans = [] if minutes == 60 else [span for span in spans if span[1] <= until]
    services: list[ServicePrice] = []
    loads: list[Load] = []
    if source.endswith("-as"):
        rows = _services(seed, service, day, spans, services)
    else:
        rows = _loads(seed, service, day, spans, until, location, loads)
    body: Any = (rows if len(rows) > 1 else rows[0]) if rows else ""
    for key in reversed(keys):
        body = {key: body}
    if service == "daasreservedata" and rows:
        body["isone_web_services"]["day_ahead_reserves"]["market_day"] = _stamp(midnight(day, EASTERN))
    name = f"{service}_day_{day:%Y%m%d}" + (f"_location_{location}" if location else "")
    content = json.dumps(body, separators=(",", ":")).encode()
    return Document(
        source, f"{name}.json", content, published_at(service, day), services=tuple(services), loads=tuple(loads)
    )


def _services(
    seed: int, service: str, day: date, spans: list[tuple[datetime, datetime]], stated: list[ServicePrice]
) -> list[dict[str, object]]:
    market = {"daasreservedata": "DAM", "fiveminutereserveprice": "RT5", "fiveminutercp": "RT5"}.get(service, "RTH")
    vintage = "prelim" if "prelim" in service else "final" if "final" in service else "posted"
    products = PRODUCTS.get(service, RESERVES)
    zones = RESERVE_ZONES if "reserveprice" in service else (("", SYSTEM),)
    rows: list[dict[str, object]] = []
    for number, zone in zones:
        drawn = {
            name: day_service_prices(seed, f"ISONE {service} {zone}", day, len(spans) or 1, name) for name in products
        }
        for n, (start, end) in enumerate(spans):
            row: dict[str, object] = {"BeginDate": _stamp(start)}
            if service == "daasreservedata":
                row = {
                    "market_hour": {
                        "gmt_begin_date": _stamp(midnight(day, EASTERN)), "local_day": _stamp(start),
                        "local_hour_end": f"{start.astimezone(EASTERN).hour + 1:02d}",
                    },
                    "ten_min_spin_req_mw": 374.7, "total_ten_min_req_mw": 1498.8, "total_thirty_min_req_mw": 2279.3,
                    "forecasted_energy_req_mw": 16740.0, "tmsr_designation_mw": 797.6, "tmnsr_designation_mw": 1500.6,
                    "tmor_designation_mw": 2279.3, "eir_designation_mw": 0.0,
                }  # fmt: skip
            elif service == "fiveminutercp":
                row["HourEnd"] = f"{start.astimezone(EASTERN).hour + 1:02d}"
            else:
                row |= {
                    "ReserveZoneId": int(number), "ReserveZoneName": zone, "TenMinSpinRequirement": 374.7,
                    "Total10MinRequirement": 1498.8, "Total30MinRequirement": 2279.3, "TmsrDesignatedMw": 797.6,
                    "TmnsrDesignatedMw": 1500.6, "TmorDesignatedMw": 2279.3,
                }  # fmt: skip
            for product, key in products.items():
                row[key] = float(drawn[product][n])
                stated.append(ServicePrice("ISONE", market, zone, product, start, end, drawn[product][n], vintage))
            rows.append(row)
    return rows


def _loads(
    seed: int, service: str, day: date, spans: list[tuple[datetime, datetime]], until: datetime | None,
    location: str | None, stated: list[Load],
) -> list[dict[str, object]]:  # fmt: skip
    kind = "forecast" if "forecast" in service else "actual"
    by_zone = service in ("realtimehourlydemand", "reliabilityregionloadforecast")
    of_type = {"realtimehourlydemand": "LOAD ZONE", "reliabilityregionloadforecast": "RELIABILITY REGION"}
    zones = [zone for zone in LOAD_ZONES if location in (None, zone[0])] if by_zone else [("32", SYSTEM)]
    starts = tuple(start for start, _ in spans)
    rows: list[dict[str, object]] = []
    for made in _vintages(day, until) if kind == "forecast" else [published_at(service, day)]:
        for number, zone in zones:
            drawn = day_loads(seed, f"ISONE {service} {made}", day, starts, EASTERN, zone)
            for (start, end), load in zip(spans, drawn, strict=True):
                if service == "reliabilityregionloadforecast" and start < made:
                    continue  # a vintage of the same day holds what is still to come
                area_type = of_type.get(service, "SYSTEM")
                stated.append(Load("ISONE", service, kind, zone, area_type, "", start, end, load, made))
                rows.append({"BeginDate": _stamp(start), **_cells(service, number, zone, load, made)})
    return rows


def _cells(service: str, number: str, zone: str, load: Decimal, made: datetime) -> dict[str, object]:
    mw = float(load)
    place = {"Location": {"@LocId": number, "$": zone}}
    if service == "hourlysysload":
        return {**place, "Load": mw, "NativeLoad": float(load - 20), "ArdDemand": 20.0}
    if service == "fiveminutesystemload":
        return {"LoadMw": mw, "NativeLoad": float(load - 20), "ArdDemand": 20.0, "SystemLoadBtmPv": mw,
                "NativeLoadBtmPv": mw}  # fmt: skip
    if service == "realtimehourlydemand":
        return {**place, "Load": mw}
    created = {"CreationDate": _stamp(made)}
    if service == "hourlyloadforecast":
        return {**created, "LoadMw": mw, "NetLoadMw": mw}
    return {**created, "ReliabilityRegion": zone, "LoadMw": mw, "ReliabilityRegionLoadPercentage": 50.0}


def _vintages(day: date, until: datetime | None) -> list[datetime]:
    """When forecasts of a day are made: twice on each of the two days before it, and on itself."""
    made = [
        at(day - timedelta(days=ago), hour, minute, EASTERN, second)
        for ago in (2, 1, 0)
        for hour, minute, second in ((4, 0, 29), (9, 17, 25))
    ]
    return [instant for instant in made if until is None or instant <= until]


def _stamp(instant: datetime) -> str:
    local = instant.astimezone(EASTERN)
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%dT%H:%M:%S}.000{offset[:3]}:{offset[3:]}"
