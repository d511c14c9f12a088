"""Deployed flows over the whole home: build the marts, replay the archive, maintain the tables."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_client, get_run_logger, runtime
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled, Completed, Failed
from prefect.types._datetime import now

from flows.deployed import events, names, outcomes
from flows.deployed.attempts import attempted
from flows.report import artifacts
from ingest.registry import registry
from lakehouse.errors import ChecksFailed
from lakehouse.inventory import Freshness
from lakehouse.inventory import freshness as freshness_of
from lakehouse.landing.replay import ReplayReport
from lakehouse.landing.replay import replay as replay_archive
from lakehouse.marts.build import BuildReport
from lakehouse.marts.build import build as build_marts
from lakehouse.settings import Settings
from lakehouse.upkeep.maintain import MaintainReport
from lakehouse.upkeep.maintain import maintain as maintain_house


@flow(persist_result=False, flow_run_name=names.house)
def transform(full_refresh: bool = False) -> State[dict[str, Any]]:
    """Rebuild the marts that changed, check and publish them. Builds that wait behind this one are cancelled.

    Args:
        full_refresh: Rebuild every mart from the raw tables.
    """
    _absorb_waiting(full_refresh)
    try:
        report = _build(full_refresh)
    except ChecksFailed as error:
        artifacts.publish("build", artifacts.failed_checks(error), "The checks that kept this build unpublished.")
        return outcomes.of_failed_checks(error)
    artifacts.publish("build", artifacts.build(report), "The build, step by step, and its checks.")
    if report.built and (report.held_back or report.kept_back):
        return outcomes.of_left_out(report.held_back, report.kept_back)
    message = f"published {report.build_id}" if report.built else "nothing has changed"
    return Completed(message=message, data={"build_id": report.build_id, "mode": report.mode, "rows": report.rows})


@flow(persist_result=False, flow_run_name=names.house)
def replay(dry_run: bool = False) -> State[dict[str, str]]:
    """Rebuild the raw tables from the archive alone. Tables that are equal already are not touched.

    Args:
        dry_run: Compare only; leave the raw tables as they are.
    """
    bar = artifacts.ProgressBar("receipts landed")
    report = _replay(dry_run, bar)
    bar.finish()
    artifacts.publish("replay", artifacts.replay(report), "How each raw table compares with the archived bytes.")
    if report.incomplete:
        return Failed(message=str(report.incomplete), data=report.incomplete)
    found = {table.table: table.outcome for table in report.tables}
    different = [name for name, outcome in found.items() if outcome != "equal"]
    message = f"{len(different)} tables {'differ' if dry_run else 'replaced'}: {', '.join(different)}"
    return Completed(message=message if different else "all tables equal the archive", data=found)


@flow(persist_result=False, flow_run_name=names.house)
def maintain(dry_run: bool = False, sweep: bool = False) -> State[dict[str, int]]:
    """Compact small files, expire old snapshots, drop old bytes from the archive, list orphans. Rows never change.

    Args:
        dry_run: Report the plan, and change nothing.
        sweep: Delete old files that nothing names; else they are only listed.
    """
    report = _maintain(dry_run, sweep)
    description = "Disk use, and the result of maintenance for each table."
    artifacts.publish("maintain", artifacts.maintain(report), description)
    before, after = (sum(artifacts.all_bytes(use) for use in uses) for uses in (report.before, report.after))
    orphans = sum(orphan.count for orphan in report.orphans)
    message = f"{before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB after; {orphans:,} orphans"
    return Completed(message=message, data={"before_bytes": before, "after_bytes": after, "orphans": orphans})


@flow(persist_result=False, flow_run_name=names.house)
def freshness() -> State[dict[str, str]]:
    """Check that the newest row of each table is as young as its contract asks; emit an event for each stale source.

    Ends as Stale if one is too old. That is not a failure of the run: the state is of the type Completed, and
    automations act on the events.
    """
    states = _look()
    artifacts.publish("freshness", artifacts.freshness(states), "The newest row of each table with a limit on its age.")
    late = [state for state in states if state.stale]
    for state in late:
        for name, source in registry().sources.items():
            if state.contract in source.contracts:
                events.emit(events.STALE, name, message=str(state))
    data = {state.contract.name: "stale" if state.stale else "fresh" for state in states}
    if late:
        return Completed(name=outcomes.STALE, message="\n".join(str(state) for state in late), data=data)
    return Completed(message=f"{len(states)} tables are fresh" if states else "nothing has landed", data=data)


@attempted(name="build")
def _build(full_refresh: bool) -> BuildReport:
    return build_marts(Settings(), registry().contracts, full_refresh=full_refresh, progress=get_run_logger().info)


@attempted(name="look at each table")
def _look() -> list[Freshness]:
    return freshness_of(Settings(), registry().contracts)


@attempted(name="replay")
def _replay(dry_run: bool, bar: artifacts.ProgressBar) -> ReplayReport:
    return replay_archive(Settings(), registry(), dry_run=dry_run, progress=bar)


@attempted(name="maintain")
def _maintain(dry_run: bool, sweep: bool) -> MaintainReport:
    return maintain_house(Settings(), registry(), dry_run=dry_run, sweep=sweep, progress=get_run_logger().info)


def _absorb_waiting(full_refresh: bool) -> None:
    """Cancel waiting builds of this deployment: this one reads everything that had landed when they were requested.

    So a burst of landings costs the running build and one after it. Only a full refresh replaces another one.
    """
    deployment = runtime.deployment.id
    if deployment is None:
        return
    with get_client(sync_client=True) as client:
        waiting = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
            ),
        )
        for run in waiting:
            due = run.expected_start_time is not None and run.expected_start_time <= now("UTC")
            if due and (full_refresh or not run.parameters.get("full_refresh")):
                message = f"{runtime.flow_run.name} started later than this was asked for and builds the same."
                client.set_flow_run_state(run.id, Cancelled(message=message))
