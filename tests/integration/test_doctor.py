"""The doctor finds what is wrong, says how to mend it, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from lakehouse.archive import open_archive
from lakehouse.ops import RUNS, Ops
from lakehouse.settings import Settings
from lakehouse.upkeep.doctor import examine
from tests.support.device_files import minutes, write_signal
from tests.support.house import land_meter


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


def test_bytes_of_the_archive_that_are_damaged_or_gone_are_told_with_their_file(
    settings: Settings, tmp_path: Path
) -> None:
    files = [
        write_signal(tmp_path, asset, "com_ap", [(stamp, 1) for stamp in minutes("2024-06-01", count)])
        for asset, count in (("gone", 4), ("cut", 5), ("unread", 6))
    ]
    land_meter(settings, *files)
    assert [f.status for f in examine(settings) if f.name == "received"] == ["ok"]
    receipts = {Path(receipt.path).parent.name: receipt for receipt in open_archive(settings).receipts()}
    objects = {name: Path(open_archive(settings).object(receipt.sha256)) for name, receipt in receipts.items()}
    objects["gone"].unlink()
    objects["cut"].write_bytes(objects["cut"].read_bytes()[:-5])
    (sidecar,) = Path(settings.archive).glob(f"received/*{receipts['unread'].sha256[:12]}.json")
    sidecar.write_bytes(sidecar.read_bytes()[:50])
    told = {finding.says for finding in examine(settings) if finding.name == "received" and finding.status == "problem"}
    assert len(told) == 3
    for part in (f"the bytes of {files[0]}", f"the bytes of {files[1]}", str(sidecar)):
        assert sum(part in text for text in told) == 1
