"""ISO-NE: web services of reserves, regulation and load, one request per day; all of them need an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from ingest.http.client import Client
from ingest.http.exchange import Ask
from ingest.http.plan import Request
from ingest.iso.answers import a_json
from ingest.iso.isone.access import ISONE_ACCOUNT, Access
from lakehouse.download.plan import Document, Known, Planned, Unobtainable, Window

ZONE = ZoneInfo("America/New_York")
#: Load zones of ISO-NE (web services v1.1, /locations).
LOAD_ZONES = tuple(str(number) for number in range(4001, 4009))
#: Day-ahead reserves begin on this day.
RESERVES_FROM = date(2025, 3, 1)
DUE_AFTER = timedelta(hours=24)
#: How long a day is asked for again, because it is not stated when its load and prices are final.
FINAL_AFTER = timedelta(days=8)
#: Final prices come some business days after the day.
FINAL_FROM, FINAL_WITHIN = timedelta(days=1), timedelta(days=12)


@dataclass(frozen=True)
class Service:
    """One web service.

    Args:
        path: with `{day}` for the day.
        is_final_word: whether it states final values only, some days later.
        from_day: first day with data.
    """

    path: str
    is_final_word: bool = False
    from_day: date = date(2000, 1, 1)


@dataclass(frozen=True)
class Services:
    """Web services of one source, each a lane.

    Args:
        services: of the source.
        ahead_days: days ahead of today that they state.
    """

    services: tuple[Service, ...]
    ahead_days: int = 0
    zone: ZoneInfo = ZONE

    @property
    def lag_days(self) -> int:
        """See `Plan`."""
        return -self.ahead_days

    async def plan(self, source: str, window: Window, known: Known, access: Access, client: Client) -> Planned:
        """See `Plan`."""
        planned = Planned()
        last = window.today + timedelta(days=self.ahead_days)
        days = [day for day in window.days if day <= last]
        if not access.has_isone_account:
            if days:
                reason = f"ISO-NE gives these with an account only\n  next: {ISONE_ACCOUNT}"
                planned.unobtainable.append(Unobtainable(days[0], days[-1] + timedelta(days=1), "denied", reason))
            return planned
        for day in days:
            for service in self.services:
                if day < service.from_day or (
                    service.is_final_word and window.now < window.midnight(day + timedelta(days=1)) + FINAL_FROM
                ):
                    continue
                document = _document(source, service, day, window)
                if known.has(document.lanes[0], day) or not known.wants(document, window.now):
                    planned.skipped += 1
                    continue
                ask = Ask(
                    access.isone_api, f"{access.isone_api_url}/{service.path.format(day=f'{day:%Y%m%d}')}",
                    credentials=access.isone_credentials, accept="application/json",
                )  # fmt: skip
                planned.requests.append(Request((document,), ask=ask, judge=a_json))
        return planned


def _document(source: str, service: Service, day: date, window: Window) -> Document:
    over = window.midnight(day + timedelta(days=1))
    name = service.path.format(day=f"{day:%Y%m%d}").replace("/", "_") + ".json"
    return Document(
        source, day, day + timedelta(days=1), name, lanes=(service.path,),
        due_at=over + (FINAL_WITHIN if service.is_final_word else DUE_AFTER),
        is_final=service.is_final_word or window.now >= over + FINAL_AFTER,
    )  # fmt: skip


DAM_AS = Services((Service("daasreservedata/day/{day}", from_day=RESERVES_FROM),), ahead_days=1)
RT5_AS = Services((Service("fiveminutereserveprice/day/{day}"), Service("fiveminutercp/day/{day}")))
RTH_AS = Services(
    (Service("hourlyprelimreserveprice/day/{day}"), Service("hourlyfinalreserveprice/day/{day}", is_final_word=True))
)
LOAD_ACTUAL = Services(
    (
        Service("hourlysysload/day/{day}"),
        *(Service(f"realtimehourlydemand/day/{{day}}/location/{zone}") for zone in LOAD_ZONES),
    )
)
LOAD_FORECAST = Services(
    (Service("hourlyloadforecast/all/day/{day}"), Service("reliabilityregionloadforecast/day/{day}/all")), ahead_days=2
)
