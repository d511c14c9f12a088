"""Promises of the sweep: what is old and named by nothing goes; all else stays, whatever names and links say."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyiceberg.table import Table

from lakehouse.archive import open_archive
from lakehouse.catalog import open_catalog
from lakehouse.ops import FETCHES, Ops
from lakehouse.settings import Settings
from lakehouse.storage import LocalStorage, StoredFile
from lakehouse.upkeep import orphans
from lakehouse.upkeep.orphans import Orphans
from lakehouse.upkeep.references import references
from tests.support.raw_table import CONTRACT, land, stored

STORAGE = LocalStorage()
A_DAY_AGO = datetime.now(UTC) - timedelta(days=1)


def aged(path: Path, content: bytes = b"lost", days: float = 2) -> Path:
    """A file of some age."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    instant = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    os.utime(path, (instant, instant))
    return path


def listed(path: Path) -> StoredFile:
    """As a listing has it."""
    return StoredFile(str(path), 4, A_DAY_AGO)


@pytest.fixture
def table(settings: Settings) -> Table:
    """A table of two landings, all of its files two days old."""
    for number in range(2):
        land(settings, [("a", "p", number, number)])
    for path in (settings.root / "warehouse").rglob("*.*"):
        os.utime(path, (A_DAY_AGO.timestamp() - 86_400,) * 2)
    return open_catalog(settings).load_table(("raw", CONTRACT.name))


def found(settings: Settings, *tables: Table) -> list[Orphans]:
    return orphans.of_tables(settings.warehouse, list(STORAGE.list(settings.warehouse)), tables, A_DAY_AGO)


def names(orphan: Orphans) -> set[str]:
    return {Path(file.uri).name for file in orphan.files}


def swept(settings: Settings, table: Table) -> set[str]:
    (orphan,) = found(settings, table)
    orphans.sweep(STORAGE, table.location(), orphan)
    return names(orphan)


def test_only_old_files_that_no_snapshot_names_go_and_every_snapshot_reads_on(settings: Settings, table: Table) -> None:
    folder = Path(table.location())
    before = {path for path in folder.rglob("*") if path.is_file()}
    aged(folder / "data" / "lost.parquet")
    aged(folder / "metadata" / "lost-m0.avro")
    aged(folder / "data" / "young.parquet", days=0.5)
    aged(folder / "notes.txt")
    assert swept(settings, table) == {"lost.parquet", "lost-m0.avro"}
    assert before < {path for path in folder.rglob("*") if path.is_file()}
    assert (folder / "data" / "young.parquet").exists()
    assert (folder / "notes.txt").exists()  # not in a folder that holds the table's files alone
    for snapshot in table.metadata.snapshots:
        table.scan(snapshot_id=snapshot.snapshot_id).to_arrow()
    assert swept(settings, table) == set()


def test_files_of_expired_snapshots_are_orphans(settings: Settings, table: Table) -> None:
    land(settings, [("a", "p", 1, 9)])  # rewrites a file
    table.refresh()
    head = table.current_snapshot()
    assert head is not None
    held = references(table).held
    table.maintenance.expire_snapshots().by_ids(
        [s.snapshot_id for s in table.metadata.snapshots if s.snapshot_id != head.snapshot_id]
    ).commit()
    freed = swept(settings, table)
    assert any(name.endswith(".parquet") for name in freed)
    assert freed < {Path(uri).name for uri in held}
    assert stored(settings) == [("a", "p", 0, 0), ("a", "p", 1, 9)]


def test_nothing_is_deleted_through_links(settings: Settings, table: Table, tmp_path: Path) -> None:
    folder = Path(table.location())
    outside = aged(tmp_path / "outside" / "precious.parquet")
    (folder / "data" / "linked").symlink_to(outside.parent)
    (folder / "data" / "link.parquet").symlink_to(outside)
    aged(folder / "data" / "precious.parquet")
    (orphan,) = found(settings, table)
    assert names(orphan) == {"link.parquet", "precious.parquet"}
    (folder / "data").rename(tmp_path / "moved")  # after the listing the folder becomes a link
    (folder / "data").symlink_to(outside.parent)
    orphans.sweep(STORAGE, table.location(), orphan)
    assert outside.read_bytes() == b"lost"
    (folder / "data").unlink()
    (tmp_path / "moved").rename(folder / "data")
    orphans.sweep(STORAGE, table.location(), orphan)
    assert outside.read_bytes() == b"lost"
    assert not (folder / "data" / "precious.parquet").exists()


@pytest.mark.parametrize("uri", ["/etc/passwd", "{place}/../escape", "{place}/data/../../escape", "{place}-other/file"])
def test_names_that_lead_out_of_a_place_are_not_deleted(tmp_path: Path, uri: str) -> None:
    place = tmp_path / "place"
    (place / "data").mkdir(parents=True)
    for name in ("escape", "place-other/file"):
        aged(tmp_path / name)
    hostile = Path(uri.format(place=place))
    orphans.sweep(STORAGE, str(place), Orphans("raw.thing", (listed(hostile),)))
    assert (tmp_path / "escape").exists()
    assert (tmp_path / "place-other/file").exists()


