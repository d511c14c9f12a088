"""CAISO: queries for all regions or areas, by day, by operating hour, or by up to 30 days per request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from ingest.http.client import Client
from ingest.http.plan import Request
from ingest.iso.caiso.access import Access
from ingest.iso.caiso.answers import oasis_lacks_days, oasis_zip
from ingest.iso.caiso.queries import DUE_AFTER, FINAL_AFTER, ZONE, by_finality, days_kept, days_of, single_zip
from lakehouse.download.plan import Document, Known, Planned, Window, months, runs

#: OASIS refuses windows of 31 days or more of load (error 1004).
DAYS_A_REQUEST = 30


@dataclass(frozen=True)
class Slices:
    """The queries of a source.

    Args:
        query, version: of OASIS.
        params: lane → further parameters; each lane has requests of its own.
        ahead_days: days ahead of today that the answers state.
        hours: whether each request is for one operating hour (PRC_INTVL_AS answers no more).
        days: largest number of operating days in a request.
    """

    query: str
    version: int
    params: dict[str, dict[str, str]] = field(hash=False)
    ahead_days: int = 0
    hours: bool = False
    days: int = 1
    zone: ZoneInfo = ZONE

    @property
    def lag_days(self) -> int:
        """See `Plan`."""
        return -self.ahead_days

    async def plan(self, source: str, window: Window, known: Known, access: Access, client: Client) -> Planned:
        """See `Plan`."""
        planned = Planned()
        days = days_kept(window, self.ahead_days, planned)
        for lane in self.params:
            for start, end, document in self._documents(source, lane, days, known, window, planned):
                if known.wants(document, window.now):
                    planned.requests.append(self._request(lane, start, end, document, access, window))
                else:
                    planned.skipped += 1
        planned.requests.sort(key=lambda request: (request.documents[0].start, request.documents[0].name))
        return planned

    def _documents(
        self, source: str, lane: str, days: list[date], known: Known, window: Window, planned: Planned
    ) -> Iterator[tuple[datetime, datetime, Document]]:
        """The documents of a lane with the instants that each is asked for."""
        if self.hours:
            for day in days:
                begins, number = window.midnight(day), 0
                while begins < min(window.midnight(day + timedelta(days=1)), window.now):
                    hour = f"{number:02d}"
                    ends = begins + timedelta(hours=1)
                    if known.has(hour, day):
                        planned.skipped += 1
                    else:
                        name = f"{self._stem(day, day + timedelta(days=1), lane)}_{hour}.zip"
                        yield begins, ends, self._document(source, day, day, name, hour, ends, window)
                    begins, number = ends, number + 1
            return
        open_days = [day for day in days if not known.has(lane, day)]
        planned.skipped += len(days) - len(open_days)
        for month in months(open_days).values():
            for alike in by_finality(month, window):
                for first, end in runs(alike):
                    for start in range(0, (end - first).days, self.days):
                        from_day = first + timedelta(days=start)
                        to_day = min(from_day + timedelta(days=self.days), end)
                        over = window.midnight(to_day)
                        name = f"{self._stem(from_day, to_day, lane)}.zip"
                        last = to_day - timedelta(days=1)
                        document = self._document(source, from_day, last, name, lane, over, window)
                        yield window.midnight(from_day), over, document

    def _stem(self, start: date, end: date, lane: str) -> str:
        return f"{start:%Y%m%d}_{end:%Y%m%d}_{self.query}_{lane}"

    def _document(
        self, source: str, start: date, last: date, name: str, lane: str, over: datetime, window: Window
    ) -> Document:
        return Document(
            source, start, last + timedelta(days=1), name, due_at=over + DUE_AFTER,
            is_final=window.now >= over + FINAL_AFTER, lanes=(lane,), takes_name=True,
        )  # fmt: skip

    def _request(
        self, lane: str, start: datetime, end: datetime, document: Document, access: Access, window: Window
    ) -> Request:
        ask = single_zip(access, self.query, self.version, start, end, self.params[lane])
        over = window.now >= document.due_at
        lacks = partial(oasis_lacks_days, days=days_of(document)) if over else None
        return Request((document,), ask=ask, judge=oasis_zip, lacks=lacks)


_ALL = {"anc_type": "ALL", "anc_region": "ALL"}
DAM_AS = Slices("PRC_AS", 12, {"DAM": {"market_run_id": "DAM", **_ALL}}, ahead_days=1)
RT15_AS = Slices("PRC_INTVL_AS", 1, {"RTM": {"market_run_id": "RTM", **_ALL}}, hours=True)
LOAD_ACTUAL = Slices("SLD_FCST", 1, {"ACTUAL": {"market_run_id": "ACTUAL"}}, days=DAYS_A_REQUEST)
# Real-time runs are downloaded only by hand: a month of one has 300,000 rows.
LOAD_FORECAST = Slices(
    "SLD_FCST", 1, {run: {"market_run_id": run} for run in ("DAM", "2DA", "7DA")}, ahead_days=7, days=DAYS_A_REQUEST
)
