"""ERCOT's reports of load: actual by weather and by forecast zone, and forecasts of two models by weather zone.

Forecasts write South Central before Southern, and zones in other words than the actual reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from ingest.simulate.markets.days import CENTRAL, at, intervals, is_repeated
from ingest.simulate.markets.process import day_loads
from ingest.simulate.markets.stated import Load

#: Zone → its column in the files, and in the pages of the Public API.
ACTUAL = {
    "COAST": ("COAST", "coast"), "EAST": ("EAST", "east"), "FAR_WEST": ("FAR_WEST", "farWest"),
    "NORTH": ("NORTH", "north"), "NORTH_C": ("NORTH_C", "northC"), "SOUTHERN": ("SOUTHERN", "southern"),
    "SOUTH_C": ("SOUTH_C", "southC"), "WEST": ("WEST", "west"),
}  # fmt: skip
ZONAL = {
    "NORTH": ("NORTH", "north"), "SOUTH": ("SOUTH", "south"), "WEST": ("WEST", "west"),
    "HOUSTON": ("HOUSTON", "houston"),
}  # fmt: skip
FORECAST = {
    "COAST": ("Coast", "coast"), "EAST": ("East", "east"), "FAR_WEST": ("FarWest", "farWest"),
    "NORTH": ("North", "north"), "NORTH_C": ("NorthCentral", "northCentral"),
    "SOUTH_C": ("SouthCentral", "southCentral"), "SOUTHERN": ("Southern", "southern"), "WEST": ("West", "west"),
}  # fmt: skip
ZONES = {"np6-345-cd": ACTUAL, "np6-346-cd": ZONAL, "np3-565-cd": FORECAST}
#: Model → whether it is in use.
MODELS = {"E1": True, "X": False}


def slots(emil: str, day: date) -> list[tuple[datetime, datetime, datetime]]:
    """When reports of a day are posted, and the span that each is of: a day's load at 05:50 of the next, forecasts of
    the day at the end of each of its hours."""
    spans = intervals(day, CENTRAL, 60)
    whole = (spans[0][0], spans[-1][1])
    if emil == "np3-565-cd":
        return [(start + timedelta(minutes=50, seconds=7), *whole) for start, _ in spans]
    return [(at(day + timedelta(days=1), 5, 50, CENTRAL, 11), *whole)]


def loads(seed: int, emil: str, day: date, posted: datetime) -> list[Load]:
    """What a report states, an hour after the other."""
    spans = intervals(day, CENTRAL, 60)
    starts = tuple(start for start, _ in spans)
    forecast = emil == "np3-565-cd"
    zone_type = "FORECAST ZONE" if emil == "np6-346-cd" else "WEATHER ZONE"
    found = []
    for model in MODELS if forecast else ("",):
        name = f"ERCOT {emil} {model} {posted if forecast else ''}"
        drawn = {zone: day_loads(seed, name, day, starts, CENTRAL, zone) for zone in ZONES[emil]}
        for n, (start, end) in enumerate(spans):
            values = {zone: drawn[zone][n] for zone in drawn}
            for zone, mw in {**values, "ERCOT": sum(values.values(), Decimal(0))}.items():
                of_type = "SYSTEM" if zone == "ERCOT" else zone_type
                kind = "forecast" if forecast else "actual"
                found.append(Load("ERCOT", emil.upper(), kind, zone, of_type, model, start, end, mw, posted))
    return found


def csv_table(emil: str, stated: Sequence[Load]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV."""
    forecast = emil == "np3-565-cd"
    header = ["DeliveryDate" if forecast else "OperDay", "HourEnding", *(names[0] for names in ZONES[emil].values())]
    header += ["SystemTotal", "Model", "InUseFlag", "DSTFlag"] if forecast else ["TOTAL", "DSTFlag"]
    rows = []
    for load, values in _by_row(emil, stated):
        local = load.start.astimezone(CENTRAL)
        hour = f"{local.hour + 1}:00" if forecast else f"{local.hour + 1:02d}:00"
        more = [load.model, "Y" if MODELS[load.model] else "N"] if forecast else []
        flag = "Y" if is_repeated(load.start, CENTRAL) else "N"
        rows.append([f"{local:%m/%d/%Y}", hour, *map(str, values), *more, flag])
    return header, rows


def api_table(emil: str, stated: Sequence[Load]) -> tuple[list[str], list[list[object]]]:
    """Names of fields and arrays of values of the Public API."""
    forecast = emil == "np3-565-cd"
    names = (["postedDatetime", "deliveryDate"] if forecast else ["operatingDay"]) + ["hourEnding"]
    names += [names_of[1] for names_of in ZONES[emil].values()]
    names += ["systemTotal", "model", "inUseFlag", "DSTFlag"] if forecast else ["total", "DSTFlag"]
    rows = []
    for load, values in _by_row(emil, stated):
        local = load.start.astimezone(CENTRAL)
        row: list[object] = [f"{load.published_at.astimezone(CENTRAL):%Y-%m-%dT%H:%M:%S}"] if forecast else []
        row += [f"{local:%Y-%m-%d}", f"{local.hour + 1:02d}:00", *map(float, values)]
        row += [load.model, MODELS[load.model]] if forecast else []
        rows.append([*row, is_repeated(load.start, CENTRAL)])
    return names, rows


def _by_row(emil: str, stated: Sequence[Load]) -> list[tuple[Load, list[Decimal]]]:
    width = len(ZONES[emil]) + 1
    return [(stated[n], [load.load for load in stated[n : n + width]]) for n in range(0, len(stated), width)]