def test_a_table_elsewhere_or_one_that_overlaps_another_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    catalog = open_catalog(settings)
    land(settings, [("a", "p", 0, 0)])
    schema = catalog.load_table(("raw", CONTRACT.name)).schema()
    away = catalog.create_table("raw.away", schema, location=str(tmp_path / "elsewhere"))
    inner = catalog.load_table(("raw", CONTRACT.name))
    aged(tmp_path / "elsewhere" / "data" / "x.parquet")
    reasons = [orphan.given_up or "" for orphan in found(settings, away, inner)]
    assert "is not in the warehouse" in reasons[0]
    assert reasons[1] == ""
    root = catalog.create_table("raw.root", schema, location=settings.warehouse)
    assert all(orphan.given_up for orphan in found(settings, root, inner))
    nested = catalog.create_table("raw.nested", schema, location=f"{inner.location()}/data/nested")
    assert all("overlaps" in (orphan.given_up or "") for orphan in found(settings, inner, nested))


def test_a_warehouse_whose_names_changed_is_left_alone(settings: Settings, table: Table) -> None:
    for path in (Path(table.location()) / "data").iterdir():
        path.rename(path.with_name(f"renamed-{path.name}"))
    (orphan,) = found(settings, table)
    assert "are not where its metadata say" in (orphan.given_up or "")
    assert orphan.files == ()


def test_what_a_killed_replay_left_goes_and_what_a_running_one_writes_stays(settings: Settings) -> None:
    for namespace in ("replay_0123abcd", "replay_89abcdef", "replayed", "other"):
        aged(settings.root / "warehouse" / namespace / "t" / "data" / f"{namespace}.parquet")
    listing = list(STORAGE.list(settings.warehouse))
    lost = orphans.of_replays(settings.warehouse, listing, ["raw", "replay_89abcdef"], A_DAY_AGO)
    assert names(lost) == {"replay_0123abcd.parquet"}


def test_archived_bytes_that_a_sidecar_or_ops_names_stay(settings: Settings) -> None:
    archive, ops = open_archive(settings), Ops(settings)
    kept = archive.receive(io.BytesIO(b"named"), run_id="r", sequence=0, source="s", path="p", request={}).receipt
    root = Path(archive.root)
    for sha256, days in (("ab" + "0" * 62, 2.0), ("ab" + "1" * 62, 0.5), ("ab" + "2" * 62, 2.0)):
        aged(root / "ab" / f"{sha256}.zst", days=days)
    aged(root / "ab" / f".{'3' * 64}.zst.{'f' * 32}")
    aged(root / "ab" / "readme.zst")
    fetched = {"run_id": "r", "source": "s", "sha256": "ab" + "2" * 62, "status": "failed", "attempt": 1}
    ops.insert({FETCHES: [fetched]})
    os.utime(archive.object(kept.sha256), (A_DAY_AGO.timestamp() - 10,) * 2)
    lost = orphans.of_archive(archive, ops, A_DAY_AGO)
    assert names(lost) == {f"ab{'0' * 62}.zst", f".{'3' * 64}.zst.{'f' * 32}"}
    orphans.sweep(archive.storage, archive.root, lost)
    assert archive.get(kept.sha256) == b"named"


def test_work_folders_of_dead_runs_go_and_a_working_one_stays(settings: Settings) -> None:
    work = settings.root / "tmp"
    aged(work / "land" / "dead" / "deep" / "x.parquet", b"12345")
    aged(work / "land" / "alive" / "old.parquet")
    (work / "land" / "alive" / "new.parquet").write_text("")
    aged(work / "partial_parse.msgpack")
    for folder in (work / "land" / "dead" / "deep", work / "land" / "dead"):
        os.utime(folder, (A_DAY_AGO.timestamp() - 10,) * 2)
    lost = orphans.of_work(settings, Ops(settings), A_DAY_AGO)
    assert names(lost) == {"dead"}
    assert lost.bytes >= 5
    orphans.sweep(STORAGE, str(work), lost)
    assert sorted(path.name for path in work.rglob("*") if path.is_file()) == [
        "new.parquet", "old.parquet", "partial_parse.msgpack",
    ]  # fmt: skip


def test_a_work_folder_that_ends_meanwhile_is_no_orphan(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = settings.root / "tmp" / "build"
    monkeypatch.setattr(orphans, "work_folders", lambda _: iter([gone]))
    assert orphans.of_work(settings, Ops(settings), datetime.now(UTC)).files == ()
    assert orphans.state_of(gone) is None
