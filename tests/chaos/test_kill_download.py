"""kill -9 while downloading: complete documents land at the next run, none is lost and none lands twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.kills.homes import Case
from tests.support.kills.worker import Worker
from tests.support.servers.market_server import BASES, MarketServer, market_server

NOW = datetime(2026, 11, 20, 18, 2, tzinfo=UTC)
SOURCE = "nyiso-rth-lbmp-zone"
DAYS = ("2026-11-12", "2026-11-15")


@pytest.fixture(scope="module")
def server() -> Iterator[MarketServer]:
    with market_server(now=NOW) as running:
        yield running


@pytest.fixture(scope="module")
def downloading(server: MarketServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Three final days onto an empty home."""
    home = tmp_path_factory.mktemp("downloading") / "home"
    home.mkdir()
    access = {name.removeprefix("WATTLAKE_").lower(): server.url + path for name, path in BASES.items()}
    arguments = {"source": SOURCE, "start": DAYS[0], "end": DAYS[1], "access": access, "now": NOW.isoformat()}
    with Worker() as worker:
        case = Case(worker, home, "download", arguments)
        case.prepare()
        yield case


def settled(case: Case) -> None:
    """After the second run every document is recorded, and nothing waits."""
    found = case.worker.done("downloads", case.settings)
    days = [f"2026-11-{day}/202611{day}rtlbmp_zone.csv" for day in (12, 13, 14)]
    assert found == {"documents": days, "spool": [], "parts": []}


def spooling(case: Case) -> list[int]:
    """Numbers of the steps between the first document's arrival and the landing."""
    return [number for number, step in enumerate(case.steps) if Path(step.file).name == "spool.py"]


def test_a_download_killed_at_a_step_is_whole_after_the_next(downloading: Case) -> None:
    assert len(downloading.steps) > 40
    downloading.kill_at_steps(3)
    settled(downloading)


def test_a_download_killed_between_spool_and_landing_is_whole_after_the_next(
    downloading: Case, server: MarketServer
) -> None:
    numbers = spooling(downloading)
    assert numbers
    for number in (numbers[len(numbers) // 3], numbers[-1]):
        asked = len(server.requests)
        downloading.kill_at([downloading.steps[number]])
        settled(downloading)
        assert 3 <= len(server.requests) - asked <= 4, "what was complete in the spool was asked for again"


@pytest.mark.nightly
@pytest.mark.timeout(4 * 3600)
def test_every_step_and_ten_moments(downloading: Case) -> None:
    steps, moments = downloading.kill_at_steps(), downloading.kill_at_times(10)
    print(f"download: killed at {steps} of {len(downloading.steps)} steps, and at {moments} of 10 moments")
