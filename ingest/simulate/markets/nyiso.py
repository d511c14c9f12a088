"""Documents of NYISO: daily LBMP files of zones and generators, ancillary services, and ZIP archives of months.

Layouts as recorded: `damlbmp` and `rtlbmp` carry the start of the hour, `realtime` and `rtasp` the end of 5 minutes;
local time without an offset, so that the autumn hour is two equal blocks in order. Congestion has the sign
price = energy + losses - congestion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ingest.simulate.clock import random_stream
from ingest.simulate.markets.days import EASTERN, at, intervals, midnight
from ingest.simulate.markets.process import Components, day_prices, day_service_prices
from ingest.simulate.markets.stated import Document, Price, ServicePrice, packed

#: Name → PTID. Numbers that no real location has.
LOCATIONS = {
    "zone": {"SIM CAPITL": 961757, "SIM N.Y.C.": 961761, "SIM PJM": 961847, "SIM WEST": 961752},
    "gen": {"SIM_BATTERY_1": 923001, "SIM_BATTERY_2": 923002, "SIM_NYISO_LBMP_REFERENCE": 924008},
}
TYPES = {"zone": "ZONE", "gen": "GENERATOR"}
HEADER = (
    "Time Stamp", "Name", "PTID", "LBMP ($/MWHr)", "Marginal Cost Losses ($/MWHr)", "Marginal Cost Congestion ($/MWHr)",
)  # fmt: skip
#: Column of an ancillary service file → the product.
SERVICES = {
    "10 Min Spinning Reserve ($/MWHr)": "10 Min Spinning Reserve",
    "10 Min Non-Synchronous Reserve ($/MWHr)": "10 Min Non-Synchronous Reserve",
    "30 Min Operating Reserve ($/MWHr)": "30 Min Operating Reserve",
    "NYCA Regulation Capacity ($/MWHr)": "NYCA Regulation Capacity",
    "NYCA Regulation Movement ($/MW)": "NYCA Regulation Movement",
}
#: RTC looks so far ahead, at quarter hours.
ADVISORY_QUARTERS = 4
RUN, QUARTER = timedelta(minutes=5), timedelta(minutes=15)


@dataclass(frozen=True)
class Feed:
    """One of NYISO's feeds.

    Args:
        folder, stem: `csv/{folder}/{day}{stem}.csv`.
        market: its name here.
        minutes: length of an interval.
        by_end: stamps are ends of intervals.
        quoted: texts stand in quotes.
    """

    folder: str
    stem: str
    market: str
    minutes: int
    by_end: bool
    quoted: bool


LBMP = {
    feed.stem: feed
    for kind in ("zone", "gen")
    for feed in (
        Feed("damlbmp", f"damlbmp_{kind}", "DAM", 60, False, quoted=False),
        Feed("rtlbmp", f"rtlbmp_{kind}", "RTH", 60, False, quoted=True),
        Feed("realtime", f"realtime_{kind}", "RT5", 5, True, quoted=True),
    )
}
ANCILLARY = {
    feed.stem: feed
    for feed in (
        Feed("damasp", "damasp", "DAM", 60, False, quoted=True),
        Feed("rtasp", "rtasp", "RT5", 5, True, quoted=True),
    )
}
FEEDS = {**LBMP, **ANCILLARY}


def source_of(stem: str) -> str:
    """Name of the source that reads a feed."""
    feed = FEEDS[stem]
    if stem in ANCILLARY:
        return f"nyiso-{feed.market.lower()}-as"
    return f"nyiso-{feed.market.lower()}-lbmp-{'zone' if stem.endswith('_zone') else 'generator'}"


def published_at(stem: str, day: date) -> datetime:
    """When a day's file is complete: day-ahead the day before at 11:00, real time a little after midnight."""
    if FEEDS[stem].market == "DAM":
        return at(day - timedelta(days=1), 11, 0, EASTERN)
    return midnight(day + timedelta(days=1), EASTERN) + timedelta(minutes=15)


def daily(seed: int, stem: str, day: date, now: datetime | None = None, *, extra_runs: bool = False) -> Document:
    """The file of one day.

    Args:
        stem: one of `FEEDS`.
        now: of a real-time file: what it holds at this instant, with RTC's advisory quarter hours ahead of it. None:
            the complete day.
        extra_runs: real-time dispatch also ran between full five minutes, some times in the day; a run's prices hold
            from the run before it on.
    """
    feed = FEEDS[stem]
    complete = published_at(stem, day)
    growing = now is not None and now < complete and feed.market != "DAM"
    spans = intervals(day, EASTERN, feed.minutes)
    if extra_runs and feed.by_end:
        spans = _with_extra_runs(seed, day, spans)
    # A run prices the five minutes that begin with it: they are in the file before they are over.
    seen_until = now + (RUN if feed.by_end else timedelta()) if growing and now is not None else spans[-1][1]
    known = [n for n, (_, end) in enumerate(spans) if end <= seen_until]
    name, seen = f"{day:%Y%m%d}{stem}.csv", now if growing and now is not None else complete
    if stem in ANCILLARY:
        content, services = _services(seed, feed, day, spans, known)
        return Document(source_of(stem), name, content, seen, services=services)
    ahead: list[int] = []
    if growing and feed.market == "RT5" and now is not None:
        quarters = [n for n, (_, end) in enumerate(spans) if end > seen_until and not end.timestamp() % 900]
        ahead = quarters[:ADVISORY_QUARTERS]
    content, prices = _lbmp(seed, stem, day, spans, known, ahead, seen)
    return Document(source_of(stem), name, content, seen, prices=prices)


