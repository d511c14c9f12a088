"""Measures a function in a process of its own: processor time, wall time and peak memory, start-up left out."""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What a call took.

    Args:
        cpu_s: user and system time, with that of the processes it started.
        wall_s: elapsed time.
        peak_bytes: highest resident memory of the process or of one that it started.
        result: what the function returned.
    """

    cpu_s: float
    wall_s: float
    peak_bytes: int
    result: Any


def cpu_s() -> float:
    """Processor time of this process and of those it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measured(function: str, *arguments: object) -> Cost:
    """Call `module:name` with JSON arguments in a fresh process.

    Raises:
        RuntimeError: it failed; carries what it printed.
    """
    command = [sys.executable, "-m", "benchmarks.child", function, json.dumps(arguments, default=str)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{function} failed:\n{done.stderr[-4000:]}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def main(function: str, arguments: str) -> None:
    """Run in the child: call, then print the cost as the last line."""
    module, _, name = function.partition(":")
    call = getattr(importlib.import_module(module), name)
    cpu, wall = cpu_s(), time.perf_counter()
    result = call(*json.loads(arguments))
    cost = {"cpu_s": cpu_s() - cpu, "wall_s": time.perf_counter() - wall, "result": result}
    kib = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print("\n" + json.dumps({**cost, "peak_bytes": kib * 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
