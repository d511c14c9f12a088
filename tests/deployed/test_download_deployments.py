"""Downloads as deployments: a real Prefect server and worker, operators on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound

from ingest.registry import registry
from lakehouse.reader import open_session
from lakehouse.settings import Settings
from tests.support.servers.market_exchange import waf
from tests.support.servers.market_server import MarketServer, market_server
from tests.support.servers.prefect_service import PrefectService

ZONE, HOURS = "nyiso-rt5-lbmp-zone", "nyiso-rth-lbmp-zone"


@pytest.fixture(scope="module")
def server() -> Iterator[MarketServer]:
    with market_server() as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("markets") / "home", threads=2)


@pytest.fixture(autouse=True)
def _builds_nothing(prefect: PrefectService) -> Iterator[None]:
    """The landings of these tests build no marts in the home of the others."""
    (automation,) = prefect.client.read_automations_by_name("build-after-landing")
    prefect.client.pause_automation(automation.id)
    yield
    if automation.enabled:
        with suppress(ObjectNotFound):
            prefect.client.resume_automation(automation.id)


def run(
    prefect: PrefectService, server: MarketServer, home: Settings, deployment: str, **parameters: Any
) -> tuple[UUID, State[Any]]:
    """A run of a deployment against these operators, to its end."""
    environment = {**server.environment(credentials=False), "WATTLAKE_HOME": str(home.root), "WATTLAKE_THREADS": "2"}
    return prefect.here(deployment, environment, simulated=True, **parameters)


def sql(home: Settings, query: str) -> list[tuple[Any, ...]]:
    connection = open_session(home, registry().contracts)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_days_a_history_and_what_is_new_come_through_deployments(
    prefect: PrefectService, server: MarketServer, home: Settings
) -> None:
    identity, state = run(prefect, server, home, "download/market-days", source=HOURS, days=2)
    assert state.is_completed(), state.message
    assert state.message == "2 done"
    assert f"## {HOURS}, " in prefect.markdown(identity)
    today = datetime.now(UTC).date()
    start = (today - timedelta(days=60)).replace(day=1)
    end = (start + timedelta(days=32)).replace(day=1)
    identity, state = run(
        prefect, server, home, "market-backfill/market-history", source=HOURS, start=f"{start}", end=f"{end}"
    )
    assert state.is_completed(), state.message
    assert state.message == "1 done"
    identity, state = run(prefect, server, home, "realtime/nyiso-realtime", sources=[HOURS, ZONE])
    assert state.is_completed(), state.message
    shown = prefect.markdown(identity)
    assert f"## {HOURS}, " in shown and f"## {ZONE}, " in shown
    kinds = sql(home, "SELECT DISTINCT json_extract_string(request, 'mode') FROM ops.runs WHERE kind = 'download'")
    assert sorted(kinds) == [("backfill",), ("download",), ("realtime",)]


def test_a_feed_that_nobody_lets_in_fails_the_run_and_the_others_go_on(
    prefect: PrefectService, server: MarketServer, home: Settings
) -> None:
    server.script("realtime_zone", waf(403), last_for_ever=True)
    identity, state = run(prefect, server, home, "realtime/nyiso-realtime", sources=[ZONE, "nyiso-dam-lbmp-zone"])
    server.heal()
    assert state.is_failed()
    assert str(state.message).startswith(f"{ZONE}: documents are missing")
    shown = prefect.markdown(identity)
    assert "NYISO answers 403" in shown
    assert "## nyiso-dam-lbmp-zone, " in shown
    assert sql(home, "SELECT count(*) > 0 FROM raw.iso_prices WHERE market = 'DAM'") == [(True,)]


def test_files_in_an_inbox_folder_of_a_market_land(
    prefect: PrefectService, server: MarketServer, home: Settings, tmp_path: Path
) -> None:
    from ingest.simulate.markets import nyiso

    document = nyiso.daily(1, "damlbmp_gen", datetime(2026, 5, 4, tzinfo=UTC).date())
    folder = home.inbox_path / "nyiso-dam-lbmp-generator"
    folder.mkdir(parents=True)
    (folder / document.name).write_bytes(document.content)
    _, state = run(prefect, server, home, "market-inbox/markets-inbox")
    assert state.is_completed(), state.message
    assert str(state.message).startswith("1 landed")
    assert not (folder / document.name).exists()
    _, state = run(prefect, server, home, "market-inbox/markets-inbox")
    assert state.message == "nothing waits in the inbox folders of providers"
