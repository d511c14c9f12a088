"""A process that keeps dbt ready: started when the first command comes, taken again for the next.

Importing dbt and reading its parsed project costs half of a small build. What is kept can run commands of any home,
one at a time; it ends with this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

#: A process that is not asked any more ends within milliseconds; one that does not is stopped from outside.
PATIENCE_S = 5.0
#: Where this code was imported from: dbt's process imports the same, wherever it is started.
CODE = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True)
class Request:
    """A command for dbt.

    Args:
        command: dbt's command and its flags.
        places: flags that say where the project, its profile, and the target and log folders are.
        project: digest of what the project and its profile say: a project that is parsed holds while it is the same.
        folder: that dbt runs in.
        environment: of dbt, all of it.
    """

    command: Sequence[str]
    places: Sequence[str]
    project: str
    folder: str
    environment: Mapping[str, str]


class _Process:
    """One process with dbt in it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # -P: the working directory may hold a folder named dbt, which would hide the package.
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "lakehouse.marts.dbt_program"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [CODE, os.environ.get("PYTHONPATH")]))},
        )  # fmt: skip

    @property
    def alive(self) -> bool:
        """Whether it can take a command."""
        return self._popen.poll() is None

    def run(self, request: Request, heard: Callable[[str], None]) -> int:
        """Run a command; dbt's exit code, or the negative signal that has killed it."""
        assert self._popen.stdin is not None and self._popen.stdout is not None
        self._popen.stdin.write(json.dumps(asdict(request)) + "\n")
        self._popen.stdin.flush()
        for line in self._popen.stdout:
            if line.startswith('{"ended"'):
                return int(json.loads(line)["ended"])
            heard(line)
        return self._popen.wait()

    def end(self) -> None:
        """End it, and the command that it runs."""
        with self._popen, contextlib.suppress(BrokenPipeError):
            assert self._popen.stdin is not None
            self._popen.stdin.close()
            try:
                self._popen.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()


_idle: list[_Process] = []
_lock = threading.Lock()


def run(request: Request, heard: Callable[[str], None]) -> int:
    """Run a command of dbt in a process of its own.

    Args:
        request: the command.
        heard: called with each line that dbt logs, as `{"info": {"name", "msg"}, "data"}`, or writes otherwise.

    Returns:
        dbt's exit code (0: success, 1: a node failed, 2: dbt could not run), or the negative signal that has killed it.
    """
    process = _taken()
    try:
        code = process.run(request, heard)
    except BaseException:
        process.end()
        raise
    if process.alive:
        with _lock:
            _idle.append(process)
    return code


def end_waiting() -> None:
    """End the processes that wait for a command; the next command starts one."""
    with _lock:
        waiting = [process for process in _idle if process.owner == os.getpid()]
        _idle.clear()
    for process in waiting:
        process.end()


def _taken() -> _Process:
    """A process that waits for a command, or a new one."""
    with _lock:
        # A fork of this process has its parent's list, whose processes speak to the parent alone.
        usable = [process for process in _idle if process.owner == os.getpid() and process.alive]
        _idle[:] = usable[1:]
    return usable[0] if usable else _Process()
