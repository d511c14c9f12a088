"""Runs are named for what they do: source, day or file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.deployed import names

FEED = "nyiso-rt5-lbmp-zone"


@pytest.mark.parametrize(
    ("name", "flow", "parameters", "expected"),
    [
        (names.files, "land", {"source": "meter", "paths": [Path("/d/march.csv")]}, "land meter: march.csv"),
        (names.files, "backfill", {"source": "bess", "paths": ["/a/2022", "/a/2023", "/a/2024"]},
         "backfill bess: 2022 and 2 more"),
        (names.files, "land", {"source": "meter", "paths": []}, "land meter: nothing"),
        (names.files, "land", {"source": "meter", "paths": ["/d/two\nlines.csv"]}, "land meter: two lines.csv"),
        (names.inbox, "inbox", {"source": "meter"}, "inbox meter 2026-11-30 11:25 UTC"),
        (names.inbox, "market-inbox", {}, "inbox markets 2026-11-30 11:25 UTC"),
        # `end` is the day after the last one.
        (names.days, "download", {"source": FEED, "start": date(2026, 5, 1), "end": date(2026, 5, 8), "days": None},
         f"{FEED} 2026-05-01 to 2026-05-07"),
        (names.days, "download", {"source": FEED, "start": None, "end": "2026-05-08", "days": 7},
         f"{FEED} 7 days up to 2026-05-07"),
        (names.days, "market-backfill", {"source": FEED, "start": "2025-01-01", "end": None},
         f"{FEED} 2025-01-01 to the newest day"),
        (names.realtime, "realtime", {"sources": ["nyiso-dam-as", FEED]}, "realtime nyiso 2026-11-30 11:25 UTC"),
        (names.realtime, "realtime", {"sources": [FEED]}, f"realtime {FEED} 2026-11-30 11:25 UTC"),
        (names.house, "transform", {"full_refresh": False}, "transform 2026-11-30 11:25 UTC"),
        (names.house, "maintain", {"dry_run": True, "sweep": True},
         "maintain 2026-11-30 11:25 UTC (dry run, sweep)"),
    ],
)  # fmt: skip
def test_a_run_is_named_for_what_it_does(
    name: Callable[[], str], flow: str, parameters: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 11, 30, 11, 25, 59, tzinfo=UTC)
    run = SimpleNamespace(flow_name=flow, parameters=parameters, scheduled_start_time=at)
    monkeypatch.setattr(names, "runtime", SimpleNamespace(flow_run=run))
    assert name() == expected
