"""The program that runs dbt and Great Expectations: it imports each, and parses the project, once, and forks a process
for each request.

Started by `lakehouse.marts.warm_process`, which alone speaks to it. A request is a line of JSON on standard input; what
dbt logs, what a function answers, and last `{"ended": exit code}`, are lines on standard output. Where its input ends,
its parent has ended: it kills what runs, and ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.abc
import importlib.machinery
import inspect
import json
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

from lakehouse.marts.dbt_models import MODELS, models_json
from lakehouse.marts.dbt_runner import RESULTS, NodeResult
from lakehouse.marts.warm_process import Call, Command

#: What a parse takes from its command: the same project, read for another command, is the same project.
PARSE = ("parse", "--no-write-json")
#: Commands whose outcome goes to `RESULTS`; dbt's own artifacts, which cost a second each, are not written then.
BUILDS = frozenset({"build", "run", "test"})
#: Loaded before the first fork: dbt loads them when a command runs.
DBT = ("dbt.cli.main", "agate", "dbt.adapters.duckdb.impl", "dbt.task.build", "lakehouse.marts.dbt_plugin")
#: What an audit imports of Great Expectations.
AUDIT = ("great_expectations", "great_expectations.datasource.fluent.sql_datasource", "duckdb_engine", "pytz")
#: What Great Expectations imports for one expectation that no mart declares: 1.4 s. They load when something is read
#: of them.
UNUSED = frozenset({"altair", "scipy.stats"})
#: A command that an audit follows.
AUDITED = "build"
#: Of this process and its forks, whatever a command's environment is: no reports to the makers of Great Expectations,
#: and no threads of numpy, which nobody needs and a fork would not have.
ENVIRONMENT = {"GX_ANALYTICS_ENABLED": "false", "OPENBLAS_NUM_THREADS": "1"}
#: Frameworks of macOS do not survive a fork: elsewhere than on Linux a process serves one request and ends.
FORKS = sys.platform == "linux"
ABANDONED = "the process that asked has ended"
SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux

#: dbt's threads log beside each other.
_one_line = threading.Lock()


class Parsed(NamedTuple):
    """A parsed project, what it was parsed of, and what a build needs of it."""

    project: str
    manifest: Any
    models: str


def serve() -> None:
    """Serve what is asked for, one after the other, until standard input ends."""
    sys.meta_path.insert(0, _WhenUsed())
    os.environ.update(ENVIRONMENT)
    parsed: Parsed | None = None
    audit = _Imports(AUDIT)
    for line in iter(sys.stdin.readline, ""):
        ((kind, fields),) = json.loads(line).items()
        audit.join()
        if kind == Call.__name__:
            audit.begin()
            audit.join()
            code = _forked(_answered, Call(**fields))
        else:
            command = Command(**fields)
            _import(DBT)
            inspect.stack()  # dbt calls it for each command, and a fork finds its cache of all modules' files filled
            os.environ.clear()
            os.environ.update({**command.environment, **ENVIRONMENT})
            code = 0
            if parsed is None or parsed.project != command.project:
                parsed, code = _parse(command)
            if parsed is not None:
                code = _forked(_run, command, parsed, meanwhile=audit if command.command[0] == AUDITED else None)
        print(json.dumps({"ended": code}), flush=True)


class _WhenUsed(importlib.machinery.PathFinder):
    """Finds the modules of `UNUSED`, to be loaded when something is read of them."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """The module's specification, with a loader that waits; None for every other module."""
        if fullname not in UNUSED:
            return None
        spec = super().find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Later(spec.loader)
        return spec


