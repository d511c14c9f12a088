"""Downloads against simulated operators, at a clock that waits in no time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingest.http.access import Access
from ingest.registry import access_kinds, fetcher_of, registry
from lakehouse.download.fetcher import Clock
from lakehouse.download.report import DownloadReport
from lakehouse.download.run import download
from lakehouse.ops import DOWNLOADS, Ops
from lakehouse.reader import open_session
from lakehouse.settings import Settings
from tests.support.servers.market_server import BASES, CREDENTIALS, MarketServer

#: A Friday afternoon in Europe; none of its neighbours changes clocks.
NOW = datetime(2026, 11, 20, 18, 2, tzinfo=UTC)
#: Nodes that the simulated OASIS knows.
NODES = ("SIM_NP15-APND", "SIM_SP15-APND")


def access_of(source: str, given: Mapping[str, str]) -> Access:
    """How the operator of a source is reached, by those of the settings that are its own."""
    kind = access_kinds().get(source.partition("-")[0], Access)
    return kind(**{name: value for name, value in given.items() if name in kind.model_fields})


@dataclass
class Market:
    """A home and operators, at one settable time.

    Args:
        settings: of the home.
        server: the operators.
        account: whether the client has accounts.
        waited_s: seconds that the client has waited, by its own clock.
    """

    settings: Settings
    server: MarketServer
    account: bool = False
    waited_s: list[float] = field(default_factory=list)
    access: dict[str, str] = field(default_factory=dict)

    def at(self, now: datetime) -> None:
        """Set everybody's time."""
        self.server.now = now

    def reached(self, source: str) -> Access:
        """How the operator of a source is reached."""
        names = {**BASES, **(CREDENTIALS if self.account else {})}
        given = {
            name.removeprefix("WATTLAKE_").lower(): (self.server.url + value if name in BASES else value)
            for name, value in names.items()
        }
        return access_of(source, {"caiso_nodes": ",".join(NODES), **given, **self.access})

    def get(self, source: str, *days: str, locations: Sequence[str] = (), **options: Any) -> DownloadReport:
        """Download from the first to before the second of these days; everything is simulated."""
        start, end = (date.fromisoformat(day) for day in days) if days else (None, None)
        elapsed = 0.0

        async def sleep(seconds: float) -> None:
            nonlocal elapsed
            self.waited_s.append(seconds)
            elapsed += seconds
            await asyncio.sleep(0)

        began = (self.server.now or NOW).timestamp()
        clock = Clock(lambda: began + elapsed, sleep)
        fetcher = fetcher_of(source, locations, self.reached(source))
        return download(self.settings, registry(), source, fetcher, start, end, simulated=True, clock=clock, **options)

    def outcomes(self, source: str) -> list[tuple[str, str]]:
        """Documents and their outcomes in order."""
        table = DOWNLOADS.c
        rows = Ops(self.settings).query(
            sa.select(table.document, table.status).where(table.source == source).order_by(table.finished_at)
        )
        return [tuple(row) for row in rows]

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query over the raw and ops tables."""
        connection = open_session(self.settings, registry().contracts)
        try:
            connection.execute("SET TimeZone='UTC'")
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def spooled(self) -> list[str]:
        """Documents that wait in the spool."""
        root = self.settings.root / "downloads"
        return [path.name for path in root.rglob("*") if path.is_file() and path.parent.name != "turns"]

    def texts(self) -> str:
        """Everything that was written down in the home: every file and every row of the ops tables."""
        kept = [path.read_bytes() for path in Path(self.settings.root).rglob("*") if path.is_file()]
        return b"\n".join(kept).decode("utf-8", "replace")
