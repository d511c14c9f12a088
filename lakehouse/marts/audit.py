"""Checks and docs on a copy of the published marts, with the snapshots that they were built from."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lakehouse.check_result import CheckResult
from lakehouse.contract import Contract
from lakehouse.errors import TerminalError
from lakehouse.marts import expectations
from lakehouse.marts.checks import dbt_checks, record_checks
from lakehouse.marts.data_docs import kept_path
from lakehouse.marts.dbt_runner import NodeResult, Watch, described, run_dbt
from lakehouse.marts.inputs import changes_between, write_manifest
from lakehouse.marts.published import Published, copy_file, create_empty, published
from lakehouse.ops import Ops
from lakehouse.pins import keep, pin_all
from lakehouse.settings import DBT_PROJECT, Settings


@dataclass(frozen=True)
class Workspace:
    """A folder with a copy of the published marts (or an empty file) and the manifest for dbt's plugin."""

    settings: Settings
    folder: Path
    build_file: Path
    manifest: Path

    def dbt(self, command: list[str], watch: Watch = lambda done, total, name: None) -> list[NodeResult]:
        """Run dbt over the copy."""
        return run_dbt(self.settings, command, self.folder, watch)


@contextmanager
def workspace(settings: Settings, contracts: Sequence[Contract], kind: str) -> Iterator[Workspace]:
    """A workspace in which everything published counts as changed, so that checks cover all of it."""
    folder = settings.temporary(kind, uuid.uuid4().hex)
    try:
        yield prepare(settings, contracts, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(settings: Settings, contracts: Sequence[Contract], folder: Path) -> Workspace:
    """Make a workspace in an empty folder; see `workspace`."""
    build_file = folder / settings.marts_path.name
    now = {name: keep(settings, pinned, folder) for name, pinned in pin_all(settings, contracts).items()}
    before = published(settings)
    pins = now
    if before is not None:
        copy_file(settings.marts_path, build_file)
        pins = {name: replace(now[name], snapshot_id=before.pins.get(name)) for name in now if name in before.pins}
    changes = changes_between(settings, contracts, pins, None, folder, emptied=True)
    assert changes is not None  # an emptied table is a change
    project = described(settings, folder)
    live = project.live({name for name, pinned in pins.items() if pinned.snapshot_id is not None})
    create_empty(folder / "scratch.duckdb", project.silent(live))
    manifest = write_manifest(folder, contracts, pins, changes)
    return Workspace(settings, folder, build_file, manifest)


def hand_over(settings: Settings, contracts: Sequence[Contract]) -> dict[str, str]:
    """Make a workspace for dbt runs by hand in the project's folder; it replaces the one before.

    It holds a copy of the marts: the results of these runs are not published.

    Returns:
        The environment variables that dbt needs to work in it.
    """
    folder = settings.root / "dbt"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    prepare(settings, contracts, folder)
    return {
        "WATTLAKE_HOME": str(settings.root),
        "WATTLAKE_DBT_FOLDER": str(folder),
        "WATTLAKE_DBT_THREADS": str(settings.threads),
        "WATTLAKE_MEMORY_LIMIT": settings.memory_limit,
        "DBT_PROJECT_DIR": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def check(
    settings: Settings,
    contracts: Sequence[Contract],
    progress: Callable[[str], None] = lambda step: None,
    watch: Watch = lambda done, total, name: None,
) -> list[CheckResult]:
    """Run dbt's tests and Great Expectations on the published marts, and record the outcomes in ops.checks.

    Raises:
        TerminalError: nothing is published.
    """
    before = published(settings)
    if before is None:
        raise TerminalError("nothing is published yet", "run `wattlake build`")
    ops = Ops(settings)
    with ops.alone("check"):
        ops.mark_interrupted("check")
        return _checked(settings, contracts, progress, watch, ops, before)


def _checked(
    settings: Settings,
    contracts: Sequence[Contract],
    progress: Callable[[str], None],
    watch: Watch,
    ops: Ops,
    before: Published,
) -> list[CheckResult]:
    with ops.run("check", build=before.build_id) as run:
        with workspace(settings, contracts, "check") as work:
            progress("dbt test")
            # Tests compare marts with intermediate models, which a published file does not hold.
            selected = ["path:models/intermediate", "test_type:generic", "test_type:singular"]
            nodes = work.dbt(["build", "--select", *selected], watch)
            checks = dbt_checks(settings, nodes, work.build_file, work.manifest)
            progress("great expectations")
            kept = kept_path(settings, before.build_id)
            checks += expectations.expect(settings, work.build_file, before.marts, kept, watch=watch)
        record_checks(ops, run.id, before.build_id, checks)
        if any(result.blocks for result in checks):
            run.status = "failed"
    return checks
