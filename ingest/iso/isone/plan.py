"""ISO-NE: web services with an account, public CSV documents without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from ingest.http.client import Client
from ingest.http.exchange import Ask
from ingest.http.plan import Request
from ingest.iso.answers import a_csv, a_json
from ingest.iso.isone.access import ISONE_COOKIE_PAGE, Access
from lakehouse.download.plan import Document, Known, Planned, Window

ZONE = ZoneInfo("America/New_York")
#: Final real-time prices come some business days after the day; preliminary ones are not asked for any more then.
FINAL_FROM, FINAL_WITHIN = timedelta(days=1), timedelta(days=12)
PRELIM_DAYS = 20
#: After a day, or a part of it, until which its document may still be missing, and from which it changes no more.
DUE_AFTER = timedelta(hours=24)
SETTLED_AFTER = timedelta(hours=6)
DOCUMENTS = "static-transform/csv/histRpts"

Vintage = Literal["prelim", "final"]


@dataclass(frozen=True)
class Prices:
    """Prices of one market.

    Args:
        market: 'dam', 'rth' or 'rt5'.
        ahead_days: days ahead of today that the market states.
    """

    market: Literal["dam", "rth", "rt5"]
    ahead_days: int = 0
    zone: ZoneInfo = ZONE

    @property
    def lag_days(self) -> int:
        """See `Plan`."""
        return -self.ahead_days

    async def plan(self, source: str, window: Window, known: Known, access: Access, client: Client) -> Planned:
        """See `Plan`."""
        planned = Planned()
        for day in window.days:
            if day > window.today + timedelta(days=self.ahead_days):
                break
            for path, document in self._documents(source, day, window, access.has_isone_account):
                if known.has(document.lanes[0], day) or not known.wants(document, window.now):
                    planned.skipped += 1
                else:
                    planned.requests.append(_request(path, document, known, access))
        return planned

    def _documents(self, source: str, day: date, window: Window, account: bool) -> Iterator[tuple[str, Document]]:
        """The documents of a day, with their paths."""
        over = window.midnight(day + timedelta(days=1))
        old = day < window.today - timedelta(days=PRELIM_DAYS)

        def document(name: str, lane: str, due_at: datetime, is_final: bool) -> Document:
            return Document(source, day, day + timedelta(days=1), name, due_at, is_final, (lane,))

        if self.market == "dam":
            path = f"hourlylmp/da/final/day/{day:%Y%m%d}" if account else f"da-lmp/WW_DALMP_ISO_{day:%Y%m%d}.csv"
            yield path, document(_name(path), "final", window.midnight(day), True)
            return
        vintages: tuple[Vintage, ...] = ("final",) if old else ("prelim", "final")
        if window.now < over + FINAL_FROM:
            vintages = ("prelim",)
        if self.market == "rth":
            for vintage in vintages:
                path = f"hourlylmp/rt/{vintage}/day/{day:%Y%m%d}" if account else (
                    f"rt-lmp/lmp_rt_{vintage}_{day:%Y%m%d}.csv"
                )  # fmt: skip
                due = over + (DUE_AFTER if vintage == "prelim" else FINAL_WITHIN)
                yield (
                    path,
                    document(_name(path), vintage, due, vintage == "final" or window.now >= over + SETTLED_AFTER),
                )
            return
        # Five-minute prices: without an account only preliminary ones, in six documents per day.
        hours = 1 if account else 4
        for vintage in vintages if account else ("prelim",):
            for hour in range(0, 24, hours):
                begins, ends = _hour(window, day, hour), _hour(window, day, hour + hours)
                if begins > window.now:
                    break
                if account:
                    path, lane = (
                        f"fiveminutelmp/{vintage}/day/{day:%Y%m%d}/starthour/{hour:02d}",
                        f"{vintage} {hour:02d}",
                    )
                else:
                    lane = f"{vintage} {hour:02d}-{hour + hours:02d}"
                    path = f"5min-rt-prelim/lmp_5min_{day:%Y%m%d}_{hour:02d}-{hour + hours:02d}.csv"
                due = ends + DUE_AFTER if vintage == "prelim" else over + FINAL_WITHIN
                final = vintage == "final" or window.now >= ends + SETTLED_AFTER
                yield path, document(_name(path), lane, due, final)


def _hour(window: Window, day: date, hour: int) -> datetime:
    """The instant at which a local hour begins, UTC."""
    if hour == 24:
        return window.midnight(day + timedelta(days=1))
    return datetime(day.year, day.month, day.day, hour, tzinfo=window.zone).astimezone(window.now.tzinfo)


def _name(path: str) -> str:
    """A document's own name, or one from the path of the web service."""
    return path.rpartition("/")[2] if path.endswith(".csv") else path.replace("/", "_") + ".json"


def _request(path: str, document: Document, known: Known, access: Access) -> Request:
    if document.name.endswith(".json"):
        ask = Ask(
            access.isone_api, f"{access.isone_api_url}/{path}", credentials=access.isone_credentials,
            accept="application/json",
        )  # fmt: skip
        return Request((document,), ask=ask, judge=a_json)
    ask = Ask(
        access.isone_public, f"{access.isone_public_url}/{DOCUMENTS}/{path}", etag=known.etag(document),
        first=f"{access.isone_public_url}{ISONE_COOKIE_PAGE}",
    )  # fmt: skip
    return Request((document,), ask=ask, judge=a_csv)


DAM_LMP = Prices("dam", ahead_days=1)
RT5_LMP = Prices("rt5")
RTH_LMP = Prices("rth")
