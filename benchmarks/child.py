"""Measures whole processes: processor time from the first instruction of Python to the end of all that they start."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
#: prctl: orphans of our children become ours, so that their time is counted.
SUBREAPER = 36
#: Seconds for what a process leaves behind to end by itself.
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Cost:
    """What a process took.

    Args:
        cpu_s: user and system time, start-up and all processes that it started included.
        wall_s: elapsed time until it ended.
        peak_bytes: highest resident memory of the process or of one that it started.
        result: what the function returned; of a command, what it printed.
    """

    cpu_s: float
    wall_s: float
    peak_bytes: int
    result: Any


def cpu_s() -> float:
    """Processor time of this process and of those it has started, whether they have ended or not."""
    times, ticks = os.times(), os.sysconf("SC_CLK_TCK")
    own = times.user + times.system + times.children_user + times.children_system
    return own + sum(sum(map(int, fields[11:15])) / ticks for fields in _descendants(os.getpid()))


def _descendants(pid: int) -> Iterator[list[str]]:
    """The fields of each living descendant."""
    found, known = _processes(), {pid}
    while more := {child for child, fields in found.items() if int(fields[1]) in known} - known:
        yield from (found[child] for child in more)
        known |= more


def _processes() -> dict[int, list[str]]:
    """Process → the fields after the name in its /proc/<pid>/stat."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
    return found


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command and wait for it and for all that it leaves behind.

    Raises:
        RuntimeError: it failed; carries what it printed.
    """
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    own = _children()
    # Python keeps what it has compiled, as it does for a user.
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env={**given, **(environment or {})}, stdout=output, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        usages = [usage, *_left_behind(own)]
        output.seek(0)
        errors.seek(0)
        printed, failed = output.read().decode(), errors.read().decode()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{printed[-2000:]}\n{failed[-4000:]}")
    cpu = sum(used.ru_utime + used.ru_stime for used in usages)
    return Cost(cpu, wall_s, max(used.ru_maxrss for used in usages) * 1024, printed)


def _left_behind(own: Set[int]) -> Iterator[Any]:
    """The usage of each process that a command has left to us, beside our own children."""
    deadline = time.monotonic() + PATIENCE_S
    while left := _children() - own:
        ended = [(pid, usage) for pid, _, usage in (os.wait4(pid, os.WNOHANG) for pid in left) if pid]
        yield from (usage for _, usage in ended)
        if not ended:
            if time.monotonic() > deadline:
                raise RuntimeError(f"a process that was left behind has not ended within {PATIENCE_S:.0f} s")
            time.sleep(0.02)


def _children() -> set[int]:
    """The processes whose parent is this one."""
    return {pid for pid, fields in _processes().items() if int(fields[1]) == os.getpid()}


def measured(function: str, *arguments: object) -> Cost:
    """Call `module:name` with JSON arguments in a process of its own; see `run`."""
    cost = run([sys.executable, "-m", "benchmarks.child", function, json.dumps(arguments, default=str)])
    return Cost(cost.cpu_s, cost.wall_s, cost.peak_bytes, json.loads(cost.result.splitlines()[-1]))


def main(function: str, arguments: str) -> None:
    """Run in the child: call, then print the result as the last line."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    module, _, name = function.partition(":")
    result = getattr(importlib.import_module(module), name)(*json.loads(arguments))
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
