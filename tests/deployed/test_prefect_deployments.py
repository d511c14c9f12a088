"""Deployments as their users run them: a real server, a worker, every deployment to its end, well and badly."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from filelock import FileLock
from prefect.client.schemas.objects import FlowRun

from ingest.registry import registry
from lakehouse.ops import RUNS, SLICES, Ops
from lakehouse.reader import open_session
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.device_files import minutes, write_signal
from tests.support.house import land, rows
from tests.support.servers.prefect_service import PrefectService, descendants, prefect_service, until


def raw_rows(settings: Settings, asset_like: str) -> dict[str, int]:
    """Rows in raw.meter_observations by asset."""
    connection = open_session(settings, registry().contracts)
    try:
        sql = f"SELECT asset_id, count(*) FROM raw.meter_observations WHERE asset_id LIKE '{asset_like}' GROUP BY ALL"
        return dict(connection.execute(sql).fetchall())
    finally:
        connection.close()


def meter_file(folder: Path, asset: str, day: str = "2024-06-01") -> Path:
    return write_signal(folder, asset, "com_ap", [(s, 1 + i % 3) for i, s in enumerate(minutes(day, 96))])


def history(folder: Path, assets: int) -> list[Path]:
    """Many small files; landed one a commit they take a while."""
    return [meter_file(folder, f"{folder.name}{number:03d}") for number in range(assets)]


def attempts(prefect: PrefectService, run: UUID) -> list[int]:
    return [task.run_count for task in prefect.task_runs(run)]


def test_dropped_files_land_and_builds_follow_one_after_another(prefect: PrefectService, tmp_path: Path) -> None:
    inbox = prefect.settings.inbox_path / "bess"
    batteries = ("b1", "b2", "b3")
    for number, battery in enumerate(batteries):
        power = [(s, number - i % 3) for i, s in enumerate(minutes("2024-06-01", 96))]
        write_signal(inbox, battery, "battery_w", power)
    (inbox / "unknown|<b>.csv").write_text("colour\nred\n")

    def asked_for() -> list[FlowRun]:
        return [run for run in prefect.runs("transform/marts") if run.created_by]

    before = {run.id for run in asked_for()}  # by landings of other tests
    # The build that the landing asks for holds still until all have been asked for, however fast it is.
    with Ops(prefect.settings).alone("build"):
        run, state = prefect.run("inbox/bess-inbox", options={"site": "drop"}, settle_s=0.5)
        assert (state.is_failed(), state.name) == (True, "Refused")  # red, among the failed ones, and what it is
        assert str(state.message).startswith(f"{len(batteries)} landed, 1 refused")
        assert attempts(prefect, run) == [1]
        shown = prefect.markdown(run)
        assert "### Refused: 1" in shown
        assert "unknown\\|&lt;b&gt;.csv" in shown
        assert [path for path in inbox.rglob("*") if path.is_file()] == []

        # The landing's event asks for a build; two more that are asked for while it runs wait, and do the work of one.
        built = until(lambda: [r.id for r in asked_for() if r.id not in before and prefect.task_runs(r.id)])
        (automation,) = prefect.client.read_automations_by_name("build-after-landing")
        prefect.client.pause_automation(automation.id)  # the landings of other tests build nothing
        more = [prefect.start("transform/marts") for _ in range(2)]
        until(lambda: all(prefect.state(run).name == "AwaitingConcurrencySlot" for run in more))
    assert prefect.finished(built[0]).is_completed()
    assert "Published build" in prefect.markdown(built[0])
    landed = rows(
        prefect.settings, "SELECT asset_id, sum(n) FROM lod_1d WHERE asset_id LIKE 'drop/%' GROUP BY 1 ORDER BY 1"
    )
    assert landed == [(f"drop/{battery}", 96) for battery in batteries]
    assert sorted((prefect.finished(run).name, str(prefect.state(run).message)[-44:]) for run in more) == [
        ("Cancelled", "than this was asked for and builds the same."),
        ("Completed", "nothing has changed"),
    ]


def test_of_two_landings_of_a_source_at_once_one_is_cancelled(prefect: PrefectService, tmp_path: Path) -> None:
    paths = [str(meter_file(tmp_path, "overlap"))]
    both = [prefect.start("land/meter", paths=paths, options={}) for _ in range(2)]
    states = sorted((prefect.finished(run).name, prefect.state(run).message) for run in both)
    assert states == [
        ("Cancelled", "Deployment concurrency limit reached."),
        ("Completed", "1 landed; 96 rows new or replaced"),
    ]


def test_a_terminal_failure_is_not_tried_again_and_says_what_to_do(prefect: PrefectService, tmp_path: Path) -> None:
    unknown = tmp_path / "unknown.csv"
    unknown.write_text("colour\nred\n")
    runs = {
        "none of 1 files landed": prefect.here("land/meter", paths=[str(unknown)]),
        "does not exist": prefect.here("backfill/history", paths=[str(tmp_path / "absent")]),
    }
    for message, (run, state) in runs.items():
        assert state.is_failed()
        assert message in str(state.message)
        assert attempts(prefect, run) == [1]
    refused = prefect.markdown(runs["none of 1 files landed"][0])
    assert "### Refused: 1" in refused
    assert "write a layout file for it" in refused


def test_a_transient_failure_is_tried_again_and_recovers(prefect: PrefectService) -> None:
    inbox = prefect.settings.inbox_path
    meter_file(inbox / "meter", "patient")
    with FileLock(inbox / ".meter.lock"):  # as another run holds it
        run = prefect.start("inbox/meter-inbox", settle_s=0)
        until(lambda: [t for t in prefect.task_runs(run) if t.state and t.state.name == "AwaitingRetry"])
    assert prefect.finished(run).is_completed()
    assert attempts(prefect, run)[0] > 1
    assert raw_rows(prefect.settings, "patient") == {"patient": 96}


def test_an_empty_inbox_completes_and_says_so(prefect: PrefectService) -> None:
    run, state = prefect.here("inbox/bess-inbox")
    assert state.message == f"nothing waits in {prefect.settings.inbox_path / 'bess'}"
    assert prefect.artifacts(run) == []


def test_a_cancelled_run_leaves_whole_commits_a_record_and_a_house_that_goes_on(
    prefect: PrefectService, tmp_path: Path
) -> None:
    files = history(tmp_path / "c", 60)
    ops = Ops(prefect.settings)
    landed = sa.select(SLICES.c.file).where(SLICES.c.file.startswith(str(tmp_path / "c")))
    run = prefect.start("backfill/history", paths=[str(tmp_path / "c")], batch=1)
    until(lambda: len(ops.query(landed)) > 2)
    prefect.cancel(run)
    assert prefect.finished(run).is_cancelled()
    before = {Path(file).parent.name for (file,) in ops.query(landed)}
    assert 2 < len(before) < len(files)
    whole = raw_rows(prefect.settings, "c0%")
    assert set(whole.values()) == {96}
    assert before <= set(whole) and len(whole) - len(before) <= 1  # killed between a commit and its record
    backfills = sa.select(RUNS.c.status, RUNS.c.error).where(RUNS.c.kind == "backfill").order_by(RUNS.c.started_at)
    cancelled = len(ops.query(backfills)) - 1
    _, state = prefect.here("backfill/history", paths=[str(tmp_path / "c")], batch=30)
    assert state.is_completed()
    records = ops.query(backfills)
    assert "running" not in {status for status, _ in records}
    # DuckDB says it in its own words where the signal meets one of its statements; a library that swallows the signal
    # lets the run go on until it is killed after 30 s, and the next run says of it that it was interrupted.
    interrupted = ("TerminationSignal: ", "RuntimeError: Query interrupted", "interrupted")
    status, error = records[cancelled]
    assert status == "failed" and str(error).startswith(interrupted), records
    assert raw_rows(prefect.settings, "c0%") == {path.parent.name: 96 for path in files}


def test_the_archive_replays_equal(prefect: PrefectService, tmp_path: Path) -> None:
    land(prefect.settings, "meter", [meter_file(tmp_path, "replayed")], LandOptions())
    run, state = prefect.here("replay/archive", dry_run=True)
    assert state.is_completed()
    assert state.message == "all tables equal the archive"
    assert "| raw.meter\\_observations |" in prefect.markdown(run)


def test_maintenance_runs_and_shows_where_the_bytes_are(prefect: PrefectService) -> None:
    run, state = prefect.here("maintain/tables")
    assert state.is_completed()
    assert "MB after" in str(state.message)
    assert "| raw.meter\\_observations |" in prefect.markdown(run)


@pytest.mark.nightly
def test_a_run_whose_worker_and_process_were_killed_is_marked_crashed_told_and_can_run_again(tmp_path: Path) -> None:
    files = history(tmp_path / "z", 200)
    with prefect_service(tmp_path / "service") as service:
        service.python("-m", "flows.automations")
        landed = sa.select(SLICES.c.id)
        with service.worker("doomed") as worker:
            run = service.start("backfill/history", paths=[str(tmp_path / "z")], batch=1)
            until(lambda: len(Ops(service.settings).query(landed)) > 2)
            for pid in (worker.pid, *descendants(worker.pid)):
                os.kill(pid, signal.SIGKILL)
        assert service.state(run).is_running()
        assert until(lambda: (state := service.state(run)).is_final() and state).is_crashed()
        assert "No heartbeat for 90 s" in service.message(f"/runs/flow-run/{run}", "backfill meter: z: Crashed")["body"]
        assert service.message("no worker polls the pool wattlake")
        with service.worker("next"):
            _, state = service.run("backfill/history", paths=[str(tmp_path / "z")], batch=100)
        assert state.is_completed()
        assert raw_rows(service.settings, "z%") == {path.parent.name: 96 for path in files}
