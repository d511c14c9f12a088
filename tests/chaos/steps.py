"""The steps of an operation: the lines after which the files of a home have changed, found by running it once.

An observer traces the lines of our own code and of pyiceberg, and looks at every file of the home after each. The same
lines, counted again, are where a second run kills itself. Nothing of this is written down: it is found anew.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: Where lines are watched: all that writes in Python. Native code between two lines is met by timers.
WATCHED = (f"{ROOT}/lakehouse/", f"{ROOT}/flows/", "/pyiceberg/table/", "/pyiceberg/catalog/", "/pyiceberg/io/")


#: A home is looked at thousands of times; Path.stat costs four times as much.
_stat = os.stat


@dataclass(frozen=True, order=True)
class Step:
    """The n-th time that a line is reached, when the home has just changed."""

    file: str
    function: str
    line: int
    event: str
    nth: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function} ({self.event}, {self.nth}. time)"


class Home:
    """A look at every file of a folder: names, sizes and times of change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: dict[str, int] = {}
        self._files: list[str] = []

    def state(self) -> int:
        """A number that changes with any file; folders are listed again only where their own time has changed."""
        try:
            if not self._folders or any(_stat(f).st_mtime_ns != t for f, t in self._folders.items()):
                self._list()
            looks = []
            for path in self._files:
                stat = _stat(path)
                looks.append((path, stat.st_size, stat.st_mtime_ns))
        except FileNotFoundError:
            self._list()
            return self.state()
        return hash((tuple(looks), tuple(self._folders)))

    def _list(self) -> None:
        self._folders, self._files = {}, []
        for folder, _, names in os.walk(self.root):
            self._folders[folder] = _stat(folder).st_mtime_ns
            # SQLite's index of its log is shared memory and changes with every look at the database.
            self._files += [f"{folder}/{name}" for name in names if not name.endswith("-shm")]


class _Tracer:
    def __init__(self, reached: Callable[[Step], None]) -> None:
        self._reached = reached
        self._names: dict[CodeType, str | None] = {}
        self._counts: Counter[tuple[str, str, int, str]] = Counter()

    def __call__(self, frame: FrameType, event: str, _argument: object) -> Any:
        name = self._name(frame.f_code)
        if name is None:
            return None
        if event != "exception":
            key = (name, frame.f_code.co_name, frame.f_lineno, event)
            self._counts[key] += 1
            self._reached(Step(*key, self._counts[key]))
        return self

    def _name(self, code: CodeType) -> str | None:
        if code not in self._names:
            file = code.co_filename
            watched = any(part in file for part in WATCHED)
            self._names[code] = "/".join(Path(file).parts[-2:]) if watched else None
        return self._names[code]


def observe(root: Path, operation: Callable[[], object]) -> list[Step]:
    """Run an operation and list its steps."""
    home = Home(root)
    steps: list[Step] = []
    last = home.state()

    def reached(step: Step) -> None:
        nonlocal last
        now = home.state()
        if now != last:
            last = now
            steps.append(step)

    sys.settrace(_Tracer(reached))
    try:
        operation()
    finally:
        sys.settrace(None)
    return steps


def die_at(step: Step) -> None:
    """Kill this process at a step."""

    def reached(now: Step) -> None:
        if now == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.settrace(_Tracer(reached))


def die_after(cpu_s: float) -> None:
    """Kill this process when it has used so much CPU, wherever it is.

    The kernel ends it by SIGPROF, whose default action runs no code of ours, like SIGKILL's.
    """
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)


def spread(steps: Sequence[Step], count: int) -> list[Step]:
    """So many of the steps, evenly spread, the first and the last among them."""
    if count >= len(steps):
        return list(steps)
    return [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(count)]


def to_json(value: object) -> str:
    """Steps and plain values as JSON."""
    return json.dumps(value, default=lambda v: asdict(v) if isinstance(v, Step) else str(v))
