"""Build: changes → dbt → audit → publish. If nothing has changed, neither dbt nor Great Expectations starts."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from lakehouse import ops as ops_tables
from lakehouse.catalog import MARTS, located, open_catalog
from lakehouse.check_result import CheckResult
from lakehouse.contract import ASSETS, Contract
from lakehouse.engine import identifier
from lakehouse.errors import MEND, BrokenHome
from lakehouse.marts.attempt import Attempt
from lakehouse.marts.changes import touched_by_table
from lakehouse.marts.dbt_models import Mart
from lakehouse.marts.dbt_runner import Watch, described, project_digest
from lakehouse.marts.held_back import warnings
from lakehouse.marts.inputs import changes_between, nothing_changed, something_undeclared
from lakehouse.marts.passes import Over, stale
from lakehouse.marts.publish import describe_tables, follow
from lakehouse.marts.published import (
    Made,
    Published,
    copy_file,
    open_marts,
    published,
    sign,
    write_comments,
)
from lakehouse.ops import Ops
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
        mode: 'full', 'incremental', 'descriptions' (they alone have changed) or 'nothing'.
        spans: number of rebuilt spans of local days.
        checks: every check that ran.
        durations: step → seconds.
        rows: mart → number of published rows.
        held_back: asset → the reason why its published rows stay as they were; `checks` has a warning for each.
        kept_back: mart → the reason why its published rows stay as they were; `checks` has a warning for each.
    """

    build_id: str | None
    built: bool
    mode: str
    spans: int = 0
    checks: list[CheckResult] = field(default_factory=list)
    durations: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    held_back: dict[str, str] = field(default_factory=dict)
    kept_back: dict[str, str] = field(default_factory=dict)


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
        #: Observations are pinned first: a landing commits their assets and signals before them, so no pin lacks these.
        self.contracts = contracts
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
            pins = pin_all(self.settings, self.contracts)
        if gone := sorted(self.ops.tables_with_rows() - set(pins)):  # their marts would be empty
            raise BrokenHome(f"the catalog has lost raw.{', raw.'.join(gone)}, into which rows have landed", MEND)
        ids = {name: pinned.snapshot_id for name, pinned in pins.items()}
        followed = before is not None and self._followed(before)
        if before and before.code_version == code and before.pins == ids and not full_refresh and followed:
            return self._unchanged(before)
        with self.ops.run("build", full_refresh=full_refresh, home=self.settings.home_name) as run:
            folder = self._folder()
            try:
                pins = {name: keep(self.settings, pinned, folder) for name, pinned in pins.items()}
                work = self._attempt(None if full_refresh else before, pins, folder)
                if work.made():
                    return self._build(run.id, work, code, before, followed)
                if before and before.code_version != code:
                    return self._describe(run.id, work, code, before)
                if before and not followed:
                    self._mend(run.id, before)
                return self._unchanged(before)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _unchanged(self, before: Published | None) -> BuildReport:
        if before is None:
            return BuildReport(None, False, "nothing")
        warned = warnings(before.held_back, before.kept_back)
        return BuildReport(
            before.build_id, False, "nothing", checks=warned, held_back=before.held_back, kept_back=before.kept_back
        )

    def _attempt(self, before: Published | None, pins: dict[str, Pin], folder: Path) -> Attempt:
        """What there is to do; `before` None makes every mart anew."""
        project = described(self.settings, folder)
        live = project.live({name for name, pinned in pins.items() if pinned.snapshot_id is not None})
        changed = None
        with self.step("find changes"):
            touched = self._touched(before, pins) if before else None
            if before and touched is not None:
                (folder / "changed").mkdir()
                changed = changes_between(self.settings, self.contracts, pins, touched, folder / "changed")
                changed = changed or nothing_changed(folder / "changed")
        recorded = before.digests if before and touched is not None else {}
        return Attempt(
            settings=self.settings, contracts=self.contracts, ops=self.ops, pins=pins, folder=folder,
            project=project, live=live, stale=stale(project, live, recorded), changed=changed,
            step=self.step, progress=self.progress, watch=self.watch,
        )  # fmt: skip

    def _touched(self, before: Published, pins: dict[str, Pin]) -> dict[str, list[Touched]] | None:
        """What landed after a published build, by table; None if unknown, so that all must be made anew."""
        touched = touched_by_table(open_catalog(self.settings), self.contracts, before.pins)
        if touched is None or (touched and something_undeclared(self.settings, self.contracts, pins, touched)):
            return None
        if before.held_back:
            # Held-back assets are built again whole, whatever has landed of them since.
            again: Touched = {(asset,): None for asset in before.held_back}
            touched.setdefault(ASSETS.name, []).append(again)
        return touched

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

    def _in_step(self, before: Published, code: str) -> bool:
        """Whether the Iceberg marts lack nothing but what this build makes.

        Another machine that shares the catalog builds from its own home. Rows that it wrote with the same code are at
        least as new as this home's last build; rows of other code may differ, so all of them are written again.
        """
        table = ops_tables.BUILDS.c
        reached = sa.select(table.id, table.code_version).where(table.status.in_(("published", "done")))
        rows = self.ops.query(reached.order_by(table.started_at.desc()).limit(1))
        return bool(rows) and (rows[0][0] == before.build_id or rows[0][1] == code)

    def _mend(self, run_id: str, before: Published) -> None:
        """Finish a build that crashed between the rename and the Iceberg commits."""
        table = ops_tables.BUILDS
        if not self.ops.query(table.select().where(table.c.id == before.build_id)):
            self.ops.start(table, id=before.build_id, run_id=run_id, pins=json.dumps(before.pins))
        with self.step("iceberg marts"):
            follow(self.settings, open_catalog(self.settings), before.marts, before.build_id, None)
        self._finish(before.build_id, "done")

    def _describe(self, run_id: str, work: Attempt, code: str, before: Published) -> BuildReport:
        """Publish changed descriptions; no row is made again, and every mart stays the one of its build."""
        with self.step("publish"):
            copy_file(self.settings.marts_path, work.build_file)
            marts = [mart for mart in work.project.marts if mart.name in work.live]
            write_comments(work.build_file, [*work.project.marts, *work.project.views])
            self.held()
            sign(work.build_file, replace(before, code_version=code, marts=marts), datetime.now(UTC))
            take_place(work.build_file, self.settings.marts_path)
        with self.step("iceberg marts"):
            describe_tables(open_catalog(self.settings), marts)
        return replace(self._unchanged(before), built=True, mode="descriptions")

    def _build(self, run_id: str, work: Attempt, code: str, before: Published | None, followed: bool) -> BuildReport:
        ids = {name: pinned.snapshot_id for name, pinned in work.pins.items()}
        started = datetime.now(UTC)
        build_id = f"{started:%Y%m%dT%H%M%S}-{run_id[:8]}"
        mode, rows_by = "full" if work.whole else "incremental", work.project.digest
        self.ops.start(
            ops_tables.BUILDS, id=build_id, run_id=run_id, mode=mode,
            pins=json.dumps(ids), changed_spans=work.extent.count, changed_from=work.extent.rebuild_from,
            changed_to=work.extent.rebuild_to, code_version=rows_by,
        )  # fmt: skip
        try:
            checks = work.run(build_id, run_id)
            with self.step("publish"):
                made = _made(work, build_id, before)
                declared = [mart for mart in work.project.marts if mart.name in made and made[mart.name].build_id]
                write_comments(work.build_file, [*work.project.marts, *work.project.views])
                self.held()
                sign(work.build_file, Published(build_id, ids, code, declared, work.held_back, made), started)
                take_place(work.build_file, self.settings.marts_path)  # readers keep the file they have open
        except BaseException as error:
            self._finish(build_id, "failed", f"{type(error).__name__}: {error}")
            raise
        in_step = before is not None and followed and not work.whole and self._in_step(before, rows_by)
        self._finish(build_id, "published")
        with self.step("iceberg marts"):
            self._follow(work, declared, build_id, in_step)
        warned = [f"{check.name}: {check.message}" for check in warnings(work.held_back, work.kept_back)]
        self._finish(build_id, "done", "\n".join(warned) or None)
        return BuildReport(
            build_id, True, mode, work.extent.count, checks, self.durations, mart_rows(self.settings),
            work.held_back, work.kept_back,
        )  # fmt: skip

    def _follow(self, work: Attempt, declared: Sequence[Mart], build_id: str, in_step: bool) -> None:
        """Bring the Iceberg marts up to the published file: those that the build has made, or all."""
        catalog = open_catalog(self.settings)
        if not in_step:
            follow(self.settings, catalog, declared, build_id, None)
            return
        for one in work.passes:
            made = [mart for mart in declared if mart.name in one.models]
            by_day = [mart for mart in made if one.over is Over.CHANGED and work.project.models[mart.name].is_by_day]
            follow(self.settings, catalog, by_day, build_id, work.extent.rebuilt or None)
            follow(self.settings, catalog, [mart for mart in made if mart not in by_day], build_id, None)

    def _finish(self, build_id: str, status: str, error: str | None = None) -> None:
        self.ops.finish(
            ops_tables.BUILDS, build_id, status, error=error, durations=json.dumps(self.durations, sort_keys=True)
        )


def _made(work: Attempt, build_id: str, before: Published | None) -> dict[str, Made]:
    """The state of every mart that has something to say, after a build."""
    found = {}
    for name, model in work.project.models.items():
        if not model.is_mart or name not in work.live:
            continue
        if reason := work.kept_back.get(name):
            earlier = before.made.get(name) if before else None
            found[name] = Made(earlier.build_id if earlier else None, None, reason)
        else:
            found[name] = Made(build_id, model.digest)
    return found


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
