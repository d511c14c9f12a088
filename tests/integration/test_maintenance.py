"""Promises of maintenance over a whole house: builds, landings and readers do not notice it."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from ingest.registry import registry
from lakehouse.archive import open_archive
from lakehouse.archive_age import drop_landed
from lakehouse.errors import TerminalError
from lakehouse.ops import RUNS, Ops
from lakehouse.reader import open_session
from lakehouse.settings import Settings
from lakehouse.upkeep.maintain import MaintainReport
from tests.support.device_files import minutes, write_signal
from tests.support.house import build, land_meter, maintain, replay, rows
from tests.support.servers.s3 import S3Server

TABLE = "raw.meter_observations"
#: Landings of the process that lands while others maintain and read.
LANDINGS = 4


def strict(settings: Settings) -> Settings:
    """The same home, in which nothing old stays longer than it must."""
    return dataclasses.replace(settings, snapshot_days=0, snapshots_kept=1)


def land_days(settings: Settings, folder: Path, asset: str, days: range) -> None:
    """One landing a day."""
    for day in days:
        stamps = minutes(f"2024-07-{day:02d}", 4)
        land_meter(settings, write_signal(folder / f"{day}", asset, "com_ap", [(stamp, day) for stamp in stamps]))


def maintained(settings: Settings) -> MaintainReport:
    """Maintenance to which every file that nothing names is old enough."""
    return maintain(strict(settings), sweep=True, older_than=timedelta(0))


def outcome(report: MaintainReport, table: str = TABLE) -> tuple[str, str]:
    compacted = {done.table: done.outcome for done in report.compacted}
    expired = {done.table: done.outcome for done in report.expired}
    return compacted[table], expired[table]


@pytest.mark.nightly
def test_builds_do_not_notice_maintenance(house: Settings, tmp_path: Path) -> None:
    land_days(house, tmp_path, "kept1", range(1, 4))
    first = maintained(house)
    assert outcome(first)[0] == "compacted"
    report = build(house)
    assert report.mode == "incremental"  # what changed since the published pins could still be told
    found = rows(house, "SELECT local_date::VARCHAR, mean FROM lod_1d WHERE asset_id = 'kept1' ORDER BY 1")
    assert found == [(f"2024-07-0{day}", float(day)) for day in (1, 2, 3)]
    again = maintained(house)
    assert outcome(again) == ("nothing to do", "expired")
    live = {use.place: use.held_bytes for use in again.after}
    assert live[TABLE] < {use.place: use.held_bytes for use in again.before}[TABLE]
    idle = maintained(house)
    assert outcome(idle)[0] == "nothing to do"
    assert sum(orphan.count for orphan in idle.orphans) == 0
    assert build(house).mode == "nothing"
    assert rows(house, "SELECT count(*) FROM lod_1d WHERE asset_id = 'kept1'") == [(3,)]
    assert {table.outcome for table in replay(house, dry_run=True).tables} == {"equal"}


def test_a_dry_run_changes_no_file_and_says_what_would_be_done(settings: Settings, tmp_path: Path) -> None:
    land_days(settings, tmp_path, "m", range(2, 4))
    warehouse = settings.root / "warehouse"
    before = {path: path.stat().st_mtime_ns for path in warehouse.rglob("*")}
    result = CliRunner(env={"WATTLAKE_HOME": str(settings.root)}).invoke(
        main, ["maintain", "--dry-run", "--sweep", "--format", "json"]
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert {done["table"]: done["outcome"] for done in report["compacted"]}[TABLE] == "would compact"
    assert report["swept"] is False
    assert {path: path.stat().st_mtime_ns for path in warehouse.rglob("*")} == before
    (run,) = Ops(settings).query(RUNS.select().where(RUNS.c.kind == "maintain"))
    assert run.status == "done"


def test_a_table_that_does_not_exist_is_wrong_usage(settings: Settings) -> None:
    result = CliRunner(env={"WATTLAKE_HOME": str(settings.root)}).invoke(main, ["maintain", "--tables", "raw.nothing"])
    assert result.exit_code == 2
    assert "there is no table raw.nothing" in result.stderr


def test_a_replay_of_dropped_bytes_is_refused_and_no_row_is_lost(settings: Settings, tmp_path: Path) -> None:
    land_days(settings, tmp_path, "m", range(1, 2))
    drop_landed(open_archive(settings), datetime.now(UTC))
    with pytest.raises(TerminalError, match=r"their bytes were dropped after\s+WATTLAKE_ARCHIVE_DAYS"):
        replay(settings)
    assert count(settings) == 4


def count(settings: Settings) -> int:
    connection = open_session(settings, registry().contracts)
    try:
        (found,) = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchall()
        return int(found[0])
    finally:
        connection.close()


def _land(home: Path, folder: Path) -> None:
    land_days(Settings(home=home, threads=1), folder, "m", range(1, LANDINGS + 1))


def _maintain(home: Path, stop: object) -> None:
    while True:
        last = stop.is_set()
        maintain(strict(Settings(home=home, threads=1)))
        if last:
            return


def test_landings_readers_and_maintenance_run_beside_each_other(settings: Settings, tmp_path: Path) -> None:
    land_days(settings, tmp_path, "m", range(LANDINGS + 1, LANDINGS + 2))
    processes = multiprocessing.get_context("spawn")
    stop = processes.Event()
    lander = processes.Process(target=_land, args=(settings.root, tmp_path))
    keeper = processes.Process(target=_maintain, args=(settings.root, stop))
    lander.start()
    keeper.start()
    seen = [count(settings)]
    while lander.is_alive():
        seen.append(count(settings))
    stop.set()
    for process in (lander, keeper):
        process.join(timeout=300)
        assert process.exitcode == 0
    assert seen == sorted(seen)
    assert all(found % 4 == 0 for found in seen)  # whole landings
    assert count(settings) == 4 * (LANDINGS + 1)
    report = maintained(settings)
    assert {done.table: done.files_after for done in report.compacted}[TABLE] <= 2
    assert count(settings) == 4 * (LANDINGS + 1)
    statuses = Ops(settings).query(RUNS.select().with_only_columns(RUNS.c.status).distinct())
    assert statuses == [("done",)]


def test_maintenance_of_a_house_on_s3_and_postgres(s3_server: S3Server, postgres_uri: str, tmp_path: Path) -> None:
    bucket = s3_server.make_bucket("maintained")
    settings = Settings(
        home=tmp_path / "home", threads=2, catalog_uri=postgres_uri, warehouse=f"{bucket}/warehouse",
        archive=f"{bucket}/archive", **s3_server.settings(),
    )  # fmt: skip
    land_days(settings, tmp_path, "m", range(2, 4))
    s3_server.files().pipe_file(f"{bucket}/warehouse/raw/meter_observations/data/lost.parquet", b"lost")
    # S3 tells the age of an object in whole seconds.
    report = maintain(strict(settings), sweep=True, older_than=timedelta(seconds=-2))
    assert outcome(report) == ("compacted", "expired")
    (lost,) = (orphan for orphan in report.orphans if orphan.place == TABLE)
    assert lost.given_up is None
    assert "lost.parquet" in {file.uri.rsplit("/", 1)[-1] for file in lost.files}
    assert {use.place: use.loose_bytes for use in report.after}[TABLE] == 0
    assert count(settings) == 8
    assert {table.outcome for table in replay(settings, dry_run=True).tables} == {"equal"}
