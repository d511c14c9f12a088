"""The doctor's checks of the Prefect server: whether schedules fire, runs are taken, and notifications go out.

A server with a failing scheduler answers as if it were well; only the missing runs show it.
"""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lakehouse.settings import Settings
from lakehouse.upkeep.finding import Check, Finding

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

#: Seconds to wait for an answer of the server.
TIMEOUT_S = 5
#: Age from which a schedule must have runs: the scheduler looks at new schedules every 5 s and at all every 60 s.
SCHEDULER_SLACK = timedelta(minutes=3)
#: Objects in one answer of the server.
PAGE = 200
DEPLOY = "in the checkout, run `prefect deploy --all` and `python -m flows.automations`"
#: Action of automations that notify; see deploy/automations.yaml.
NOTIFY = "send-notification"


def _prefect(settings: Settings) -> Iterator[Finding]:
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        yield Finding("Prefect", "ok", "PREFECT_API_URL is not set: commands run without a server")
        return
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=TIMEOUT_S) as answer:
            yield Finding("Prefect", "ok", f"{url} answers ({answer.status})")
    except (OSError, ValueError) as error:
        says = f"{url} does not answer: {error}"
        yield Finding("Prefect", "problem", says, "start it (`prefect server start`), or unset PREFECT_API_URL")
        return
    from prefect import get_client  # takes seconds to import

    with get_client(httpx_settings={"timeout": TIMEOUT_S}, sync_client=True) as client:
        deployments = _deployments(client)
        yield _schedules(client, deployments)
        yield from _workers(client, deployments)
        yield _notifications(client)


def _deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    found: list[DeploymentResponse] = []
    while page := client.read_deployments(limit=PAGE, offset=len(found)):
        found += page
    return [one for one in found if (one.entrypoint or "").startswith("flows.deployed.")]


def _schedules(client: SyncPrefectClient, deployments: Sequence[DeploymentResponse]) -> Finding:
    """Each active schedule must have a run that waits for its time."""
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterNextScheduledStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    if not deployments:
        return Finding("schedules", "warning", "the server has none of Wattlake's deployments", DEPLOY)
    now = datetime.now(UTC)
    active = [one for one in deployments if not one.paused and any(schedule.active for schedule in one.schedules)]
    if not active:
        says = "no schedule is active: nothing runs by itself"
        return Finding("schedules", "warning", says, "resume those you want in the UI, or " + DEPLOY)
    idle, young = [], []
    for one in active:
        coming = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[one.id])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
                next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(after_=now),
            ),
            limit=1,
        )
        if not coming:
            changed = max(s.updated for s in one.schedules if s.active and s.updated)
            (young if now - changed < SCHEDULER_SLACK else idle).append(one.name)
    if idle:
        return Finding(
            "schedules", "problem",
            f"{len(active)} deployments have active schedules, and no run is scheduled of {', '.join(sorted(idle))}",
            "the server's scheduler fails or is off: look for ERROR in the output of `prefect server start`, bring the "
            "environment to the lock file (`python -m uv sync`) and restart the server; a server that has just been "
            "started needs a minute",
        )  # fmt: skip
    if young:
        says = f"deployed just now: no run is scheduled yet of {', '.join(sorted(young))}"
        return Finding("schedules", "ok", says, "look again in some minutes")
    return Finding("schedules", "ok", f"{len(active)} deployments have active schedules, all with runs to come")


def _workers(client: SyncPrefectClient, deployments: Sequence[DeploymentResponse]) -> Iterator[Finding]:
    """Check that a worker polls each pool: without one its runs wait for ever."""
    for name in sorted({one.work_pool_name for one in deployments if one.work_pool_name}):
        pool = client.read_work_pool(name)
        state = pool.status.value if pool.status else ""
        if pool.is_paused:
            resume = f"prefect work-pool resume {name}"
            yield Finding("workers", "warning", f"the work pool {name} is paused: no run starts", f"run `{resume}`")
        elif state == "NOT_READY":
            start = f"prefect worker start --pool {name}"
            yield Finding(
                "workers", "problem", f"no worker polls the work pool {name}: no run starts", f"run `{start}`"
            )
        else:
            yield Finding("workers", "ok", f"a worker polls the work pool {name}")


def _notifications(client: SyncPrefectClient) -> Finding:
    notifying = [
        automation.name
        for automation in client.read_automations()
        if automation.enabled and any(action.type == NOTIFY for action in automation.actions)
    ]
    if notifying:
        return Finding("notifications", "ok", f"on: {', '.join(sorted(notifying))}")
    return Finding("notifications", "ok", "off: failures notify nobody", "see docs/operate.md, `Notifications`")


CHECKS: dict[str, Check] = {"Prefect": _prefect}
