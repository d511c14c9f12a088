"""The flows do what the plain functions do, seen by a Prefect server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.errors import TerminalError

from .conftest import minutes, rows, write_signal


@pytest.fixture(scope="module")
def prefect() -> Iterator[None]:
    """A Prefect server of the tests' own; it takes about ten seconds to start."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=90):
        yield


def test_landing_building_and_replaying_run_as_flows_to_completed(
    prefect: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.orchestration import get_client

    from flows.deployed import files, house
    from lakehouse.settings import Settings

    monkeypatch.setenv("WATTLAKE_HOME", str(tmp_path / "home"))
    path = write_signal(tmp_path / "in", "m1", "com_ap", [(s, i) for i, s in enumerate(minutes("2024-06-01", 8))])
    assert files.land("meter", [path]) == {"landed": 1, "unchanged": 0, "refused": 0}
    assert house.transform()["mode"] == "full"
    assert rows(Settings(), "SELECT n FROM lod_1d") == [(8,)]
    assert set(house.replay().values()) == {"equal"}
    unknown = tmp_path / "unknown.csv"
    unknown.write_text("colour\nred\n")
    with pytest.raises(TerminalError, match="none of 1 files landed"):
        files.land("meter", [unknown])

    async def states() -> list[tuple[str, str | None]]:
        async with get_client() as client:
            runs = await client.read_flow_runs()
            flows = {flow.id: flow.name for flow in await client.read_flows()}
        return sorted((flows[run.flow_id], run.state_name) for run in runs)

    assert asyncio.run(states()) == [
        ("land", "Completed"),
        ("land", "Failed"),
        ("replay", "Completed"),
        ("transform", "Completed"),
    ]
