"""Makes the models of a build and checks them; what fails is left out, and the rest is made again.

Data that break a model or a check are held back by asset, and marts that are at fault by themselves are kept back with
all that stands on them: see `held_back`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lakehouse.check_result import CheckResult
from lakehouse.contract import Contract
from lakehouse.damage import diagnosed, read_every_row
from lakehouse.errors import ChecksFailed, ModelsFailed, TerminalError
from lakehouse.marts import expectations
from lakehouse.marts.changes import Changes, listed_assets
from lakehouse.marts.checks import dbt_checks, describe, record_checks, united
from lakehouse.marts.data_docs import kept_path
from lakehouse.marts.dbt_models import Project
from lakehouse.marts.dbt_runner import NodeResult, Watch, run_dbt
from lakehouse.marts.held_back import at_fault, breaking, named_by, without
from lakehouse.marts.held_back import warnings as held_back_warnings
from lakehouse.marts.inputs import (
    changed_inputs,
    changed_range,
    changes_between,
    in_shards,
    nothing_changed,
    write_manifest,
)
from lakehouse.marts.passes import ANEW, Over, Pass, passes, standing_on
from lakehouse.marts.published import carry, copy_file, create_empty
from lakehouse.ops import Ops
from lakehouse.outages import outage_in
from lakehouse.pins import Pin
from lakehouse.settings import Settings


@dataclass
class Attempt:
    """The work of a build on its own file.

    Args:
        settings: of the home.
        contracts: every raw table, in the order in which they were pinned.
        ops: records checks.
        pins: of the build.
        folder: of the build.
        project: its models.
        live: models with something to say; see `Project.live`.
        stale: models that are made anew.
        changed: what changed since the published pins; None where everything is made anew.
        step: reports a step and times it.
        progress: called with the name of the step that begins.
        watch: called for each model and test.
        held_back: asset → the reason why its published rows stay as they were.
        kept_back: mart → the reason why its published rows stay as they were.
    """

    settings: Settings
    contracts: Sequence[Contract]
    ops: Ops
    pins: dict[str, Pin]
    folder: Path
    project: Project
    live: set[str]
    stale: set[str]
    changed: Changes | None
    step: Callable[[str], AbstractContextManager[None]]
    progress: Callable[[str], None]
    watch: Watch
    held_back: dict[str, str] = field(default_factory=dict)
    kept_back: dict[str, str] = field(default_factory=dict)

    @property
    def build_file(self) -> Path:
        """The file that the models are made in."""
        return self.folder / self.settings.marts_path.name

    @property
    def whole(self) -> bool:
        """Whether every mart is made anew."""
        return self.changed is None

    @cached_property
    def _everything(self) -> Changes:
        found = changes_between(self.settings, self.contracts, self.pins, None, self._new("everything"), emptied=True)
        assert found is not None  # an emptied table is a change
        return found

    @property
    def everything(self) -> Changes:
        """What a build from nothing works off, but for the assets that are held back."""
        return self._without_held_back(self._everything)

    @property
    def extent(self) -> Changes:
        """What the build works off, but for the assets that are held back."""
        return self.everything if self.changed is None else self._without_held_back(self.changed)

    def _without_held_back(self, changes: Changes) -> Changes:
        return without(changes, self.held_back, changes.spans.parent / "left") if self.held_back else changes

    @property
    def passes(self) -> list[Pass]:
        """The runs of dbt, without what is kept back."""
        touched, anew = set[str](), set[str]()
        if self.changed is not None:
            inputs = changed_inputs(self.contracts, self.extent)
            touches = {f"raw.{contract.name}": contract.touches for contract in self.contracts}
            touched, anew = standing_on(self.project, self.live, {name: touches[name] for name in inputs})
        return passes(self.project, touched - self.kept_back.keys(), (self.stale | anew) - self.kept_back.keys())

    def made(self) -> set[str]:
        """The marts that the build makes."""
        return {name for one in self.passes for name in one.models}

    def run(self, build_id: str, run_id: str) -> list[CheckResult]:
        """Make and check the models, leaving out what fails.

        Raises:
            ChecksFailed: a blocking check failed, and nothing healthy would be left.
            ModelsFailed: dbt could not build a model, and nothing healthy would be left.
        """
        while True:
            try:
                return self._tried(build_id, run_id)
            except (ModelsFailed, ChecksFailed) as error:
                if not self._left_out(error):
                    raise

    def _left_out(self, error: ModelsFailed | ChecksFailed) -> bool:
        """Leave out what is at fault; whether anything is left that the build would publish."""
        faulty, is_stood_on = at_fault(error, self.project)
        # A mart that is made by new code is the first suspect itself.
        is_new = not self.whole and faulty.keys() <= self.stale
        if is_stood_on and not is_new:
            found = self._assets_at_fault(error)
            if found.keys() <= self.held_back.keys():  # it fails without them, too
                self.held_back = {asset: reason for asset, reason in self.held_back.items() if asset not in found}
            elif set(self.extent.assets) - found.keys():
                self.held_back |= found
                self.progress(f"held back: {', '.join(sorted(found))}")
                return True
        if not faulty or not self.made() - faulty.keys():
            return False
        self.kept_back |= faulty
        self.progress(f"kept back: {', '.join(sorted(faulty))}")
        return True

    def _assets_at_fault(self, error: TerminalError) -> dict[str, str]:
        """Asset → the model or check that its data break; empty if the failure names no single assets."""
        if isinstance(error, ChecksFailed):
            return named_by(error.checks)
        if not isinstance(error, ModelsFailed):
            return {}
        names = [*error.models, *self.project.beneath(error.models)]

        def breaks(some: Changes) -> bool:
            trial = self._new("trial")
            if not self.whole:
                copy_file(self.settings.marts_path, trial / self.build_file.name)
            create_empty(trial / "scratch.duckdb", self.project.silent(self.live, self.project.beneath(error.models)))
            write_manifest(trial, self.contracts, self.pins, some)
            nodes = run_dbt(self.settings, ["run", "--select", *names], trial, self.watch)
            return any(node.status == "error" for node in nodes)

        with self.step("find the assets that break it"):
            found = breaking(self.extent, breaks, self.folder / "some")
        return {asset: f"{', '.join(error.models)} cannot be built with it: {error.message}" for asset in found}

    def _tried(self, build_id: str, run_id: str) -> list[CheckResult]:
        # The remains of an attempt with what has been left out since.
        for left in (self.build_file, self.build_file.with_name(f"{self.build_file.name}.wal")):
            left.unlink(missing_ok=True)
        published = self.settings.marts_path
        if not self.whole:
            with self.step("copy published marts"):
                copy_file(published, self.build_file)
        elif self.kept_back and published.exists():
            carry(published, self.build_file, self.kept_back.keys())
        silent = [model for name, model in self.project.models.items() if model.is_mart and name not in self.live]
        create_empty(self.build_file, silent)
        with self.step("dbt"):
            checks = self._run_models()
        if not any(check.blocks for check in checks):
            with self.step("great expectations"):
                checks += self._expectations(build_id)
        checks += held_back_warnings(self.held_back, self.kept_back)
        record_checks(self.ops, run_id, build_id, checks)
        failed = [check for check in checks if check.blocks]
        if failed:
            raise ChecksFailed(
                f"{len(failed)} blocking checks failed; the last good marts stay published\n{describe(failed)}",
                "look at the failing rows above, mend the data or the model, then build again",
                failed,
            )
        return checks

    def _expectations(self, build_id: str) -> list[CheckResult]:
        over = {name: one.over for one in self.passes for name in one.models}
        marts = [mart for mart in self.project.marts if mart.name in over]
        entire = {name for name, kind in over.items() if kind is not Over.CHANGED}
        assets, within = None, None
        if self.changed is not None:
            assets, within = listed_assets(self.extent), changed_range(self.extent)
        kept = kept_path(self.settings, build_id)
        return expectations.expect(self.settings, self.build_file, marts, kept, assets, within, entire, self.watch)

    def _run_models(self) -> list[CheckResult]:
        """Build the models, pass by pass and shard by shard; returns dbt's tests as checks, each test once."""
        checks: list[CheckResult] = []
        later = self.made()
        for one in self.passes:
            later -= one.models
            changes, bounded = self._changes_of(one), one.over in (Over.CHANGED, Over.EVERYTHING)
            parts = [changes]
            if bounded:
                parts = in_shards(self.settings, self.contracts, self.pins, changes, self._new("shards"))
            for number, part in enumerate(parts):
                if len(parts) > 1:
                    self.progress(f"dbt, {number + 1} of {len(parts)}")
                models = set(one.models)
                if len(parts) > 1 and (number or one.over not in ANEW):
                    models &= self.project.standing_on(changed_inputs(self.contracts, part))
                manifest = write_manifest(self.folder, self.contracts, self.pins, part, bounded=bounded)
                nodes = self._dbt(models, later, afresh=one.over in ANEW and number == 0)
                checks = united(checks, dbt_checks(self.settings, nodes, self.build_file, manifest))
                if any(check.blocks for check in checks):
                    return checks
        return checks

    def _changes_of(self, one: Pass) -> Changes:
        if one.over is Over.EVERYTHING:
            return self.everything
        return nothing_changed(self._new("unchanged")) if self.changed is None else self.extent

    def _dbt(self, models: Collection[str], later: Collection[str], *, afresh: bool) -> list[NodeResult]:
        if not models:
            return []
        beneath = self.project.beneath(models)
        made = {*models, *(beneath & self.live)}
        create_empty(self.folder / "scratch.duckdb", self.project.silent(self.live, beneath))
        marts = {name for name, model in self.project.models.items() if model.is_mart}
        tests = self.project.checking(made, beneath | marts - self.kept_back.keys() - set(later))
        selected = sorted({*made, *tests})
        flags = ["--full-refresh"] if afresh else []
        nodes = run_dbt(
            self.settings,
            ["build", *flags, "--indirect-selection", "empty", "--select", *selected],
            self.folder,
            self.watch,
        )
        failed = [node for node in nodes if node.resource == "model" and node.status == "error"]
        if failed:
            listed = "\n".join(f"  {node.name}: {node.message}" for node in failed)
            raise (
                outage_in(listed)
                or diagnosed(self.settings, read_every_row)
                or ModelsFailed(
                    f"dbt could not build {len(failed)} models:\n{listed}",
                    "mend these models; if the message is of a damaged file, build --full-refresh",
                    [node.name for node in failed],
                )
            )
        if lost := {*models, *tests} - {node.name for node in nodes}:  # they would count as made, and as passed
            raise TerminalError(f"dbt did not run {', '.join(sorted(lost))}", "mend the dbt project")
        return nodes

    def _new(self, name: str) -> Path:
        """An empty folder."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder
