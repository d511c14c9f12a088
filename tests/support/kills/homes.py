"""Homes that are prepared once and put back before each kill, and the proof that a kill does no harm."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.device_files import write_signal
from tests.support.kills.steps import Step, spread
from tests.support.kills.worker import Ended, Worker

#: Of so many kills one is followed by a replay, where not all steps are tried.
SAMPLED = 4
MINUTES = [f"2024-06-{day:02d} {quarter // 4:02d}:{quarter % 4 * 15:02d}:00" for day in (1, 2) for quarter in range(96)]


def first_files(folder: Path) -> list[str]:
    """A meter with power and a counter, two days."""
    power = write_signal(folder, "m1", "com_ap", [(s, 1 + i % 4) for i, s in enumerate(MINUTES)])
    counter = write_signal(folder, "m1", "pos_ae", [(s, f"{100 + i * 0.5:.3f}") for i, s in enumerate(MINUTES)])
    return [str(power), str(counter)]


def second_files(folder: Path) -> list[str]:
    """Corrections of m1, a new meter with refused cells, and a file that nobody can read."""
    corrected = write_signal(folder, "m1", "com_ap", [(s, 7) for s in MINUTES[40:60]])
    fresh = write_signal(folder, "m2", "com_ap", [(s, "x" if i == 3 else i) for i, s in enumerate(MINUTES[:96])])
    unknown = folder / "unknown.csv"
    unknown.write_text("colour\nred\n")
    return [str(path) for path in (corrected, fresh, unknown)]


def third_files(folder: Path) -> list[str]:
    """The next days of m1."""
    later = [stamp.replace("-06-0", "-06-1") for stamp in MINUTES]
    return [str(write_signal(folder, "m1", "com_ap", [(stamp, 5) for stamp in later]))]


@dataclass
class Case:
    """An operation on a prepared home.

    Args:
        worker: runs it.
        home: where the home stands; Iceberg knows its files by their whole paths, so it is always put back there.
        operation, arguments: what is killed, and run again.
        settings: beyond the home.
    """

    worker: Worker
    home: Path
    operation: str
    arguments: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    cpu_s: float = 0.0
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)

    @property
    def _kept(self) -> Path:
        return self.home.with_name(f"{self.home.name}-{self.operation}-before")

    def prepare(self) -> None:
        """Keep the home as it is now, and learn from it."""
        self.keep()
        self.learn()

    def keep(self) -> None:
        """Keep the home as it is now."""
        self.settings = {"home": str(self.home), "threads": 1, **self.settings}
        shutil.copytree(self.home, self._kept)

    def learn(self) -> None:
        """Learn the steps and the undisturbed outcome."""
        self.before = self.worker.done("look", self.settings)
        self.put_back()
        undisturbed = self.worker.run(self.operation, self.settings, **self.arguments)
        assert undisturbed.error is None, undisturbed.error
        self.cpu_s = undisturbed.cpu_s
        self.after = self.worker.done("look", self.settings)
        self.expected = self.worker.done("outcome", self.settings)
        self.put_back()
        observed = self.worker.run(self.operation, self.settings, observed=True, **self.arguments)
        assert observed.error is None, observed.error
        self.steps = observed.steps
        print(f"{self.operation}: {len(self.steps)} steps, {self.cpu_s:.2f} s of CPU")

    def put_back(self) -> None:
        """The home as it was before the operation."""
        shutil.rmtree(self.home)
        shutil.copytree(self._kept, self.home)

    def kill(self, *, at: Step | None = None, after_s: float | None = None) -> Ended:
        """Run the operation on the prepared home until it is killed."""
        self.put_back()
        return self.worker.run(self.operation, self.settings, die_at=at, die_after_s=after_s, **self.arguments)

    def assert_unharmed(self, where: str, *, replayed: bool, again: str | None = None) -> None:
        """After a kill: readers see the state before or after, and a second run ends as an undisturbed one.

        Args:
            where: the kill was.
            replayed: prove too that the archive gives the same rows; that costs as much as all the rest.
            again: another operation that does what was killed.

        Raises:
            AssertionError: they do not; says where the kill was.
        """
        seen = self.worker.done("look", self.settings)
        for table, digest in seen["raw"].items():
            assert digest in (self.before["raw"][table], self.after["raw"][table]), f"raw.{table} after {where}"
        assert seen["marts"] in (self.before["marts"], self.after["marts"]), f"marts after {where}"
        if again is None:
            ended = self.worker.run(self.operation, self.settings, **self.arguments)
        else:
            ended = self.worker.run(again, self.settings)
        assert ended.error is None, f"the second run after {where}: {ended.error}"
        ended = self.worker.run("outcome", self.settings)
        assert ended.error is None, f"after {where}: {ended.error}"
        assert ended.value == self.expected, f"after {where}"
        if replayed:
            outcomes = self.worker.done("replay", self.settings, dry_run=True)
            assert set(outcomes.values()) == {"equal"}, f"replay after {where}: {outcomes}"

    def kill_at_steps(self, count: int | None = None) -> int:
        """Kill at all steps, or at so many of them; returns how many were reached again."""
        return self.kill_at(self.steps if count is None else spread(self.steps, count), replayed=count is None)

    def kill_at(self, chosen: Sequence[Step], replayed: bool = False) -> int:
        """Kill at each of these steps; a replay follows each, or one in `SAMPLED`."""
        killed = 0
        for number, step in enumerate(chosen):
            killed += self.kill(at=step).killed
            self.assert_unharmed(str(step), replayed=replayed or number % SAMPLED == 1)
        # A step may count lines whose number depends on a hash or a race; hardly any does.
        assert killed >= 0.9 * len(chosen), f"{killed} of {len(chosen)} steps were reached again"
        return killed

    def kill_at_times(self, count: int) -> int:
        """Kill after so many even parts of the CPU time that the operation takes; returns how many were killed."""
        killed = 0
        for part in range(1, count + 1):
            moment_s = self.cpu_s * part / (count + 1)
            killed += self.kill(after_s=moment_s).killed
            self.assert_unharmed(f"{moment_s:.3f} s of CPU", replayed=part % SAMPLED == 1)
        assert killed >= 0.5 * count
        return killed
