"""The steps of an operation: the lines after which the files of a home have changed, found by running it once.

An observer traces the lines of our own code and of pyiceberg, and asks after each whether a file of the home changed.
The same lines, counted again, are where a second run kills itself. Nothing of this is written down: it is found anew.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import struct
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
#: Where lines are watched: all that writes in Python. Native code between two lines is met by timers.
WATCHED = (f"{ROOT}/lakehouse/", f"{ROOT}/flows/", "/pyiceberg/table/", "/pyiceberg/catalog/", "/pyiceberg/io/")


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


class Watch:
    """Tells whether anything in a folder has changed: the kernel keeps count (inotify), so that a question takes 10 µs.

    Looking at every file took a millisecond, and an operation has tens of thousands of lines.
    """

    #: Bits of inotify: a file was written to, moved in or out, made or deleted; and the thing is a folder.
    CHANGES, FOLDER = 0x2 | 0x40 | 0x80 | 0x100 | 0x200, 0x40000000
    EVENT = struct.Struct("iIII")

    def __init__(self, root: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._queue = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._folders: dict[int, Path] = {}
        self._add(root)

    def _add(self, root: Path) -> None:
        for folder, _, _ in os.walk(root):
            watch = self._libc.inotify_add_watch(self._queue, os.fsencode(folder), self.CHANGES)
            if watch > 0:
                self._folders[watch] = Path(folder)
            elif ctypes.get_errno() != errno.ENOENT:  # gone again meanwhile
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), folder)

    def changed(self) -> bool:
        """Whether anything has changed since the last question."""
        try:
            events = os.read(self._queue, 2**20)
        except BlockingIOError:
            return False
        changed, start = False, 0
        while start < len(events):
            watch, mask, _, length = self.EVENT.unpack_from(events, start)
            start += self.EVENT.size + length
            name = events[start - length : start].rstrip(b"\0").decode()
            if mask & self.FOLDER and watch in self._folders:
                self._add(self._folders[watch] / name)
            # SQLite's index of its log is shared memory; it is made anew from the log.
            changed |= bool(mask & self.CHANGES) and not name.endswith("-shm")
        return changed


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
    watch = Watch(root)
    steps: list[Step] = []

    def reached(step: Step) -> None:
        if watch.changed():
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
