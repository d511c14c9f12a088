"""What runs by itself: schedules fire, somebody is told of what goes wrong, and the doctor sees when nothing runs."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import IntervalSchedule, RRuleSchedule

from flows import prefect_doctor
from flows.automations import apply
from lakehouse.catalog import open_catalog
from lakehouse.database import exclusive
from lakehouse.landing.holding import lock_of
from lakehouse.settings import Settings
from lakehouse.upkeep.doctor import Finding, examine
from tests.support.device_files import minutes, write_signal
from tests.support.house import land_meter
from tests.support.servers.prefect_service import PrefectService, scheduled, until

TELLING = ("tell-of-failed-runs", "tell-of-stale-sources", "tell-of-no-worker")


def by_schedule(prefect: PrefectService, deployment: str) -> list[FlowRun]:
    """Runs of a deployment that the server's scheduler has made."""
    return [run for run in prefect.runs(deployment) if run.auto_scheduled]


def findings(prefect: PrefectService, monkeypatch: pytest.MonkeyPatch) -> dict[str, Finding]:
    monkeypatch.setenv("PREFECT_API_URL", f"{prefect.url}/api")
    return {finding.name: finding for finding in examine(prefect.settings, prefect_doctor.CHECKS)}


def test_every_active_schedule_gives_runs_and_a_run_that_nobody_asked_for_completes(
    prefect: PrefectService, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = scheduled()
    assert len(names) >= 6
    prefect.schedules(*names, active=True)
    for name in names:
        until(lambda name=name: by_schedule(prefect, name))
    told = findings(prefect, monkeypatch)
    assert told["schedules"].says == f"{len(names)} deployments have active schedules, all with runs to come"
    assert {told[name].status for name in ("Prefect", "schedules", "workers", "notifications")} == {"ok"}
    prefect.schedules(*names, active=False)

    # Every five minutes is long to wait for; a schedule of ten seconds goes the same way.
    inbox = prefect.client.read_deployment_by_name("inbox/bess-inbox")
    often = IntervalSchedule(interval=timedelta(seconds=10))
    (made,) = prefect.client.create_deployment_schedules(inbox.id, [(often, True)])
    done = until(lambda: [r for r in by_schedule(prefect, "inbox/bess-inbox") if r.state and r.state.is_completed()])
    prefect.client.delete_deployment_schedule(inbox.id, made.id)
    assert done[0].name.startswith("inbox bess 20"), "a run is named for what it does"
    # Those that had their turn meanwhile end before another test asks for a run of its own.
    for name in names:
        until(lambda name=name: all(run.state and run.state.is_final() for run in by_schedule(prefect, name)))
    assert prefect.failed_loops() == []


def test_the_doctor_says_which_active_schedules_have_no_run(
    prefect: PrefectService, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert findings(prefect, monkeypatch)["schedules"].says == "no schedule is active: nothing runs by itself"
    archive = prefect.client.read_deployment_by_name("replay/archive")
    nothing_to_come = RRuleSchedule(rrule="DTSTART:20200101T000000\nFREQ=DAILY;COUNT=1")
    (made,) = prefect.client.create_deployment_schedules(archive.id, [(nothing_to_come, True)])
    try:
        found = findings(prefect, monkeypatch)["schedules"]
        assert (found.status, found.says) == ("ok", "deployed just now: no run is scheduled yet of archive")
        monkeypatch.setattr(prefect_doctor, "SCHEDULER_SLACK", -prefect_doctor.SCHEDULER_SLACK)
        found = findings(prefect, monkeypatch)["schedules"]
    finally:
        prefect.client.delete_deployment_schedule(archive.id, made.id)
    assert found.status == "problem"
    assert found.says == "1 deployments have active schedules, and no run is scheduled of archive"
    assert "prefect server start" in found.mend


def test_automations_are_made_once_then_updated_and_off_while_there_is_nobody_to_tell(prefect: PrefectService) -> None:
    apply()  # whatever another test has made
    off = dict(apply(block="nobody"))
    assert off == {
        "mark-zombies-crashed": "updated",
        **dict.fromkeys(TELLING, "updated, off: there is no notification block 'nobody'"),
    }
    assert not any(prefect.client.read_automations_by_name(name)[0].enabled for name in TELLING)
    assert dict(apply()) == dict.fromkeys(off, "updated")
    for name in TELLING:
        (automation,) = prefect.client.read_automations_by_name(name)
        assert automation.enabled


def test_what_goes_wrong_is_told_by_name(prefect: PrefectService, tmp_path: Path) -> None:
    prefect.python("-m", "flows.automations")
    home = Settings(home=tmp_path / "home", threads=2)
    land_meter(home, write_signal(tmp_path, "told", "com_ap", [(s, 1) for s in minutes("2024-06-01", 4)]))
    table = open_catalog(home).load_table(("raw", "meter_observations"))
    table.append(table.scan().to_arrow().slice(0, 2))  # past the writer: two keys a second time
    folder = home.inbox_path / "bess"
    folder.mkdir(parents=True)
    (folder / "<!channel> odd.csv").write_text("colour\nred\n")

    environment = {"WATTLAKE_HOME": str(home.root), "WATTLAKE_THREADS": "2"}
    archive = prefect.client.read_deployment_by_name("replay/archive")
    with exclusive(home.ops_uri, lock_of("meter_observations")):  # it stands still until it is killed
        killed = prefect.client.create_flow_run_from_deployment(
            archive.id, parameters={"dry_run": True}, job_variables={"env": environment}
        ).id
        until(lambda: prefect.task_runs(killed))
        process = prefect.process(killed)
        assert process is not None
        os.kill(process, signal.SIGKILL)
    assert prefect.finished(killed).name == "Crashed"
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "Failed": ("backfill/history", {"paths": [str(tmp_path / "absent")]}),
        "Refused": ("inbox/bess-inbox", {"settle_s": 0}),
        "Stale": ("freshness/sources", {}),
        "ChecksFailed": ("transform/marts", {}),
    }
    runs: dict[str, UUID] = {}
    for name, (deployment, parameters) in asked.items():
        # One after the other: with its database in SQLite, Prefect drops an event that finds it locked four times.
        runs[name], state = prefect.here(deployment, environment, **parameters)
        assert state.name == name

    def told(run: UUID, *words: str) -> dict[str, str]:
        return prefect.message(f"{prefect.url}/runs/flow-run/{run}", *words)

    assert "replay 20" in told(killed, "Crashed")["subject"]
    assert "absent does not exist" in told(runs["Failed"], "Failed")["body"]
    refused = told(runs["Refused"], "Refused")
    assert refused["subject"].startswith("Wattlake: inbox bess 20")
    assert "\u2039!channel\u203a odd.csv is no known bess file" in refused["body"]
    assert "<" not in refused["body"]
    assert "observations_unique" in told(runs["ChecksFailed"], "ChecksFailed")["body"]
    stale = prefect.message("meter is stale")
    assert stale["body"].startswith("raw.meter_observations: the newest row is of 2024-05-31 22:45 UTC, ")
    assert "hours old; its contract allows 48" in stale["body"]
    for run in runs.values():
        # One without a type is what Prefect keeps of a run that raised.
        assert all(artifact.description for artifact in prefect.artifacts(run) if artifact.type)
    assert prefect.failed_loops() == []
