"""Landings, late and corrected data, kills, replays, maintenance and builds in any order equal a plain dict."""

from __future__ import annotations

import copy
import itertools
import math
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.kills.worker import Worker

START = datetime(2024, 6, 1, tzinfo=UTC)
#: Three days, so that late data fall into days that are built already.
HOURS = st.integers(0, 71)
ASSETS = st.sampled_from(("m1", "m2"))
#: Readings of a power; a letter is refused.
READINGS = st.lists(st.tuples(HOURS, st.sampled_from(("1", "2", "3", "x"))), min_size=1, max_size=12)
#: Uneven steps of a counter that never stands still, in tenths of a kWh; a later landing never contradicts it.
STEPS = [1 + (hour * 7) % 13 for hour in range(72)]
#: CPU seconds of a landing here, within which kills fall; those that come too late kill nothing.
LANDING_S = 1.0

Key = tuple[str, str, int]


@dataclass(frozen=True)
class File:
    """One file of the reference layout: (hour, text) in the order of its lines."""

    asset: str
    signal: str
    lines: tuple[tuple[int, str], ...]

    @property
    def text(self) -> str:
        """Its content."""
        stamps = [(START + timedelta(hours=hour)).strftime("%Y-%m-%d %H:%M:%S") for hour, _ in self.lines]
        rows = [f"{stamp},{value}\n" for stamp, (_, value) in zip(stamps, self.lines, strict=True)]
        return f"ts,{self.signal}\n" + "".join(rows)


@dataclass
class Model:
    """What the house should hold: value by asset, signal and instant; refused lines by content; files that landed."""

    values: dict[Key, float] = field(default_factory=dict)
    refused: set[tuple[str, int]] = field(default_factory=set)
    landed: set[File] = field(default_factory=set)

    def after(self, files: list[File]) -> Model:
        """The model after a landing; of two readings of an instant the later one holds."""
        new = copy.deepcopy(self)
        for file in files:
            if file in new.landed:
                continue
            new.landed.add(file)
            held = {hour: text for hour, text in file.lines if text != "x"}
            for line, (hour, text) in enumerate(file.lines, start=2):
                if text == "x":
                    new.refused.add((file.text, line))
                else:
                    if text != held[hour]:  # a later line says otherwise: this one is kept beside it
                        new.refused.add((file.text, line))
                    instant = int((START + timedelta(hours=hour)).timestamp())
                    new.values[file.asset, file.signal, instant] = float(text)
        return new

    def rows(self) -> list[list[Any]]:
        """As `tests.support.kills.operations.power` lists them."""
        return [*([*key, value] for key, value in sorted(self.values.items())), [len(self.refused)]]

    def power_days(self) -> list[list[Any]]:
        """Samples and sum of the power by asset and day."""
        days: dict[tuple[str, str], list[float]] = defaultdict(list)
        for (asset, signal, instant), value in self.values.items():
            if signal == "com_ap":
                days[asset, day_of(instant)].append(value)
        return [[*key, len(values), sum(values)] for key, values in sorted(days.items())]

    def energy_days(self) -> dict[tuple[str, str], float]:
        """Energy by asset and day: each step of the counter lies evenly on the time since the sample before."""
        energy: dict[tuple[str, str], float] = defaultdict(float)
        for asset in {asset for asset, signal, _ in self.values if signal == "pos_ae"}:
            samples = sorted((t, v) for (a, signal, t), v in self.values.items() if (a, signal) == (asset, "pos_ae"))
            for (t0, v0), (t1, v1) in itertools.pairwise(samples):
                for hour in range(t0, t1, 3600):  # samples stand on hours, and so do midnights
                    energy[asset, day_of(hour)] += (v1 - v0) * 3600 / (t1 - t0)
        return energy


def day_of(instant: int) -> str:
    """The day of an instant."""
    return datetime.fromtimestamp(instant, UTC).date().isoformat()


def counter(hours: list[int]) -> tuple[tuple[int, str], ...]:
    """Lines of the counter at these hours."""
    return tuple((hour, f"{100 + sum(STEPS[:hour]) / 10:.1f}") for hour in hours)


