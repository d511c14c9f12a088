"""NYISO: static files, one per day for the last days, one archive per month before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from ingest.http.client import Client
from ingest.http.exchange import Ask
from ingest.http.plan import Request
from ingest.iso.answers import a_csv, a_zip
from ingest.iso.nyiso.access import Access
from lakehouse.download.plan import Document, Known, Planned, Window, months

ZONE = ZoneInfo("America/New_York")
#: Number of days for which daily files are served, including today (7 to 10 were seen).
DAILY_DAYS = 9
#: Prices may be corrected for three business days (NYISO tariff, Attachment E); a file is final after so many days.
FINAL_AFTER = timedelta(days=5)
#: A month's archive gets its last days in the days after it.
MONTH_FINAL_AFTER = timedelta(days=10)
#: Hours after its day for which a file may still be missing.
DUE_AFTER = timedelta(hours=6)


@dataclass(frozen=True)
class Files:
    """Files of one feed.

    Args:
        folder, name: as in `<folder>/<YYYYMMDD><name>.csv`.
        ahead_days: days ahead of today that the feed states.
    """

    folder: str
    name: str
    ahead_days: int = 0
    zone: ZoneInfo = ZONE

    @property
    def lag_days(self) -> int:
        """See `Plan`."""
        return -self.ahead_days

    async def plan(self, source: str, window: Window, known: Known, access: Access, client: Client) -> Planned:
        """See `Plan`."""
        planned = Planned()
        wanted = [day for day in window.days if day <= window.today + timedelta(days=self.ahead_days)]
        open_days = [day for day in wanted if not known.has("", day)]
        planned.skipped = len(wanted) - len(open_days)
        first_daily = window.today - timedelta(days=DAILY_DAYS - 1)
        documents = [self._month(source, month, window) for month in months(d for d in open_days if d < first_daily)]
        documents += [self._day(source, day, window) for day in open_days if day >= first_daily]
        for document in documents:
            if not known.wants(document, window.now):
                planned.skipped += 1
                continue
            url = f"{access.nyiso_url}/public/csv/{self.folder}/{document.name}"
            judge = a_zip if document.name.endswith(".zip") else a_csv
            document = replace(document, states_modified=not known.holds(document))
            ask = Ask(access.nyiso, url, etag=known.etag(document))
            planned.requests.append(Request((document,), ask=ask, judge=judge))
        return planned

    def _day(self, source: str, day: date, window: Window) -> Document:
        over = window.midnight(day + timedelta(days=1))
        return Document(
            source, day, day + timedelta(days=1), f"{day:%Y%m%d}{self.name}.csv",
            due_at=over + DUE_AFTER, is_final=window.now >= over + FINAL_AFTER,
        )  # fmt: skip

    def _month(self, source: str, month: date, window: Window) -> Document:
        following = (month + timedelta(days=32)).replace(day=1)
        final = window.now >= window.midnight(following) + MONTH_FINAL_AFTER
        # Later days of an archive that still grows have files of their own.
        end = min(following, window.today - timedelta(days=DAILY_DAYS - 1))
        return Document(
            source, month, end, f"{month:%Y%m%d}{self.name}_csv.zip",
            due_at=window.midnight(month + timedelta(days=1 + DAILY_DAYS)), is_final=final,
        )  # fmt: skip


DAM_LBMP_ZONE = Files("damlbmp", "damlbmp_zone", ahead_days=1)
DAM_LBMP_GENERATOR = Files("damlbmp", "damlbmp_gen", ahead_days=1)
RT5_LBMP_ZONE = Files("realtime", "realtime_zone")
RT5_LBMP_GENERATOR = Files("realtime", "realtime_gen")
RTH_LBMP_ZONE = Files("rtlbmp", "rtlbmp_zone")
RTH_LBMP_GENERATOR = Files("rtlbmp", "rtlbmp_gen")
DAM_AS = Files("damasp", "damasp", ahead_days=1)
RT5_AS = Files("rtasp", "rtasp")
LOAD_ACTUAL = Files("palIntegrated", "palIntegrated")
LOAD_FORECAST = Files("isolf", "isolf", ahead_days=1)
