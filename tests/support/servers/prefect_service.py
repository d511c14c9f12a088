"""A Prefect server, a worker and all deployments, as docs/operate.md starts them, in folders of their own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect import get_client
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterFlowRunId,
)
from prefect.client.schemas.objects import Artifact, FlowRun, State, StateType
from prefect.client.schemas.objects import TaskRun as PrefectTaskRun
from prefect.flow_engine import run_flow
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Pending

from lakehouse.settings import Settings

from .webhook import receiver

ROOT = Path(__file__).resolve().parents[3]
#: Far beyond what any step takes on two busy cores: a hang fails, a slow machine does not.
PATIENCE_S = 300.0


@dataclass
class PrefectService:
    """A running server with its deployments.

    Args:
        settings: of the home that its runs work on.
        url: of the server, without /api.
        environment: of commands and workers.
        client: to its API.
        told: notifications that have come, each with its subject and body.
    """

    settings: Settings
    url: str
    environment: dict[str, str]
    client: SyncPrefectClient
    told: list[dict[str, str]]

    def prefect(self, *arguments: str) -> str:
        """Run a `prefect` command; returns what it printed."""
        return self.python("-m", "prefect", *arguments)

    def python(self, *arguments: str) -> str:
        """Run Python from the checkout; returns what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True,
            timeout=PATIENCE_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, deployment: str, **parameters: Any) -> UUID:
        """Ask for a run of `flow/deployment`."""
        found = self.client.read_deployment_by_name(deployment)
        return self.client.create_flow_run_from_deployment(found.id, parameters=parameters).id

    def here(
        self, deployment: str, environment: Mapping[str, str] | None = None, **parameters: Any
    ) -> tuple[UUID, State[Any]]:
        """A run of a deployment to its end in this process: what the worker's process does, without its start of 6 s.

        Args:
            deployment: `flow/deployment`.
            environment: of the run; its home is that of the service unless it says another.
            parameters: of the run; the deployment gives the others.
        """
        found = self.client.read_deployment_by_name(deployment)
        assert found.entrypoint is not None
        # Pending from the beginning: no worker takes it.
        run = self.client.create_flow_run_from_deployment(found.id, parameters=parameters, state=Pending())
        with pytest.MonkeyPatch.context() as patch:
            own = {name: value for name, value in self.environment.items() if name.startswith("WATTLAKE_")}
            for name, value in {**own, **(environment or {})}.items():
                patch.setenv(name, value)
            run_flow(load_flow_from_entrypoint(found.entrypoint), flow_run=run, return_type="state")
        return run.id, self.state(run.id)

    def finished(self, run: UUID) -> State[Any]:
        """The final state of a run, once it has one."""
        return until(lambda: (state := self.state(run)).is_final() and state)

    def run(self, deployment: str, **parameters: Any) -> tuple[UUID, State[Any]]:
        """Ask for a run and wait for its end."""
        run = self.start(deployment, **parameters)
        return run, self.finished(run)

    def state(self, run: UUID) -> State[Any]:
        """The present state of a run."""
        state = self.client.read_flow_run(run).state
        assert state is not None
        return state

    def runs(self, deployment: str) -> list[FlowRun]:
        """All runs of a deployment."""
        found = self.client.read_deployment_by_name(deployment)
        of_it = DeploymentFilter(id=DeploymentFilterId(any_=[found.id]))
        return list(self.client.read_flow_runs(deployment_filter=of_it))

    def message(self, *words: str) -> dict[str, str]:
        """The notification that holds all of the words, once it has come."""
        return until(lambda: next((m for m in self.told if all(w in m["subject"] + m["body"] for w in words)), None))

    def schedules(self, *deployments: str, active: bool) -> None:
        """Activate or pause all schedules of deployments, as the switch in the UI does."""
        for deployment in deployments:
            found = self.client.read_deployment_by_name(deployment)
            for schedule in found.schedules:
                self.client.update_deployment_schedule(found.id, schedule.id, active=active)

    def process(self, run: UUID) -> int | None:
        """The process that a flow run runs in, if there is one (Linux)."""
        wanted = f"PREFECT__FLOW_RUN_ID={run}".encode()
        for folder in Path("/proc").iterdir():
            with suppress(OSError):
                if folder.name.isdigit() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                    return int(folder.name)
        return None

    def failed_loops(self) -> list[str]:
        """What the server has logged of its loops (scheduler, late runs, foreman, ...) that failed."""
        log = (Path(self.environment["PREFECT_HOME"]) / "server.log").read_text()
        entries = re.split(r"^(?=\d\d:\d\d:\d\d\.\d{3} \| )", log, flags=re.MULTILINE)
        failed = [entry for entry in entries if re.match(r"\S+ \| (ERROR|CRITICAL) +\| docket", entry)]
        # Its SQLite gives up a write that waits too long on a busy machine; the next turn of the loop does it.
        return [entry for entry in failed if "database is locked" not in entry]

    def task_runs(self, run: UUID) -> list[PrefectTaskRun]:
        """Task runs of a flow run."""
        return list(
            self.client.read_task_runs(task_run_filter=TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[run])))
        )

    def artifacts(self, run: UUID) -> list[Artifact]:
        """Artifacts of a flow run."""
        return list(
            self.client.read_artifacts(
                artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run])),
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])),
            )
        )

    def markdown(self, run: UUID) -> str:
        """The one Markdown artifact of a flow run."""
        (artifact,) = [artifact for artifact in self.artifacts(run) if artifact.type == "markdown"]
        return str(artifact.data)

    def cancel(self, run: UUID) -> None:
        """Cancel a run as the UI does."""
        self.client.set_flow_run_state(run, State(type=StateType.CANCELLING))

    @contextmanager
    def worker(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process worker of the default work pool."""
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "wattlake", "--name", name]
        with running(command, self.environment) as process:
            yield process


def until(condition: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """What a condition gives once it gives something true.

    The API of the server is asked, which tells of nothing by itself without a websocket of ours.
    """
    end = time.monotonic() + patience_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited for {patience_s:.0f} s"
        time.sleep(0.5)


def descendants(pid: int) -> list[int]:
    """Processes below a process (Linux)."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for parent in found:
        found += [child for child, its in parents.items() if its == parent]
    return found[1:]


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, and all below it."""
    log = Path(environment["PREFECT_HOME"]) / f"{command[3]}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield process
        finally:
            below = descendants(process.pid) if sys.platform == "linux" else []
            process.send_signal(signal.SIGINT)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pid in below:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def scheduled() -> list[str]:
    """Names (flow/deployment) of the deployments that prefect.yaml gives an active schedule."""
    described = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    return [
        f"{load_flow_from_entrypoint(one['entrypoint']).name}/{one['name']}"
        for one in described
        if any(schedule["active"] for schedule in one.get("schedules", ()))
    ]


@contextmanager
def prefect_service(folder: Path) -> Iterator[PrefectService]:
    """A server on loopback with its own database, and every deployment of prefect.yaml. No worker.

    Schedules are paused: tests ask for their runs, and a test that wants schedules activates them. A notification block
    is there; `python -m flows.automations` makes it be told.
    """
    url = f"http://127.0.0.1:{free_port()}"
    home = folder / "home"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WATTLAKE_"))},
        "PWD": str(ROOT),  # subprocess sets the folder and not its name
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_SERVER_UI_API_URL": f"{url}/api",
        "DO_NOT_TRACK": "1",
        "WATTLAKE_HOME": str(home),
        "WATTLAKE_THREADS": "2",
        "WATTLAKE_CACHE": os.environ["WATTLAKE_CACHE"],  # dbt parses its project once for all tests
        # Nobody waits long for a turn; each try takes the CPU time of the worker and of the server.
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    (folder / "prefect").mkdir(parents=True)
    port = url.rpartition(":")[2]
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port]
    with running(command, environment) as server:

        def healthy() -> bool:
            assert server.poll() is None, (folder / "prefect" / "server.log").read_text()[-2000:]
            try:
                with urllib.request.urlopen(f"{url}/api/health", timeout=5) as answer:
                    return bool(answer.status == 200)
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                return False

        until(healthy)
        api = temporary_settings({PREFECT_API_URL: f"{url}/api"})
        with api, get_client(sync_client=True) as client, receiver() as (webhook, told):
            service = PrefectService(Settings(home=home, threads=2), url, environment, client, told)
            service.prefect("work-pool", "create", "wattlake", "--type", "process")
            service.prefect("deploy", "--all")
            service.schedules(*scheduled(), active=False)
            block = CustomWebhookNotificationBlock(
                name="tests", url=webhook, json_data={"subject": "{{subject}}", "body": "{{body}}"}
            )
            block.save("wattlake")
            yield service
