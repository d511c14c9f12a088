"""What is wanted of what is known."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingest.http.client import Client
from ingest.iso.caiso import plan as caiso
from ingest.iso.caiso.access import Access
from lakehouse.download.plan import Document, Known, Last, Window

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
DOCUMENT = Document("s", date(2026, 11, 12), date(2026, 11, 13), "n.csv", NOW - timedelta(days=6), is_final=False)


@pytest.mark.parametrize("outcome", ["done", "unchanged", "not_yet"])
def test_what_was_looked_at_by_a_clock_that_ran_ahead_is_looked_at_again(outcome: str) -> None:
    known = Known({}, {DOCUMENT.key: Last(outcome, False, NOW + timedelta(days=365))}, timedelta(hours=6))
    assert known.wants(DOCUMENT, NOW)
    known = Known({}, {DOCUMENT.key: Last(outcome, False, NOW - timedelta(minutes=5))}, timedelta(hours=6))
    assert not known.wants(DOCUMENT, NOW)


def test_many_nodes_are_asked_for_in_urls_that_servers_take(tmp_path: Path) -> None:
    nodes = [f"A_NODE_OF_THE_USUAL_LENGTH_{number:04d}-APND" for number in range(1000)]
    window = Window(date(2026, 10, 1), date(2026, 10, 2), NOW, caiso.ZONE)

    async def plan() -> list[str]:
        async with Client(tmp_path / "parts", tmp_path / "turns") as client:
            access = Access(caiso_nodes=",".join(nodes))
            planned = await caiso.DAM_LMP.plan("caiso-dam-lmp", window, Known(), access, client)
            assert [node for request in planned.requests for node in request.documents[0].lanes] == nodes
            return [request.ask.shown for request in planned.requests]

    assert max(map(len, asyncio.run(plan()))) < 8000
