"""A process that has imported everything and forks a child for each operation, so that a kill costs no start-up.

It has no threads and no open database of its own, so a fork of it is sound. Requests and answers are lines of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from typing import Any, BinaryIO

from tests.support.kills.steps import ROOT, Step, die_after, die_at, observe, to_json


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Args:
        killed: by a signal.
        value: what the operation returned.
        error: its traceback, if it raised.
        steps: of the operation, where they were asked for.
        cpu_s: CPU time of the child.
    """

    killed: bool
    value: Any
    error: str | None
    steps: list[Step]
    cpu_s: float


class Worker:
    """The warm process; use it as a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def run(
        self,
        operation: str,
        settings: dict[str, Any],
        *,
        observed: bool = False,
        die_at: Step | None = None,
        die_after_s: float | None = None,
        **arguments: Any,
    ) -> Ended:
        """Run an operation of `tests.support.kills.operations` in a child.

        Args:
            operation: name of the function.
            settings: of the home.
            observed: list its steps.
            die_at: the step at which it kills itself.
            die_after_s: CPU seconds after which the kernel kills it.
            arguments: of the function.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        request = {
            "operation": operation, "settings": settings, "observed": observed, "die_at": die_at,
            "die_after_s": die_after_s, "arguments": arguments,
        }  # fmt: skip
        self._process.stdin.write(to_json(request).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        steps = [Step(**step) for step in answer.pop("steps")]
        return Ended(steps=steps, **answer)

    def done(self, operation: str, settings: dict[str, Any], **arguments: Any) -> Any:
        """What an operation returns that must not fail."""
        ended = self.run(operation, settings, **arguments)
        assert ended.error is None and not ended.killed, f"{operation}: {ended.error}"
        return ended.value


def _child(request: dict[str, Any], answers: BinaryIO) -> None:
    from lakehouse.settings import Settings
    from tests.support.kills import operations

    settings = Settings(**request["settings"])
    function = getattr(operations, request["operation"])
    found: dict[str, Any] = {"value": None, "error": None, "steps": []}

    def operation() -> None:
        found["value"] = function(settings, **request["arguments"])

    try:
        if request["die_after_s"] is not None:
            die_after(request["die_after_s"])
        if request["die_at"] is not None:
            die_at(Step(**request["die_at"]))
        if request["observed"]:
            found["steps"] = observe(settings.root, operation)
        else:
            operation()
    except BaseException:  # noqa: BLE001 -- it goes to the test as text
        found["error"] = traceback.format_exc()
    finally:
        sys.settrace(None)
        signal.setitimer(signal.ITIMER_PROF, 0)
    answers.write(to_json(found).encode())


def _serve() -> None:
    from tests.support.kills import operations

    operations.warm()
    # What operations print must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                _child(json.loads(line), pipe)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        _, status, usage = os.wait4(child, 0)
        found = json.loads(said) if said else {"value": None, "error": None, "steps": []}
        found |= {"killed": os.WIFSIGNALED(status), "cpu_s": usage.ru_utime + usage.ru_stime}
        answers.write(json.dumps(found).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _serve()
