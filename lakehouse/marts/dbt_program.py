"""The program that runs dbt: it imports dbt and parses the project once, and forks a process for each command.

Started by `lakehouse.marts.dbt_process`, which alone speaks to it. A request is a line of JSON on standard input; what
dbt logs, and last `{"ended": exit code}`, are lines on standard output. Where its input ends, its parent has ended: it
kills the dbt that runs, and ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from lakehouse.marts.dbt_models import write_models
from lakehouse.marts.dbt_process import Request
from lakehouse.marts.dbt_runner import RESULTS, NodeResult

#: What a parse takes from its command: the same project, read for another command, is the same project.
PARSE = ("parse", "--no-write-json")
#: Commands whose outcome goes to `RESULTS`; dbt's own artifacts, which cost a second each, are not written then.
BUILDS = frozenset({"build", "run", "test"})
#: Loaded before the first fork: dbt loads them when a command runs.
LATER = ("agate", "dbt.adapters.duckdb.impl", "dbt.task.build", "lakehouse.marts.dbt_plugin")
#: Frameworks of macOS do not survive a fork: elsewhere than on Linux a process runs one command and ends.
FORKS = sys.platform == "linux"
ABANDONED = "the build that started dbt has ended"
SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux

#: dbt's threads log beside each other.
_one_line = threading.Lock()


class Parsed(NamedTuple):
    """A parsed project, and what it was parsed of."""

    project: str
    manifest: Any


def serve() -> None:
    """Run the commands that are asked for, one after the other, until standard input ends."""
    for name in ("dbt.cli.main", *LATER):
        __import__(name)
    parsed: Parsed | None = None
    for line in iter(sys.stdin.readline, ""):
        request = Request(**json.loads(line))
        os.environ.clear()
        os.environ.update(request.environment)
        code = 0
        if parsed is None or parsed.project != request.project:
            parsed, code = _parse(request)
        if parsed is not None:
            code = _forked(request, parsed) if FORKS else _run(request, parsed.manifest)
        print(json.dumps({"ended": code}), flush=True)


def _parse(request: Request) -> tuple[Parsed | None, int]:
    """Parse the project: the result, and dbt's exit code where there is none."""
    result = _dbt(None, [*PARSE, *request.places])
    if result.result is None:
        return None, _exit_code(result)
    # Forked processes share these pages as long as no collection of garbage touches them.
    gc.collect()
    gc.freeze()
    return Parsed(request.project, result.result), 0


def _forked(request: Request, parsed: Parsed) -> int:
    """Run a command in a fork of this process, which ends with it; dbt's exit code, or the negative signal."""
    if select.select([sys.stdin], [], [], 0)[0]:  # its parent has ended meanwhile, and another build may have begun
        raise SystemExit(ABANDONED)
    # The child holds the writing end: at its end, however it ends, the reading end has something to say.
    ended, running = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() == parent:
            _run(request, parsed.manifest)
        os._exit(1)
    os.close(running)
    try:
        ready, _, _ = select.select([ended, sys.stdin.fileno()], [], [])
        if ended not in ready:
            raise SystemExit(ABANDONED)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(ended)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _run(request: Request, manifest: Any) -> NoReturn:
    """Run a command in this process, and end it."""
    code = 2
    try:
        os.chdir(request.folder)
        builds = request.command[0] in BUILDS
        result = _dbt(manifest, [*request.command, *(["--no-write-json"] if builds else []), *request.places])
        target = Path("target")
        write_models(target, manifest)
        if builds and result.result is not None:
            nodes = [asdict(_node_result(one, manifest)) for one in result.result.results]
            (target / RESULTS).write_text(json.dumps(nodes))
        code = _exit_code(result)
    finally:
        if error := sys.exception():
            traceback.print_exception(error)
        os._exit(code)


def _dbt(manifest: Any, arguments: Sequence[str]) -> Any:
    """dbt's result of a command; what it logs has been printed."""
    from dbt.cli.main import dbtRunner

    # dbt's loggers render every event, also those that they leave out: a tenth of a small build.
    quiet = ["--no-use-colors", "--log-level", "none", "--log-level-file", "none"]
    return dbtRunner(manifest, [_show]).invoke([*quiet, *arguments])


def _show(event: Any) -> None:
    """Print an event as dbt's own log in JSON has it."""
    if event.info.level in ("debug", "test", "dynamic"):
        return
    from google.protobuf.json_format import MessageToDict

    data = MessageToDict(event.data, preserving_proto_field_name=True)
    line = json.dumps({"info": {"name": event.info.name, "msg": event.info.msg}, "data": data})
    with _one_line:
        print(line, flush=True)


def _exit_code(result: Any) -> int:
    """dbt's: 0 of success, 1 where a node failed, 2 where dbt could not run."""
    if result.exception is not None:
        print(str(result.exception), flush=True)
        return 2
    return 0 if result.success else 1


def _node_result(result: Any, manifest: Any) -> NodeResult:
    node = result.node
    reads = [manifest.nodes[key] for key in node.depends_on.nodes if key in manifest.nodes]
    return NodeResult(
        name=node.name,
        resource=str(node.resource_type),
        status=str(result.status),
        seconds=result.execution_time,
        failures=result.failures,
        message=result.message,
        sql=getattr(node, "compiled_code", None),
        models=tuple(sorted({one.name for one in reads if one.resource_type == "model"})),
    )


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C reaches the build too, which says so
        serve()
