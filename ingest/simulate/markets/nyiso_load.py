"""NYISO's files of load: hourly integrated load of zones with EST or EDT, and forecasts of six days without either."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from ingest.simulate.markets.days import EASTERN, at, intervals, midnight
from ingest.simulate.markets.process import day_loads
from ingest.simulate.markets.stated import Document, Load

#: Name of a file and its folder → source.
FEEDS = {"palIntegrated": "nyiso-load-actual", "isolf": "nyiso-load-forecast"}
#: As forecasts write them, whose columns they are; integrated load states its zones in rows, marked as simulated.
ZONES = ("Capitl", "Centrl", "Dunwod", "Genese", "Hud Vl", "Longil", "Mhk Vl", "Millwd", "N.Y.C.", "North", "West")
#: Days of a forecast.
AHEAD = 6


def published_at(name: str, day: date) -> datetime:
    """When the file of a day is complete: a forecast on the morning before, load a little after midnight."""
    if name == "isolf":
        return at(day - timedelta(days=1), 7, 45, EASTERN)
    return midnight(day + timedelta(days=1), EASTERN) + timedelta(minutes=15)


def daily(seed: int, name: str, day: date, now: datetime | None = None) -> Document:
    """The file of one day.

    Args:
        name: one of `FEEDS`.
        now: of integrated load, what it holds at this instant; None: the complete day.
    """
    out = published_at(name, day)
    seen = now if now is not None and now < out else out
    loads: list[Load] = []
    lines: list[str] = []
    if name == "palIntegrated":
        lines.append('"Time Stamp","Time Zone","Name","PTID","Integrated Load"')
        spans = intervals(day, EASTERN, 60)
        starts = tuple(start for start, _ in spans)
        drawn = {zone: day_loads(seed, "NYISO pal", day, starts, EASTERN, zone) for zone in ZONES[:3]}
        for n, (start, end) in enumerate(spans):
            if end > seen:
                break
            local = start.astimezone(EASTERN)
            for ptid, zone in enumerate(ZONES[:3], 961752):
                area, load = f"SIM {zone.upper()}", drawn[zone][n]
                lines.append(f'"{local:%m/%d/%Y %H:%M:%S}","{local:%Z}","{area}",{ptid},{load}')
                loads.append(Load("NYISO", name, "actual", area, "ZONE", "", start, end, load, seen))
    else:
        lines.append(",".join(f'"{column}"' for column in ("Time Stamp", *ZONES, "NYISO")))
        for ahead in range(AHEAD):
            of_day = day + timedelta(days=ahead)
            spans = intervals(of_day, EASTERN, 60)
            starts = tuple(start for start, _ in spans)
            drawn = {zone: day_loads(seed, f"NYISO {out}", of_day, starts, EASTERN, zone) for zone in ZONES}
            for n, (start, end) in enumerate(spans):
                whole = [round(drawn[zone][n]) for zone in ZONES]
                stated = (*whole, sum(whole))
                lines.append(f'"{start.astimezone(EASTERN):%m/%d/%Y %H:%M}",' + ",".join(map(str, stated)))
                for zone, mw in zip((*ZONES, "NYISO"), stated, strict=True):
                    of_type = "SYSTEM" if zone == "NYISO" else "ZONE"
                    loads.append(
                        Load("NYISO", name, "forecast", zone.upper(), of_type, "", start, end, Decimal(mw), seen)
                    )
    content = ("\n".join(lines) + "\n").encode()
    return Document(FEEDS[name], f"{day:%Y%m%d}{name}.csv", content, seen, loads=tuple(loads))


def monthly(seed: int, name: str, month: date, days: int | None = None) -> Document:
    """The archive of a month: a file for each day, each with the New York time when it was written.

    Args:
        month: any day of it.
        days: only its first days, as while the month goes on.
    """
    first = month.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    count = (following - first).days if days is None else days
    files = [daily(seed, name, first + timedelta(days=n)) for n in range(count)]
    out = files[-1].published_at
    return Document(
        FEEDS[name],
        f"{first:%Y%m%d}{name}_csv.zip",
        _archive(files),
        out,
        loads=tuple(replace(load, published_at=out) for file in files for load in file.loads),
    )


def _archive(files: list[Document]) -> bytes:
    """Each file with the New York time when it was written."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            written = file.published_at.astimezone(EASTERN).timetuple()[:6]
            archive.writestr(zipfile.ZipInfo(file.name, written), file.content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