class House(RuleBasedStateMachine):
    """The house beside the models of what it may hold: more than one only after a kill, until something settles it."""

    worker: ClassVar[Worker]
    builds_at_most: ClassVar[int]

    @initialize()
    def empty(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="house-"))
        self.settings = {"home": str(self.folder / "home"), "threads": 1, "snapshot_days": 0, "snapshots_kept": 1}
        self.models = [Model()]
        self.killed = False
        self.files: list[list[File]] = []
        self.builds = 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def do(self, operation: str, **arguments: Any) -> Any:
        return self.worker.done(operation, self.settings, **arguments)

    def write(self, files: list[File]) -> list[str]:
        """The files on disk, each in a folder of its own; only asset and signal are part of what they say."""
        paths = []
        for file in files:
            path = Path(tempfile.mkdtemp(dir=self.folder)) / file.asset / f"{file.signal}.csv"
            path.parent.mkdir()
            path.write_text(file.text)
            paths.append(str(path))
        return paths

    def land(self, files: list[File], die_after_s: float | None = None) -> None:
        """Land in the order given, and know what the house may hold then."""
        arguments = {"paths": self.write(files), "options": {"timezone": "UTC"}}
        ended = self.worker.run("land", self.settings, die_after_s=die_after_s, **arguments)
        assert ended.error is None, ended.error
        after = [model.after(files) for model in self.models]
        self.models = [*self.models, *after] if ended.killed else after
        self.killed = ended.killed

    def settled(self) -> Model:
        """The one model that the house equals, once nothing of a killed landing is left."""
        found = self.do("power")
        holding = [model for model in self.models if model.rows() == found]
        assert holding, f"the house holds {found}\nand not one of {[model.rows() for model in self.models]}"
        self.models = holding[-1:]
        return holding[-1]

    @rule(asset=ASSETS, readings=READINGS, hours=st.lists(HOURS, min_size=1, max_size=12, unique=True))
    def land_new_late_or_corrected(self, asset: str, readings: list[tuple[int, str]], hours: list[int]) -> None:
        files = [File(asset, "com_ap", tuple(readings)), File(asset, "pos_ae", counter(hours))]
        self.files.append(files)
        self.land(files)

    @rule(asset=ASSETS, readings=READINGS, part=st.floats(0.02, 1))
    def be_killed_while_landing(self, asset: str, readings: list[tuple[int, str]], part: float) -> None:
        files = [File(asset, "com_ap", tuple(readings))]
        self.files.append(files)
        self.land(files, die_after_s=part * LANDING_S)

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def land_again(self, data: st.DataObject) -> None:
        self.land(data.draw(st.sampled_from(self.files)))

    @rule()
    def replay(self) -> None:
        outcomes = self.do("replay")
        assert set(outcomes.values()) == {"equal"}, outcomes
        self.killed = False

    @precondition(lambda self: self.files)
    @rule()
    def maintain(self) -> None:
        self.do("maintain")

    @precondition(lambda self: self.files and not self.killed and self.builds < self.builds_at_most)
    @rule()
    def build(self) -> None:
        self.builds += 1
        model = self.settled()
        self.do("build")
        found = self.do("days")
        assert found["power"] == model.power_days()
        energy = {(asset, day): kwh for asset, day, kwh in found["energy"]}
        for key, kwh in model.energy_days().items():
            assert math.isclose(energy.get(key, 0.0), kwh, abs_tol=1e-3), f"{key}: {energy.get(key)} kWh, not {kwh}"
        assert not {key for key, kwh in energy.items() if kwh and key not in model.energy_days()}

    @invariant()
    def the_house_equals_a_model(self) -> None:
        if not hasattr(self, "models"):
            return
        if not self.killed:
            self.settled()
            return
        observed = self.do("power")[:-1]  # refused rows are committed before the others
        assert observed in [model.rows()[:-1] for model in self.models]


def run(examples: int, steps: int, builds: int) -> None:
    """Run the machine; the same examples each time."""
    with Worker() as worker:
        machine = type("Bounded", (House,), {"worker": worker, "builds_at_most": builds})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                derandomize=True,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_any_order_of_work_and_kills_equals_a_dict() -> None:
    run(examples=2, steps=6, builds=1)


@pytest.mark.nightly
@pytest.mark.timeout(6 * 3600)
def test_many_orders_of_work_and_kills_equal_a_dict() -> None:
    run(examples=40, steps=14, builds=2)
