"""Build: changes → dbt → audit → publish. If nothing has changed, neither dbt nor Great Expectations starts."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from lakehouse import ops as ops_tables
from lakehouse.catalog import MARTS, located, open_catalog
from lakehouse.check_result import CheckResult
from lakehouse.contract import ASSETS, QUARANTINE, Contract
from lakehouse.damage import diagnosed, read_every_row
from lakehouse.engine import identifier
from lakehouse.errors import MEND, BrokenHome, ChecksFailed, ModelsFailed, TerminalError
from lakehouse.marts import expectations
from lakehouse.marts.changes import Changes, listed_assets, touched_by_table
from lakehouse.marts.checks import dbt_checks, describe, record_checks, united
from lakehouse.marts.data_docs import kept_path
from lakehouse.marts.dbt_models import depending_on, marts
from lakehouse.marts.dbt_runner import Watch, project_digest, run_dbt
from lakehouse.marts.held_back import breaking, named_by, warnings, without
from lakehouse.marts.inputs import (
    affected_models,
    changed_inputs,
    changed_range,
    changes_between,
    in_shards,
    something_undeclared,
    write_manifest,
)
from lakehouse.marts.publish import follow
from lakehouse.marts.published import Published, copy_file, open_marts, published, sign, write_comments
from lakehouse.ops import Ops
from lakehouse.outages import outage_in
from lakehouse.pins import Pin, Touched, keep, pin_all
from lakehouse.settings import Settings
from lakehouse.storage import take_place

Progress = Callable[[str], None]
"""Called with the name of the step that begins."""


@dataclass
class BuildReport:
    """The outcome of a build.

    Args:
        build_id: of the published build; if nothing had changed, of the one before.
        built: whether there was anything to build.
        mode: 'full', 'incremental' or 'nothing'.
        spans: number of rebuilt spans of local days.
        checks: every check that ran.
        durations: step → seconds.
        rows: mart → number of published rows.
        held_back: asset → the reason why its published rows stay as they were; `checks` has a warning for each.
    """

    build_id: str | None
    built: bool
    mode: str
    spans: int = 0
    checks: list[CheckResult] = field(default_factory=list)
    durations: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    held_back: dict[str, str] = field(default_factory=dict)


def build(
    settings: Settings,
    contracts: Sequence[Contract],
    *,
    full_refresh: bool = False,
    progress: Progress = lambda step: None,
    watch: Watch = lambda done, total, name: None,
) -> BuildReport:
    """Rebuild what has changed since the published pins, and publish it.

    Args:
        settings: of the home.
        contracts: every raw table.
        full_refresh: rebuild everything from the raw tables.
        progress: called at each step.
        watch: called for each model and test of the step `dbt`.

    Raises:
        ChecksFailed: a blocking check failed; the last good marts stay.
        TerminalError: dbt could not build a model.
    """
    ops = Ops(settings)
    with ops.alone("build") as held:
        ops.mark_interrupted("build")
        return _Build(settings, contracts, ops, progress, watch, held).run(full_refresh)


class _Build:
    def __init__(
        self,
        settings: Settings,
        contracts: Sequence[Contract],
        ops: Ops,
        progress: Progress,
        watch: Watch,
        held: Callable[[], None],
    ) -> None:
        self.settings = settings
        #: Raises if the lock that makes this the only build was lost.
        self.held = held
        self.contracts = [contract for contract in contracts if contract is not QUARANTINE]
        #: Observations are pinned first: a landing commits their assets and signals before them, so no pin lacks these.
        self.all_contracts = contracts
        self.ops = ops
        self.progress = progress
        self.watch = watch
        self.durations: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Report a step and time it."""
        self.progress(name)
        began = time.perf_counter()
        try:
            yield
        finally:
            self.durations[name] = round(time.perf_counter() - began, 3)

    def run(self, full_refresh: bool) -> BuildReport:
        before = published(self.settings)
        code = project_digest()
        with self.step("pin"):
            pins = pin_all(self.settings, self.all_contracts)
        if gone := sorted(self.ops.tables_with_rows() - set(pins)):  # their marts would be empty
            raise BrokenHome(f"the catalog has lost raw.{', raw.'.join(gone)}, into which rows have landed", MEND)
        ids = {name: pinned.snapshot_id for name, pinned in pins.items()}
        followed = before is not None and self._followed(before)
        if before and before.code_version == code and before.pins == ids and not full_refresh and followed:
            warned = warnings(before.held_back)
            return BuildReport(before.build_id, False, "nothing", checks=warned, held_back=before.held_back)
        whole = full_refresh or before is None or before.code_version != code
        with self.ops.run("build", full_refresh=full_refresh, home=self.settings.home_name) as run:
            folder = self._folder()
            try:
                pins = {name: keep(self.settings, pinned, folder) for name, pinned in pins.items()}
                with self.step("find changes"):
                    touched = None
                    if not whole and before is not None:
                        touched = touched_by_table(open_catalog(self.settings), self.contracts, before.pins)
                        if touched and something_undeclared(self.settings, self.contracts, pins, touched):
                            touched = None
                        if touched is not None and before.held_back:
                            # Held-back assets are built again whole, whatever has landed of them since.
                            again: Touched = {(asset,): None for asset in before.held_back}
                            touched.setdefault(ASSETS.name, []).append(again)
                        whole = touched is None
                    emptied = whole and before is not None
                    changes = changes_between(self.settings, self.contracts, pins, touched, folder, emptied=emptied)
                if changes is None:
                    if before and not followed:
                        self._mend(run.id, before)
                    return BuildReport(before.build_id if before else None, False, "nothing")
                return self._build(run.id, folder, pins, changes, whole, code, followed)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _folder(self) -> Path:
        """The build folder, emptied of the remains of a killed build (one build at a time)."""
        folder = self.settings.root / "tmp" / "build"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def _followed(self, build: Published) -> bool:
        """Whether the Iceberg marts are at a published build, and all in the catalog."""
        table = ops_tables.BUILDS
        rows = self.ops.query(table.select().where(table.c.id == build.build_id).with_only_columns(table.c.status))
        there = located(self.settings)
        missing = [mart.name for mart in build.marts if there is not None and (MARTS, mart.name) not in there]
        return bool(rows) and rows[0][0] == "done" and not missing

    def _newest_code(self) -> str | None:
        """The version of the code that wrote the Iceberg marts last.

        Another machine that shares the catalog builds from its own home. Rows that it wrote with the same code are at
        least as new as this home's last build; rows of other code may differ, so all of them are written again.
        """
        table = ops_tables.BUILDS.c
        reached = sa.select(table.code_version).where(table.status.in_(("published", "done")))
        rows = self.ops.query(reached.order_by(table.started_at.desc()).limit(1))
        return str(rows[0][0]) if rows else None

    def _mend(self, run_id: str, before: Published) -> None:
        """Finish a build that crashed between the rename and the Iceberg commits."""
        table = ops_tables.BUILDS
        if not self.ops.query(table.select().where(table.c.id == before.build_id)):
            self.ops.start(table, id=before.build_id, run_id=run_id, pins=json.dumps(before.pins))
        with self.step("iceberg marts"):
            follow(self.settings, open_catalog(self.settings), before.marts, before.build_id, None)
        self._finish(before.build_id, "done")

    def _build(
        self,
        run_id: str,
        folder: Path,
        pins: dict[str, Pin],
        changes: Changes,
        whole: bool,
        code: str,
        followed: bool,
    ) -> BuildReport:
        ids = {name: pinned.snapshot_id for name, pinned in pins.items()}
        started = datetime.now(UTC)
        build_id = f"{started:%Y%m%dT%H%M%S}-{run_id[:8]}"
        self.ops.start(
            ops_tables.BUILDS, id=build_id, run_id=run_id, mode="full" if whole else "incremental",
            pins=json.dumps(ids), changed_spans=changes.count, changed_from=changes.rebuild_from,
            changed_to=changes.rebuild_to, code_version=code,
        )  # fmt: skip
        build_file = folder / self.settings.marts_path.name
        try:
            report = self._audited(build_id, run_id, folder, pins, changes, whole)
            with self.step("publish"):
                declared = marts(folder / "target")
                touched = depending_on(folder / "target", changed_inputs(changes))
                write_comments(build_file, [*declared, *marts(folder / "target", views=True)])
                self.held()
                sign(build_file, Published(build_id, ids, code, declared, report.held_back), started)
                take_place(build_file, self.settings.marts_path)  # readers keep the file they have open
        except BaseException as error:
            self._finish(build_id, "failed", f"{type(error).__name__}: {error}")
            raise
        in_step = followed and not whole and self._newest_code() == code
        self._finish(build_id, "published")
        with self.step("iceberg marts"):
            changed, moved = None, declared
            if in_step and changes.rebuilt:
                changed = changes.rebuilt
                moved = [mart for mart in declared if mart.name in touched]
            follow(self.settings, open_catalog(self.settings), moved, build_id, changed)
        warned = [f"{check.name}: {check.message}" for check in warnings(report.held_back)]
        self._finish(build_id, "done", "\n".join(warned) or None)
        report.durations = self.durations
        report.rows = mart_rows(self.settings)
        return report

    def _finish(self, build_id: str, status: str, error: str | None = None) -> None:
        self.ops.finish(
            ops_tables.BUILDS, build_id, status, error=error, durations=json.dumps(self.durations, sort_keys=True)
        )

    def _audited(
        self, build_id: str, run_id: str, folder: Path, pins: dict[str, Pin], changes: Changes, whole: bool
    ) -> BuildReport:
        """Build and check; assets whose data break a model or a check stay as they were published."""
        held_back: dict[str, str] = {}
        while True:
            try:
                checks = self._tried(build_id, run_id, folder, pins, changes, whole, warnings(held_back))
            except (ModelsFailed, ChecksFailed) as error:
                found = self._at_fault(error, folder, pins, changes, whole)
                if not found or not set(changes.assets) - set(found):
                    raise
                held_back |= found
                self.progress(f"held back: {', '.join(sorted(found))}")
                changes = without(changes, found, folder / f"without_{len(held_back)}")
            else:
                mode = "full" if whole else "incremental"
                return BuildReport(build_id, True, mode, changes.count, checks, held_back=held_back)

    def _at_fault(
        self, error: TerminalError, folder: Path, pins: dict[str, Pin], changes: Changes, whole: bool
    ) -> dict[str, str]:
        """Asset → the model or check that its data break; empty if the failure names no single assets."""
        if isinstance(error, ChecksFailed):
            return named_by(error.checks)
        if not isinstance(error, ModelsFailed):
            return {}
        models = [f"+{name}" for name in error.models]

        def breaks(some: Changes) -> bool:
            trial = folder / "trial"
            shutil.rmtree(trial, ignore_errors=True)
            trial.mkdir()
            if not whole:
                copy_file(self.settings.marts_path, trial / self.settings.marts_path.name)
            write_manifest(trial, self.all_contracts, pins, some)
            nodes = run_dbt(self.settings, ["run", "--select", *models], trial, self.watch)
            return any(node.status == "error" for node in nodes)

        with self.step("find the assets that break it"):
            found = breaking(changes, breaks, folder / "some")
        return {asset: f"{', '.join(error.models)} cannot be built with it: {error.message}" for asset in found}

    def _tried(
        self,
        build_id: str,
        run_id: str,
        folder: Path,
        pins: dict[str, Pin],
        changes: Changes,
        whole: bool,
        known: list[CheckResult],
    ) -> list[CheckResult]:
        build_file = folder / self.settings.marts_path.name
        # The remains of an attempt with other assets.
        for left in (build_file, build_file.with_name(f"{build_file.name}.wal")):
            left.unlink(missing_ok=True)
        if not whole:
            with self.step("copy published marts"):
                copy_file(self.settings.marts_path, build_file)
        with self.step("dbt"):
            checks = self._run_models(folder, pins, changes, whole)
        if not any(check.blocks for check in checks):
            with self.step("great expectations"):
                kept, assets = kept_path(self.settings, build_id), None if whole else listed_assets(changes)
                checks += expectations.expect(
                    self.settings,
                    build_file,
                    marts(folder / "target"),
                    kept,
                    assets,
                    changed_range(changes),
                    self.watch,
                )
        checks += known
        record_checks(self.ops, run_id, build_id, checks)
        failed = [check for check in checks if check.blocks]
        if failed:
            raise ChecksFailed(
                f"{len(failed)} blocking checks failed; the last good marts stay published\n{describe(failed)}",
                "look at the failing rows above, mend the data or the model, then build again",
                failed,
            )
        return checks

    def _run_models(self, folder: Path, pins: dict[str, Pin], changes: Changes, whole: bool) -> list[CheckResult]:
        """Build the models shard by shard; returns dbt's tests as checks, each test once."""
        build_file = folder / self.settings.marts_path.name
        parts = in_shards(self.settings, self.contracts, pins, changes, folder)
        checks: list[CheckResult] = []
        for number, part in enumerate(parts):
            if len(parts) > 1:
                self.progress(f"dbt, {number + 1} of {len(parts)}")
            manifest = write_manifest(folder, self.all_contracts, pins, part)
            afresh = whole and number == 0
            command = ["build", *(["--full-refresh"] if afresh else ["--select", *affected_models(part)])]
            nodes = run_dbt(self.settings, command, folder, self.watch)
            models_failed = [node for node in nodes if node.resource == "model" and node.status == "error"]
            if models_failed:
                listed = "\n".join(f"  {node.name}: {node.message}" for node in models_failed)
                raise (
                    outage_in(listed)
                    or diagnosed(self.settings, read_every_row)
                    or ModelsFailed(
                        f"dbt could not build {len(models_failed)} models:\n{listed}",
                        "mend these models; if the message is of a damaged file, build --full-refresh",
                        [node.name for node in models_failed],
                    )
                )
            checks = united(checks, dbt_checks(self.settings, nodes, build_file, manifest))
            if any(check.blocks for check in checks):
                break
        return checks


def mart_rows(settings: Settings) -> dict[str, int]:
    """Rows of every published mart."""
    connection = open_marts(settings)
    try:
        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'marts' ORDER BY 1")
        counts = {}
        for (name,) in tables.fetchall():
            row = connection.execute(f"SELECT count(*) FROM marts.{identifier(name)}").fetchone()
            counts[name] = int(row[0]) if row else 0
        return counts
    finally:
        connection.close()
