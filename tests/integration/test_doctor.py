"""The doctor finds what is wrong, says how to mend it, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli import main
from lakehouse.doctor import examine
from lakehouse.ops import RUNS, Ops
from lakehouse.settings import Settings

from .conftest import land_meter, minutes, write_signal


@pytest.fixture(autouse=True)
def _no_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def test_an_empty_place_is_no_problem_and_stays_empty(settings: Settings) -> None:
    assert {finding.status for finding in examine(settings)} == {"ok", "warning"}
    assert not settings.root.exists()


def test_what_is_wrong_is_found_told_and_makes_the_command_fail(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_meter(settings, write_signal(tmp_path, "m1", "com_ap", [(stamp, 1) for stamp in minutes("2024-06-01", 4)]))
    before = sorted(path for path in settings.root.rglob("*"))
    monkeypatch.setenv("WATTLAKE_HOME", str(settings.root))
    sound = CliRunner().invoke(main, ["doctor"])
    assert sound.exit_code == 0 and "0 problems" in sound.output
    assert [path for path in sorted(settings.root.rglob("*")) if path not in before and path.suffix != ".lock"] == []

    Ops(settings).start(RUNS, kind="land")
    monkeypatch.setenv("WATTLAKE_WAREHUOSE", "elsewhere")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    for metadata in Path(settings.warehouse).rglob("*.metadata.json"):
        metadata.unlink()
    found = CliRunner().invoke(main, ["doctor", "--format", "json"])
    assert found.exit_code == 1
    told = json.loads(found.output)
    findings = {finding["name"]: finding for finding in told}
    assert {finding["name"] for finding in told if finding["status"] == "problem"} == {"tables", "Prefect"}
    assert [finding["says"].split(" ")[0] for finding in told if finding["name"] == "tables"] == [
        "raw.assets", "raw.meter_observations", "raw.signals",
    ]  # fmt: skip
    assert "replay" in findings["tables"]["mend"]
    assert "WATTLAKE_WAREHUOSE" in findings["settings"]["says"]
    assert "interrupted" in findings["runs"]["says"] and findings["runs"]["status"] == "warning"
    assert all(finding["mend"] for finding in findings.values() if finding["status"] != "ok")