def monthly(seed: int, stem: str, month: date, days: int | None = None) -> Document:
    """The archive of a month: a file for each day.

    Args:
        month: any day of it.
        days: only its first days, as while the month goes on.
    """
    first = month.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    count = (following - first).days if days is None else days
    files = [daily(seed, stem, first + timedelta(days=n)) for n in range(count)]
    at_last = files[-1].published_at
    return Document(
        source_of(stem),
        f"{first:%Y%m%d}{stem}_csv.zip",
        packed([(file.name, file.content) for file in files], at_last),
        at_last,
        prices=tuple(price for file in files for price in file.prices),
        services=tuple(service for file in files for service in file.services),
    )


def _stamp(instant: datetime, seconds: bool) -> str:
    return instant.astimezone(EASTERN).strftime("%m/%d/%Y %H:%M:%S" if seconds else "%m/%d/%Y %H:%M")


def _csv(rows: Sequence[Sequence[object]], quoted: bool) -> bytes:
    def cell(value: object) -> str:
        return f'"{value}"' if quoted and isinstance(value, str) else str(value)

    return "".join(",".join(map(cell, row)) + "\n" for row in rows).encode()


Spans = Sequence[tuple[datetime, datetime]]


def _with_extra_runs(seed: int, day: date, spans: Spans) -> list[tuple[datetime, datetime]]:
    """Intervals of runs, one in fifty of them cut in two by a run at some second within."""
    rng = random_stream(seed, f"NYISO extra runs {day}")
    found: list[tuple[datetime, datetime]] = []
    for start, end in spans:
        between = start + timedelta(seconds=int(rng.integers(20, 280)))
        found += [(start, between), (between, end)] if rng.random() < 0.02 else [(start, end)]
    return found


def _lbmp(
    seed: int, stem: str, day: date, spans: Spans, known: list[int], ahead: list[int], seen: datetime
) -> tuple[bytes, tuple[Price, ...]]:
    feed, kind = LBMP[stem], stem.rpartition("_")[2]
    rows: list[Sequence[object]] = [HEADER]
    prices = []
    starts = tuple(start for start, _ in spans)

    def drawn(market: str) -> dict[str, Components]:
        return {name: day_prices(seed, market, day, starts, EASTERN, name) for name in LOCATIONS[kind]}

    parts = drawn(f"NYISO {feed.market}")
    forecast = drawn(f"NYISO RTC of {seen}") if ahead else parts
    for n in (*known, *ahead):
        start, end = spans[n]
        begins = end - QUARTER if n in ahead else start
        for location, ptid in LOCATIONS[kind].items():
            lmp, energy, congestion, loss = (forecast if n in ahead else parts)[location].at(n)
            published = -congestion if congestion else congestion
            rows.append((_stamp(end if feed.by_end else start, feed.by_end), location, ptid, lmp, loss, published))
            prices.append(
                Price(
                    "NYISO", feed.market, location, TYPES[kind], str(ptid), "LBMP", begins, end, lmp, energy,
                    congestion, loss, None, published, "advisory" if n in ahead else "posted",
                )
            )  # fmt: skip
    return _csv(rows, feed.quoted), tuple(prices)


def _services(
    seed: int, feed: Feed, day: date, spans: Spans, known: list[int]
) -> tuple[bytes, tuple[ServicePrice, ...]]:
    columns = [column for column in SERVICES if feed.market != "DAM" or "Movement" not in column]
    rows: list[Sequence[object]] = [("Time Stamp", "Time Zone", "Name", "PTID", *columns)]
    services = []
    drawn = {
        (location, column): day_service_prices(seed, f"NYISO {feed.market} {location}", day, len(spans), column)
        for location in LOCATIONS["zone"]
        for column in columns
    }
    for n in known:
        start, end = spans[n]
        stamped = end if feed.by_end else start
        zone = stamped.astimezone(EASTERN).strftime("%Z")
        for location, ptid in LOCATIONS["zone"].items():
            values = [drawn[location, column][n] for column in columns]
            rows.append((_stamp(stamped, feed.by_end), zone, location, ptid, *values))
            services += [
                ServicePrice("NYISO", feed.market, location, SERVICES[column], start, end, value)
                for column, value in zip(columns, values, strict=True)
            ]
    return _csv(rows, feed.quoted), tuple(services)
