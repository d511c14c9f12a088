"""Documents of ISO-NE: public CSV with record types (C, H, D, T), and JSON of its web services.

Hours of the CSV are named by the clock at their end, `02X` for the repeated one in autumn, none `02` in spring;
5 minutes by the clock at their start, repeated hours in order. JSON carries offsets. A list of one is an object.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ingest.simulate.markets.days import EASTERN, at, intervals, midnight
from ingest.simulate.markets.process import day_prices
from ingest.simulate.markets.stated import Document, Price

#: Number, name, type. Numbers that no real location has.
LOCATIONS = (
    ("94000", ".H.SIM_HUB", "HUB"),
    ("94001", ".Z.SIM_MAINE", "LOAD ZONE"),
    ("94101", "UN.SIM_BATTERY13.8", "NETWORK NODE"),
)
#: Files of 5 minutes: local hours from, to.
PARTS = ((0, 4), (4, 8), (8, 12), (12, 16), (16, 20), (20, 24))
NO_DATA = b"No data exists for this period."


@dataclass(frozen=True)
class Report:
    """One of the public CSV reports.

    Args:
        market: its name here.
        minutes: length of an interval.
        title: of its first comment line.
        columns: name → type, as the two header lines give them.
        folder, stem: `static-transform/csv/histRpts/{folder}/{stem}{day}.csv`.
        vintage: prelim or final.
    """

    market: str
    minutes: int
    title: str
    columns: tuple[tuple[str, str], ...]
    folder: str
    stem: str
    vintage: str


_PLACE = (("Location ID", "String"), ("Location Name", "String"), ("Location Type", "String"))
_HOUR = (("Date", "Date"), ("Hour Ending", "HE"))
_PRICES = (
    ("Locational Marginal Price", "Number"), ("Energy Component", "Number"), ("Congestion Component", "Number"),
    ("Marginal Loss Component", "Number"),
)  # fmt: skip
_FIVE_MINUTES = (
    ("Local Time", "Time"), ("Location ID", "String"), ("LMP", "Number"), ("Energy Component", "Number"),
    ("Congestion Component", "Number"), ("Loss Component", "Number"),
)  # fmt: skip
REPORTS = {
    "dam": Report(
        "DAM", 60, "Day-Ahead Energy Market Hourly LMP Report", (*_HOUR, *_PLACE, *_PRICES), "da-lmp", "WW_DALMP_ISO_",
        "posted",
    ),
    "rth-prelim": Report(
        "RTH", 60, "Preliminary Real-Time Energy Market Hourly LMP Report",
        (*_HOUR, ("Location", "String"), *_PRICES), "rt-lmp", "lmp_rt_prelim_", "prelim",
    ),
    "rth-final": Report(
        "RTH", 60, "Real-Time Energy Market Hourly LMP Report", (*_HOUR, *_PLACE, *_PRICES), "rt-lmp", "lmp_rt_final_",
        "final",
    ),
    "rt5-prelim": Report(
        "RT5", 5, "Five-Minute Locational Marginal Prices",
        _FIVE_MINUTES,
        "5min-rt-prelim", "lmp_5min_", "prelim",
    ),
    "rt5-final": Report(
        "RT5", 5, "Five-Minute Locational Marginal Prices", _FIVE_MINUTES, "5min-rt-final", "lmp_5min_", "final",
    ),
}  # fmt: skip
#: There is no public CSV of final 5-minute prices; the web services have them.
WEB_ONLY = ("rt5-final",)


def source_of(report: str) -> str:
    """Name of the source that reads a report."""
    return f"isone-{REPORTS[report].market.lower()}-lmp"


def published_at(report: str, day: date, part: int | None = None) -> datetime:
    """When a report is out: day-ahead at 13:00 the day before, preliminary prices at once, final ones four days on."""
    asked = REPORTS[report]
    if asked.market == "DAM":
        return at(day - timedelta(days=1), 13, 7, EASTERN, 54)
    if asked.vintage == "final":
        return at(day + timedelta(days=4), 10, 0, EASTERN)
    if part is not None and PARTS[part][1] < 24:
        return at(day, PARTS[part][1], 5, EASTERN)
    return midnight(day + timedelta(days=1), EASTERN) + timedelta(minutes=5)


def public_csv(seed: int, report: str, day: date, part: int | None = None) -> Document:
    """A report of a day; of `rt5-prelim` the part that holds four hours.

    Args:
        part: index into `PARTS`.
    """
    asked, out = REPORTS[report], published_at(report, day, part)
    prices = _prices(seed, asked, day)
    suffix = ""
    if part is not None:
        first, last = PARTS[part]
        prices = [price for price in prices if first <= price.start.astimezone(EASTERN).hour < last]
        suffix = f"_{first:02d}-{last:02d}"
    name = f"{asked.stem}{day:%Y%m%d}{suffix}.csv"
    comments = (
        asked.title + " (SIMULATED)",
        f"Filename: {name}",
        f"Report for: {day:%m/%d/%Y} - {day:%m/%d/%Y}",
        f"Report generated: {out.astimezone(EASTERN):%m/%d/%Y %H:%M:%S %Z}",
    )
    lines = [f'"C","{comment}"' for comment in comments]
    lines += ['"H",' + ",".join(f'"{column[n]}"' for column in asked.columns) for n in (0, 1)]
    lines += ['"D",' + ",".join(_cells(asked, day, price)) for price in prices]
    lines.append(f'"T","{len(prices)} lines"')
    stated = tuple(_as_stated(asked, price) for price in prices)
    return Document(source_of(report), name, ("\n".join(lines) + "\n").encode(), out, prices=stated)


def web_service(
    seed: int,
    report: str,
    day: date,
    hour: int | None = None,
    location: str | None = None,
    until: datetime | None = None,
) -> Document:
    """The JSON of a web service for one day, one hour of it, one location.

    Args:
        report: a name in `REPORTS`.
        hour: local hour of `starthour`.
        location: number of the only location.
        until: leaves out what lies after this instant.
    """
    asked = REPORTS[report]
    prices = [
        price for price in _prices(seed, asked, day)
        if (hour is None or price.start.astimezone(EASTERN).hour == hour)
        and (location is None or price.location_id == location)
        and (until is None or price.end <= until)
    ]  # fmt: skip
    outer, inner = ("FiveMinLmps", "FiveMinLmp") if asked.market == "RT5" else ("HourlyLmps", "HourlyLmp")
    rows = [_json_row(price) for price in prices]
    # As everywhere in the web services: nothing is an empty text, and a list of one is not a list.
    body: object = {inner: rows if len(rows) > 1 else rows[0]} if rows else ""
    kind = {"DAM": "da_final", "RTH": f"rt_{asked.vintage}", "RT5": asked.vintage}[asked.market]
    stem = "fiveminutelmp" if asked.market == "RT5" else "hourlylmp"
    name = "_".join(
        [stem, kind, "day", f"{day:%Y%m%d}", *([f"starthour_{hour:02d}"] if hour is not None else [])]
        + ([f"location_{location}"] if location else [])
    )  # fmt: skip
    content = json.dumps({outer: body}, separators=(",", ":")).encode()
    out = published_at(report, day)
    return Document(source_of(report), f"{name}.json", content, out, prices=tuple(prices))


def hour_ending(start: datetime, end: datetime, zone: ZoneInfo = EASTERN) -> str:
    """The name of an hour: the clock at its end, 24 for midnight, `02X` for the second of two equal ones."""
    begins, ends = start.astimezone(zone), end.astimezone(zone)
    following = begins.hour + 1
    if ends.hour > following:  # clocks went forward
        following = ends.hour
    return f"{following:02d}{'X' if begins.fold else ''}"


def _prices(seed: int, report: Report, day: date) -> list[Price]:
    spans = intervals(day, EASTERN, report.minutes)
    starts = tuple(start for start, _ in spans)
    # Final prices differ a little from preliminary ones: they are drawn under another name.
    market = f"ISONE {report.market}" + (" final" if report.vintage == "final" else "")
    parts = {number: day_prices(seed, market, day, starts, EASTERN, number) for number, _, _ in LOCATIONS}
    prices = []
    for n, (start, end) in enumerate(spans):
        for number, name, kind in LOCATIONS:
            lmp, energy, congestion, loss = parts[number].at(n)
            prices.append(
                Price(
                    "ISONE", report.market, name, kind, number, "LMP", start, end, lmp, energy, congestion, loss,
                    vintage=report.vintage,
                )
            )  # fmt: skip
    return prices


def _cells(report: Report, day: date, price: Price) -> Sequence[str]:
    values = {
        "Date": f'"{day:%m/%d/%Y}"',
        "Hour Ending": f'"{hour_ending(price.start, price.end)}"',
        "Local Time": f'"{price.start.astimezone(EASTERN):%H:%M:%S}"',
        "Location ID": f'"{price.location_id}"',
        "Location Name": f'"{price.location}"',
        "Location": f'"{price.location}"',
        "Location Type": f'"{price.location_type}"',
        "Locational Marginal Price": str(price.lmp),
        "LMP": str(price.lmp),
        "Energy Component": str(price.energy),
        "Congestion Component": str(price.congestion),
        "Marginal Loss Component": str(price.loss),
        "Loss Component": str(price.loss),
    }
    return [values[name] for name, _ in report.columns]


def _as_stated(report: Report, price: Price) -> Price:
    """A price with no more than the report says of its location."""
    columns = {name for name, _ in report.columns}
    if "Location" in columns:
        return replace(price, location_id=None)  # the type shows in the name
    if "Location Name" not in columns:
        return replace(price, location=price.location_id or "", location_type="")
    return price


def _json_row(price: Price) -> dict[str, object]:
    local = price.start.astimezone(EASTERN)
    offset = local.strftime("%z")
    return {
        "BeginDate": f"{local:%Y-%m-%dT%H:%M:%S}.000{offset[:3]}:{offset[3:]}",
        "Location": {"@LocId": price.location_id, "@LocType": price.location_type, "$": price.location},
        "LmpTotal": float(price.lmp),
        "EnergyComponent": float(price.energy or 0),
        "CongestionComponent": float(price.congestion or 0),
        "LossComponent": float(price.loss or 0),
    }