class _Later(importlib.abc.Loader):
    """Loads a module when something reads a name of it that its file gives it.

    Args:
        loader: that then loads it. The standard library's `LazyLoader` also loads a module that somebody asks for its
            file, as `inspect.stack` asks all modules, and dbt calls that for each command.
    """

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Python's own module."""

    def exec_module(self, module: ModuleType) -> None:
        """Leave it waiting."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        module.__class__ = _Waiting


class _Waiting(ModuleType):
    def __getattr__(self, name: str) -> Any:
        self.__class__ = ModuleType  # type: ignore[assignment]  # once: what loads now may ask again
        assert self.__spec__ is not None and self.__spec__.loader is not None
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)


class _Imports:
    """Imports of this process in a thread, which its forks find done: a fork before `join` would copy their locks.

    Args:
        names: modules.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Begin, if they have not begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=_import, args=(self._names,), daemon=True)
            self._thread.start()

    def join(self) -> None:
        """Wait for their end, if they have begun."""
        if self._thread is not None:
            self._thread.join()


def _import(names: Sequence[str]) -> None:
    """Import modules, once, to be shared with forks as long as no collection of garbage touches their pages."""
    if not all(name in sys.modules for name in names):
        for name in names:
            importlib.import_module(name)
        gc.freeze()


def _parse(request: Command) -> tuple[Parsed | None, int]:
    """Parse the project: the result, and dbt's exit code where there is none."""
    result = _dbt(None, [*PARSE, *request.places])
    if result.result is None:
        return None, _exit_code(result)
    from dbt.config.project import load_raw_project

    project = request.places[request.places.index("--project-dir") + 1]
    variables = load_raw_project(project).get("vars", {})
    parsed = Parsed(request.project, result.result, models_json(result.result, variables))
    # Forked processes share these pages as long as no collection of garbage touches them.
    gc.collect()
    gc.freeze()
    return parsed, 0


def _forked(serve: Callable[..., NoReturn], *arguments: Any, meanwhile: _Imports | None = None) -> int:
    """Serve a request in a fork of this process, which ends with it; its exit code, or the negative signal.

    Args:
        serve: ends its process.
        arguments: of `serve`.
        meanwhile: what this process imports while the fork works.
    """
    if not FORKS:
        serve(*arguments)
    if select.select([sys.stdin], [], [], 0)[0]:  # its parent has ended meanwhile, and another build may have begun
        raise SystemExit(ABANDONED)
    # The child holds the writing end: at its end, however it ends, the reading end has something to say.
    ended, running = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() == parent:
            serve(*arguments)
        os._exit(1)
    os.close(running)
    if meanwhile is not None:
        meanwhile.begin()
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


def _answered(call: Call) -> NoReturn:
    """Print what a function answers, in this process, and end it."""
    code = 1
    try:
        module, _, name = call.function.partition(":")
        answer = getattr(importlib.import_module(module), name)(**call.arguments)
        _line({"answer": answer})
        code = 0
    finally:
        _end(code)


def _run(request: Command, parsed: Parsed) -> NoReturn:
    """Run a command in this process, and end it."""
    code = 2
    try:
        os.chdir(request.folder)
        target = Path("target")
        target.mkdir(exist_ok=True)
        (target / MODELS).write_text(parsed.models)
        code = 0 if request.command[0] == PARSE[0] else _result(request, parsed.manifest, target)
    finally:
        _end(code)


def _result(request: Command, manifest: Any, target: Path) -> int:
    """Run a command of dbt, and write the outcomes of one that builds; dbt's exit code."""
    builds = request.command[0] in BUILDS
    result = _dbt(manifest, [*request.command, *(["--no-write-json"] if builds else []), *request.places])
    if builds and result.result is not None:
        nodes = [asdict(_node_result(one, manifest)) for one in result.result.results]
        (target / RESULTS).write_text(json.dumps(nodes))
    return _exit_code(result)


def _end(code: int) -> NoReturn:
    """End this process; what it fails of is printed."""
    if error := sys.exception():
        traceback.print_exception(error)
    sys.stdout.flush()
    os._exit(code)


def _line(said: Any) -> None:
    with _one_line:
        print(json.dumps(said, default=str), flush=True)


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
    _line({"info": {"name": event.info.name, "msg": event.info.msg}, "data": data})


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
