"""A process that keeps dbt and Great Expectations ready: started for the first request, taken again for the next.

Importing the two and reading dbt's parsed project costs most of a small build. What is kept can serve any home, one
request at a time; it ends with this process, which imports neither.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lakehouse.errors import TerminalError

#: A process that is not asked any more ends within milliseconds; one that does not is stopped from outside.
PATIENCE_S = 5.0
#: Where this code was imported from: the process imports the same, wherever it is started.
CODE = str(Path(__file__).resolve().parents[2])
#: Lines of a function's output that are shown if it fails.
LINES_KEPT = 25
#: How a line of the program begins that says a function's answer, and one that says that a request has ended.
ANSWER, ENDED = '{"answer"', '{"ended"'


@dataclass(frozen=True)
class Command:
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


@dataclass(frozen=True)
class Call:
    """A function to call where Great Expectations is imported.

    Args:
        function: "module:name".
        arguments: by name, as JSON has them.
    """

    function: str
    arguments: Mapping[str, Any]


class _Process:
    """One process with dbt and Great Expectations in it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # -P: the working directory may hold a folder named dbt, which would hide the package.
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "lakehouse.marts.warm_program"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [CODE, os.environ.get("PYTHONPATH")]))},
        )  # fmt: skip

    @property
    def alive(self) -> bool:
        """Whether it can take a request."""
        return self._popen.poll() is None

    def run(self, request: Command | Call, heard: Callable[[str], None]) -> int:
        """Serve a request; the exit code of what ran, or the negative signal that has killed it."""
        assert self._popen.stdin is not None and self._popen.stdout is not None
        self._popen.stdin.write(json.dumps({type(request).__name__: asdict(request)}) + "\n")
        self._popen.stdin.flush()
        for line in self._popen.stdout:
            if line.startswith(ENDED):
                return int(json.loads(line)["ended"])
            heard(line)
        return self._popen.wait()

    def end(self) -> None:
        """End it, and what it runs."""
        with self._popen, contextlib.suppress(BrokenPipeError):
            assert self._popen.stdin is not None
            self._popen.stdin.close()
            try:
                self._popen.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()


_idle: list[_Process] = []
_lock = threading.Lock()


def run(request: Command | Call, heard: Callable[[str], None]) -> int:
    """Run a command of dbt, or call a function, in a process of its own.

    Args:
        request: the command or the call.
        heard: called with each line that dbt logs, as `{"info": {"name", "msg"}, "data"}`, or that anything writes.

    Returns:
        The exit code (of dbt 0: success, 1: a node failed, 2: dbt could not run; of a function 0: it has answered), or
        the negative signal that has killed it.
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


def call(function: str, heard: Callable[[str], None] = lambda line: None, **arguments: Any) -> Any:
    """Call a function in a process of its own, in which Great Expectations is imported.

    Args:
        function: "module:name".
        heard: called with each line that it prints.
        arguments: what JSON can say.

    Returns:
        Its answer, as JSON has it; what JSON does not know is text.

    Raises:
        TerminalError: it failed; with the end of what it printed.
    """
    answers: list[Any] = []
    said = deque[str](maxlen=LINES_KEPT)

    def line_of(line: str) -> None:
        if line.startswith(ANSWER):
            answers.append(json.loads(line)["answer"])
        else:
            said.append(line)
            heard(line)

    code = run(Call(function, arguments), line_of)
    if code == 0 and answers:
        return answers[0]
    name = function.partition(":")[2]
    raise TerminalError(f"{name} failed (exit code {code}):\n{''.join(said).strip()}", "look at its last lines above")


def end_waiting() -> None:
    """End the processes that wait for a request; the next request starts one."""
    with _lock:
        waiting = [process for process in _idle if process.owner == os.getpid()]
        _idle.clear()
    for process in waiting:
        process.end()


atexit.register(end_waiting)  # waited for, what it took is counted as this process's


def _taken() -> _Process:
    """A process that waits for a request, or a new one."""
    with _lock:
        # A fork of this process has its parent's list, whose processes speak to the parent alone.
        usable = [process for process in _idle if process.owner == os.getpid() and process.alive]
        _idle[:] = usable[1:]
    return usable[0] if usable else _Process()
