"""Rows of ERCOT's CSV documents and of its Public API's pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.simulate.markets.days import CENTRAL, is_repeated
from ingest.simulate.markets.stated import Price, ServicePrice

HEADERS = {
    "np4-190-cd": "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag",
    "np6-905-cd": "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,"
    "SettlementPointPrice,DSTFlag",
    "np6-788-cd": "SCEDTimestamp,RepeatedHourFlag,SettlementPoint,LMP",
    "np4-188-cd": "DeliveryDate,HourEnding,AncillaryType,MCPC,DSTFlag",
    "np6-331-cd": "DeliveryDate,DeliveryHour,DeliveryInterval,RepeatedHourFlag,ASType,MCPC",
}
API_FIELDS = {
    "np4-190-cd": "deliveryDate,hourEnding,settlementPoint,settlementPointPrice,DSTFlag",
    "np6-905-cd": "deliveryDate,deliveryHour,deliveryInterval,settlementPoint,settlementPointType,"
    "settlementPointPrice,DSTFlag",
    "np6-788-cd": "SCEDTimestamp,repeatHourFlag,settlementPoint,LMP",
    "np4-188-cd": "deliveryDate,hourEnding,ancillaryType,MCPC,DSTFlag",
    "np6-331-cd": "deliveryDate,deliveryHour,deliveryInt,repeatHourFlag,ASType,MCPC",
}


@dataclass(frozen=True)
class Labels:
    """How ERCOT writes an interval: day, hour ending, quarter of it, and the flag of the repeated hour."""

    date: str
    hour: int
    quarter: int
    repeated: str


def labels(start: datetime) -> Labels:
    """How ERCOT writes the interval that starts at this instant."""
    local = start.astimezone(CENTRAL)
    flag = "Y" if is_repeated(start, CENTRAL) else "N"
    return Labels(f"{local:%m/%d/%Y}", local.hour + 1, local.minute // 15 + 1, flag)


def csv_table(
    emil: str, prices: Sequence[Price], services: Sequence[ServicePrice]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV; the day-ahead price has a blank before it, that of a SCED run is padded to 12."""
    rows: list[list[str]] = []
    for price in prices:
        label = labels(price.start)
        if emil == "np4-190-cd":
            rows.append([label.date, f"{label.hour:02d}:00", price.location, f" {price.lmp}", label.repeated])
        elif emil == "np6-905-cd":
            rows.append(
                [
                    label.date, str(label.hour), str(label.quarter), price.location, price.location_type,
                    str(price.lmp), label.repeated,
                ]
            )  # fmt: skip
        else:
            stamp = f"{price.start.astimezone(CENTRAL):%m/%d/%Y %H:%M:%S}"
            rows.append([stamp, label.repeated, price.location, f"{price.lmp!s:>12}"])
    for service in services:
        label = labels(service.start)
        if emil == "np4-188-cd":
            rows.append([label.date, f"{label.hour:02d}:00", service.product, str(service.mcpc), label.repeated])
        else:
            rows.append(
                [label.date, str(label.hour), str(label.quarter), label.repeated, service.product, str(service.mcpc)]
            )
    return HEADERS[emil].split(","), rows


def api_table(emil: str, items: Sequence[Price | ServicePrice]) -> tuple[list[str], list[list[object]]]:
    """Names of fields and arrays of values."""
    names = API_FIELDS[emil].split(",")
    rows: list[list[object]] = []
    for item in items:
        label = labels(item.start)
        local = item.start.astimezone(CENTRAL)
        value = float(item.lmp if isinstance(item, Price) else item.mcpc)
        cells: dict[str, object] = {
            "deliveryDate": f"{local:%Y-%m-%d}",
            "hourEnding": f"{label.hour:02d}:00",
            "deliveryHour": label.hour,
            "deliveryInterval": label.quarter,
            "deliveryInt": label.quarter,
            "SCEDTimestamp": f"{local:%Y-%m-%dT%H:%M:%S}",
            "settlementPoint": item.location,
            "settlementPointType": item.location_type if isinstance(item, Price) else "",
            "settlementPointPrice": value,
            "LMP": value,
            "MCPC": value,
            "ancillaryType": item.product if isinstance(item, ServicePrice) else "",
            "ASType": item.product if isinstance(item, ServicePrice) else "",
            "DSTFlag": label.repeated == "Y",
            "repeatHourFlag": label.repeated == "Y",
        }
        rows.append([cells[name] for name in names])
    return names, rows
