"""CAISO: OASIS queries over nodes and up to 31 operating days, in GMT."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

from ingest.http.client import Client
from ingest.http.plan import Request
from ingest.iso.caiso.access import Access
from ingest.iso.caiso.answers import oasis_lacks, oasis_zip
from ingest.iso.caiso.queries import DUE_AFTER, FINAL_AFTER, ZONE, by_finality, days_kept, days_of, single_zip
from lakehouse.download.plan import Document, Known, Planned, Window, months, runs
from lakehouse.errors import WrongUsage

#: Rows of one answer, five a node and interval (LMP and its components): larger ones take OASIS minutes, or time out.
ROWS_AN_ANSWER = 450_000
COMPONENTS = 5
#: Nodes of one request: they are in its URL, and servers refuse URLs of more than 8,000 characters.
NODES_A_REQUEST = 150


@dataclass(frozen=True)
class Query:
    """One OASIS query.

    Args:
        name: of the query.
        version: of its result.
        run: market_run_id; '' where it takes none.
        intervals: a day.
        ahead_days: days ahead of today that the market states.
    """

    name: str
    version: int
    run: str
    intervals: int
    ahead_days: int = 0
    zone: ZoneInfo = ZONE

    @property
    def lag_days(self) -> int:
        """See `Plan`."""
        return -self.ahead_days

    async def plan(self, source: str, window: Window, known: Known, access: Access, client: Client) -> Planned:
        """See `Plan`.

        Raises:
            WrongUsage: no node is named.
        """
        nodes = access.caiso_node_names
        if not nodes:
            raise WrongUsage("no node of CAISO is named", "set WATTLAKE_CAISO_NODES or give --locations")
        planned = Planned()
        days = days_kept(window, self.ahead_days, planned)
        for same_days, of_nodes in self._alike(nodes, days, known, planned, window):
            for start, end in same_days:
                rows_a_node = COMPONENTS * self.intervals * (end - start).days
                width = min(max(1, ROWS_AN_ANSWER // rows_a_node), NODES_A_REQUEST)
                for first in range(0, len(of_nodes), width):
                    document = self._document(source, start, end, of_nodes[first : first + width], window)
                    if known.wants(document, window.now):
                        planned.requests.append(self._request(document, access, window))
                    else:
                        planned.skipped += 1
        planned.requests.sort(key=lambda request: request.documents[0].start)
        return planned

    def _alike(
        self, nodes: tuple[str, ...], days: list[date], known: Known, planned: Planned, window: Window
    ) -> Iterator[tuple[list[tuple[date, date]], tuple[str, ...]]]:
        """Group nodes that lack the same days, as ranges within a month and of equal finality."""
        lacking: dict[tuple[date, ...], list[str]] = {}
        for node in nodes:
            open_days = tuple(day for day in days if not known.has(node, day))
            planned.skipped += len(days) - len(open_days)
            lacking.setdefault(open_days, []).append(node)
        for open_days, of_nodes in lacking.items():
            alike = [days for month in months(open_days).values() for days in by_finality(month, window)]
            yield [run for days in alike for run in runs(days)], tuple(of_nodes)

    def _document(self, source: str, start: date, end: date, nodes: tuple[str, ...], window: Window) -> Document:
        over = window.midnight(end)
        digest = hashlib.sha256(",".join(nodes).encode()).hexdigest()[:8]
        name = f"{start:%Y%m%d}_{end:%Y%m%d}_{self.name}{'_' if self.run else ''}{self.run}_{digest}.zip"
        return Document(
            source, start, end, name, due_at=over + DUE_AFTER, is_final=window.now >= over + FINAL_AFTER,
            lanes=nodes, takes_name=True,
        )  # fmt: skip

    def _request(self, document: Document, access: Access, window: Window) -> Request:
        params = {**({"market_run_id": self.run} if self.run else {}), "node": ",".join(document.lanes)}
        start, end = window.midnight(document.start), window.midnight(document.end)
        ask = single_zip(access, self.name, self.version, start, end, params)
        over = window.now >= document.due_at
        lacks = partial(oasis_lacks, nodes=document.lanes, days=days_of(document)) if over else None
        return Request((document,), ask=ask, judge=oasis_zip, lacks=lacks)


DAM_LMP = Query("PRC_LMP", 12, "DAM", 24, ahead_days=1)
RT5_LMP = Query("PRC_INTVL_LMP", 3, "RTM", 288)
RT15_LMP = Query("PRC_RTPD_LMP", 3, "RTPD", 96)
HASP_LMP = Query("PRC_HASP_LMP", 3, "", 96)
