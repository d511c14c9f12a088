"""The archive alone gives the raw tables back, row for row."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.catalog import open_catalog
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.device_files import minutes, write_signal
from tests.support.house import KeptHome, land, land_meter, replay


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> KeptHome:
    """Conflicts, doubles, refused rows, a refused file, and bytes that landed twice with different zones."""
    tmp_path = tmp_path_factory.mktemp("landed")
    settings = Settings(home=tmp_path / "home", threads=2)
    stamps = minutes("2024-06-01", 12)
    land_meter(settings, write_signal(tmp_path / "a", "m1", "com_ap", [(s, i) for i, s in enumerate(stamps)]))
    land_meter(settings, write_signal(tmp_path / "b", "m1", "com_ap", [(s, 7) for s in stamps[:3]]))
    land_meter(
        settings,
        write_signal(tmp_path / "c", "m2", "pos_ae", [(s, "x" if i == 2 else i) for i, s in enumerate(stamps)]),
    )
    twice = write_signal(tmp_path / "d", "m3", "com_ap", [(s, i) for i, s in enumerate(stamps)])
    land_meter(settings, twice)
    land_meter(settings, twice, timezone="Asia/Tokyo")
    unknown = tmp_path / "unknown.csv"
    unknown.write_text("colour\nred\n")
    assert not land(settings, "meter", [unknown], LandOptions()).ok
    return KeptHome(settings)


@pytest.fixture
def landed(kept: KeptHome) -> Settings:
    return kept.put_back()


def contents(settings: Settings) -> dict[str, list[dict[str, object]]]:
    """Rows of every raw table that holds any."""
    catalog = open_catalog(settings)
    tables = {
        name: sorted(catalog.load_table(("raw", name)).scan().to_arrow().to_pylist(), key=str)
        for _, name in catalog.list_tables("raw")
    }
    return {name: rows for name, rows in tables.items() if rows}


def test_a_replay_of_sound_tables_finds_them_equal_and_commits_nothing(landed: Settings) -> None:
    before = contents(landed)
    assert len(before["meter_observations"]) == 12 + 11 + 12
    assert {row["reason"] for row in before["quarantine"]}
    snapshots = {name: open_catalog(landed).load_table(("raw", name)).metadata_location for name in before}
    assert {table.outcome for table in replay(landed).tables} == {"equal"}
    assert contents(landed) == before
    assert {n: open_catalog(landed).load_table(("raw", n)).metadata_location for n in before} == snapshots


def test_lost_and_falsified_rows_come_back_from_the_archive(landed: Settings) -> None:
    before = contents(landed)
    catalog = open_catalog(landed)
    observed = catalog.load_table(("raw", "meter_observations"))
    observed.delete("asset_id = 'm1'", snapshot_properties={"wattlake.no-change": "true"})
    catalog.drop_table(("raw", "signals"))
    dry = {table.table: table for table in replay(landed, dry_run=True).tables}
    assert (dry["meter_observations"].missing, dry["meter_observations"].outcome) == (12, "differs")
    outcomes = {table.table: table.outcome for table in replay(landed).tables}
    assert outcomes["meter_observations"] == outcomes["signals"] == "replaced"
    assert contents(landed) == before
    assert sorted(catalog.list_namespaces()) == [("marts",), ("raw",)]


@pytest.mark.parametrize("kept_bytes", [20, *(pytest.param(length, marks=pytest.mark.nightly) for length in (None, 0))])
def test_a_replay_without_some_bytes_says_which_and_takes_no_row_away(landed: Settings, kept_bytes: int | None) -> None:
    before = contents(landed)
    catalog = open_catalog(landed)
    catalog.drop_table(("raw", "signals"))
    # What m2 sent: it has a table of its own, the quarantine, beside its observations.
    lost = next(row["source_object"] for row in before["meter_observations"] if row["asset_id"] == "m2")
    (archived,) = Path(landed.archive).rglob(f"{lost}.zst")
    if kept_bytes is None:
        archived.unlink()
    else:
        archived.write_bytes(archived.read_bytes()[:kept_bytes])
    report = replay(landed)
    assert [named.split(" ")[0] for named in report.damaged] == [lost]
    outcomes = {table.table: table.outcome for table in report.tables}
    assert (outcomes["meter_observations"], outcomes["signals"]) == ("kept", "replaced")
    after = contents(landed)
    assert after["meter_observations"] == before["meter_observations"]
    assert {row["asset_id"] for row in after["signals"]} == {"m1", "m3"}
    # Landing the original again mends the archive, and the replay is whole again.
    land_meter(landed, *Path(landed.root).parent.glob("c/*/*.csv"))
    assert replay(landed).damaged == []
    assert contents(landed) == before


def test_a_damaged_receipt_is_named_and_the_others_are_replayed(landed: Settings) -> None:
    before = contents(landed)
    sidecars = sorted(Path(landed.archive).glob("received/*.json"))
    damaged = next(path for path in sidecars if '"path"' in (text := path.read_text()) and "/c/" in text)
    damaged.write_bytes(damaged.read_bytes()[:100])
    report = replay(landed)
    assert report.damaged == [str(damaged)]
    assert report.receipts == 4
    assert contents(landed) == before


def test_bytes_of_a_run_that_failed_after_its_commit_are_not_lost(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_signal(tmp_path, "m1", "com_ap", [(stamp, 1) for stamp in minutes("2024-06-01", 4)])
    with monkeypatch.context() as patch:
        patch.setattr("lakehouse.ops.Ops.insert", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            land_meter(settings, path)
    before = contents(settings)
    assert len(before["meter_observations"]) == 4
    assert {table.outcome for table in replay(settings).tables} == {"equal"}
    assert contents(settings) == before
