"""A document a day, which Acme may state again at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.http.client import Client
from ingest.http.exchange import Ask, Malformed, Verdict
from ingest.http.plan import Request
from ingest.plan.acme.access import Access
from ingest.plan.acme.read import HEADER
from lakehouse.download.plan import Document, Known, Planned, Window

ZONE = ZoneInfo("UTC")


def judge(path: Path, headers: Mapping[str, str]) -> Verdict:
    """Whether an answer is a plan."""
    with path.open("rb") as file:
        if file.readline().strip() == HEADER:
            return Verdict()
    return Verdict(error=Malformed("the answer is no plan", "ask again later"))


@dataclass(frozen=True)
class Days:
    """See `ingest.http.plan.Plan`."""

    zone: ZoneInfo = ZONE
    lag_days: int = 0

    async def plan(self, source: str, window: Window, known: Known, access: Access, client: Client) -> Planned:
        """See `ingest.http.plan.Plan`."""
        planned = Planned()
        for day in window.days:
            document = Document(
                source, day, day + timedelta(days=1), f"plan_{day}.csv", window.midnight(day), is_final=False
            )
            ask = Ask(access.acme, f"{access.acme_url}/plans/{day}", etag=known.etag(document))
            planned.requests.append(Request((document,), ask=ask, judge=judge))
        return planned


DAYS = Days()
