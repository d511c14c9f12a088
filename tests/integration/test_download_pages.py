"""A source that is no market downloads as markets do: pages from a cursor, and what a device says now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from ingest.http.access import Access, AccountUrl, Basic, Secret
from ingest.http.client import Client
from ingest.http.exchange import Ask, Operator, judge_json
from ingest.http.plan import Fetcher, Plan, Request
from lakehouse.download.fetcher import Clock
from lakehouse.download.plan import Document, Known, Planned, Window
from lakehouse.download.report import DownloadReport
from lakehouse.download.run import download
from lakehouse.errors import TerminalError
from lakehouse.ops import DOWNLOADS, Ops
from lakehouse.settings import Settings
from lakehouse.source import REJECTS_SCHEMA, LandOptions, Parsed, RawFile, Registry
from tests.support.raw_table import CONTRACT, EPOCH, Row, rows, stored
from tests.support.servers.market_exchange import failing
from tests.support.servers.market_server import MarketServer, market_server

NOW = datetime(2024, 1, 1, 12, tzinfo=UTC)
CLOUD = ZoneInfo("UTC")


class Chargers(Access):
    """How the cloud of some chargers is reached."""

    chargers_url: AccountUrl
    chargers_password: Secret = None

    @cached_property
    def cloud(self) -> Operator:
        return Operator("the cloud", (self.chargers_url,), every_s=0.0, at_once=1, wait_s=1.0)


@dataclass(frozen=True)
class Pages:
    """Samples in pages, each after a cursor; a page names the next one once it is full."""

    zone: ZoneInfo = CLOUD
    lag_days: int = 0

    async def plan(self, source: str, window: Window, known: Known, access: Chargers, client: Client) -> Planned:
        return Planned([self._page(source, known.cursor or "0", window, access)])

    def _page(self, source: str, cursor: str, window: Window, access: Chargers) -> Request:
        day = window.today
        document = Document(
            source, day, day + timedelta(days=1), f"after-{cursor}.json", window.now, False, (cursor,), doc_id=cursor
        )  # fmt: skip
        assert access.chargers_password
        ask = Ask(
            access.cloud, f"{access.chargers_url}/samples", {"after": cursor},
            credentials=Basic("us", access.chargers_password),
        )  # fmt: skip

        def following(path: Path) -> Request | None:
            after = json.loads(path.read_bytes())["next"]
            return self._page(source, after, window, access) if after else None

        return Request((document,), ask=ask, judge=judge_json, following=following)


@dataclass(frozen=True)
class Present:
    """What a device says now: a document a poll."""

    zone: ZoneInfo = CLOUD
    lag_days: int = 0

    async def plan(self, source: str, window: Window, known: Known, access: Chargers, client: Client) -> Planned:
        at = window.now.isoformat()
        document = Document(
            source, window.today, window.today + timedelta(days=1), "now.json", window.now, True, (at,), doc_id=at
        )  # fmt: skip
        ask = Ask(access.cloud, f"{access.chargers_url}/now")
        return Planned([Request((document,), ask=ask, judge=judge_json)])


class Samples:
    """Reads both."""

    name, summary, needs = "chargers", "samples of chargers", "an account"
    contracts = (CONTRACT,)
    options = frozenset({"simulated"})

    def recognises(self, path: Path) -> bool:
        return path.suffix == ".json"

    def layouts_digest(self, layout_dirs: Sequence[Path]) -> str | None:
        return None

    def broken_layouts(self, layout_dirs: Sequence[Path]) -> list[TerminalError]:
        return []

    def parse(self, file: RawFile, options: LandOptions, layout_dirs: Sequence[Path] = ()) -> Iterator[Parsed]:
        samples: list[Row] = [tuple(sample) for sample in json.loads(file.content)["samples"]]
        table = rows(samples, file.sha256)
        yield Parsed({CONTRACT.name: table}, REJECTS_SCHEMA.empty_table(), "pages", rows_read=table.num_rows)


REGISTRY = Registry({"chargers": Samples()})


@pytest.fixture
def server() -> Iterator[MarketServer]:
    with market_server(now=NOW) as running:
        yield running


def get(settings: Settings, server: MarketServer, plan: Plan[Chargers], now: datetime = NOW) -> DownloadReport:
    access = Chargers(chargers_url=f"{server.url}/cloud", chargers_password="sesame-3141")
    waited = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal waited
        waited += seconds

    clock = Clock(lambda: now.timestamp() + waited, sleep)
    fetcher = Fetcher(plan, access, EPOCH.date())
    return download(settings, REGISTRY, "chargers", fetcher, mode="realtime", simulated=True, clock=clock)


def page(server: MarketServer, after: str, samples: list[Row], leads_to: str | None) -> None:
    content = json.dumps({"samples": samples, "next": leads_to}).encode()
    server.place(f"/cloud/samples?after={after}", content, "application/json")


def asked(server: MarketServer) -> list[str]:
    return [f"{seen.query['after']}: {seen.status}" for seen in server.seen("/cloud/samples")]


def test_pages_are_followed_to_the_last_one_and_the_next_run_goes_on_from_there(
    settings: Settings, server: MarketServer
) -> None:
    page(server, "0", [("a", "p", 0, 1), ("a", "p", 1, 2)], "b")
    page(server, "b", [("a", "p", 2, 3)], "c")
    page(server, "c", [("a", "p", 3, 4)], None)
    report = get(settings, server, Pages())
    assert (report.ok, report.documents["done"], report.left) == (True, 3, 0)
    first = [("a", "p", 0, 1), ("a", "p", 1, 2), ("a", "p", 2, 3), ("a", "p", 3, 4)]
    assert stored(settings) == first
    assert get(settings, server, Pages(), NOW + timedelta(minutes=1)).documents["done"] == 1
    assert asked(server) == ["0: 200", "b: 200", "c: 200", "c: 200"]
    assert stored(settings) == first

    page(server, "c", [("a", "p", 3, 4), ("a", "p", 4, 5)], "d")  # it was filled, and leads on
    server.script("after=d", failing(500), last_for_ever=True)
    report = get(settings, server, Pages(), NOW + timedelta(minutes=2))
    assert (report.ok, report.documents["done"], report.documents["failed"]) == (False, 1, 1)
    assert stored(settings) == [*first, ("a", "p", 4, 5)]

    server.script("after=c", failing(500), last_for_ever=True)  # where it goes on from fails, too
    assert get(settings, server, Pages(), NOW + timedelta(minutes=3)).documents["failed"] == 1
    server.heal()
    page(server, "d", [("a", "p", 5, 6)], None)
    assert get(settings, server, Pages(), NOW + timedelta(minutes=4)).ok
    assert stored(settings) == [*first, ("a", "p", 4, 5), ("a", "p", 5, 6)]
    assert asked(server)[-2:] == ["c: 200", "d: 200"]
    assert all(seen.headers["authorization"] == "(present)" for seen in server.seen("/cloud/samples"))
    recorded = Ops(settings).query(sa.select(DOWNLOADS.c.url, DOWNLOADS.c.error))
    assert "sesame" not in str(recorded)


def test_each_poll_of_what_a_device_says_now_is_a_document_of_its_own(settings: Settings, server: MarketServer) -> None:
    for minute in range(3):
        content = json.dumps({"samples": [("a", "p", minute, minute)]}).encode()
        server.place("/cloud/now", content, "application/json")
        assert get(settings, server, Present(), NOW + timedelta(minutes=minute)).documents["done"] == 1
    assert stored(settings) == [("a", "p", 0, 0), ("a", "p", 1, 1), ("a", "p", 2, 2)]
