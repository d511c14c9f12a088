"""Runs commands of dbt over a build file and reads their results."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse.errors import TerminalError
from lakehouse.marts import dbt_models, warm_process
from lakehouse.marts.dbt_models import MODELS, Project
from lakehouse.settings import DBT_PROJECT, Settings
from lakehouse.storage import take_place

#: dbt's parsed project, by dbt's own name.
PARSED = "partial_parse.msgpack"
#: The plugin's manifest of views in the folder that dbt runs in.
MANIFEST = "manifest.json"

#: Outcomes of a command that builds or tests, in dbt's target folder.
RESULTS = "results.json"

#: Called with (models and tests done, models and tests in all, the one that begins or has ended).
Watch = Callable[[int, int, str], None]
#: Events of dbt's log: a model or test begins, or has ended.
BEGINS, ENDS = "LogStartLine", ("LogModelResult", "LogTestResult")
#: Event of a warning that a model of the project has raised.
WARNS = "JinjaLogWarning"
#: Lines of the log that are shown if dbt stops before it has run anything.
LINES_KEPT = 25


@dataclass(frozen=True)
class NodeResult:
    """One model or test that dbt ran.

    Args:
        name: of the node.
        resource: 'model', 'test', 'seed'; 'warning' of one that a model has raised, under the model's name.
        status: dbt's status ('success', 'pass', 'fail', 'error', 'warn', 'skipped').
        seconds: execution time.
        failures: failing rows of a test.
        message: dbt's message.
        sql: compiled SQL.
        models: models that it reads, by name.
    """

    name: str
    resource: str
    status: str
    seconds: float
    failures: int | None
    message: str | None
    sql: str | None
    models: tuple[str, ...]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> NodeResult:
        """The reverse of `dataclasses.asdict` after a trip through JSON."""
        return cls(**{**value, "models": tuple(value["models"])})


def project_digest(project: Path = DBT_PROJECT) -> str:
    """Digest of all that a dbt project says: what is parsed of it holds while it is the same."""
    digest = hashlib.sha256()
    for pattern in ("dbt_project.yml", "models/**/*", "macros/**/*", "tests/**/*", "seeds/**/*"):
        for path in sorted(project.glob(pattern)):
            if path.is_file():
                digest.update(path.relative_to(project).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def described(settings: Settings, folder: Path) -> Project:
    """The models of the dbt project; parsed only if the project has changed since.

    Args:
        settings: where it is kept between builds.
        folder: dbt runs in it.

    Raises:
        TerminalError: dbt cannot read its project.
    """
    kept, target = settings.parsed_project.with_suffix(".models.json"), folder / "target"
    # Written by other code it may lack something.
    digest = f"{project_digest()} {hashlib.sha256(Path(dbt_models.__file__).read_bytes()).hexdigest()[:16]}"
    try:
        found = json.loads(kept.read_text())
    except (OSError, ValueError):
        found = {}
    target.mkdir(parents=True, exist_ok=True)
    if found.get("project") != digest:
        run_dbt(settings, ["parse"], folder)
        kept.parent.mkdir(parents=True, exist_ok=True)
        found = {"project": digest, "models": (target / MODELS).read_text()}
        written = kept.with_name(f".{kept.name}.{os.getpid()}")
        written.write_text(json.dumps(found))
        take_place(written, kept)  # other homes may read it now
    (target / MODELS).write_text(found["models"])
    return Project.read(target)


def run_dbt(
    settings: Settings, command: list[str], folder: Path, watch: Watch = lambda done, total, name: None
) -> list[NodeResult]:
    """Run one dbt command.

    Args:
        settings: threads, memory, and where dbt's parsed project is kept between runs.
        command: dbt's command and its flags.
        folder: holds marts.duckdb, in which models are built, and the plugin's `MANIFEST`; it gets dbt's target and
            logs. dbt runs in it with relative paths only, so that the parsed project is valid for any folder.
        watch: called for every model and test that begins or has ended.

    Raises:
        TerminalError: dbt stopped before it ran anything (a fault of the project or its configuration).
    """
    environment = {
        **os.environ,
        "WATTLAKE_DBT_FOLDER": ".",  # the environment for dbt by hand names another folder
        "WATTLAKE_DBT_THREADS": str(settings.threads),
        "WATTLAKE_MEMORY_LIMIT": settings.memory_limit,
        **settings.s3_environment(),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    log, messages = _Log(watch), deque[str](maxlen=LINES_KEPT)
    results = folder / "target" / RESULTS
    results.unlink(missing_ok=True)

    def heard(line: str) -> None:
        messages.append(log.message(line))

    code = run_in(folder, command, DBT_PROJECT, environment, settings.parsed_project, heard)
    if results.exists():
        return [NodeResult.from_json(node) for node in json.loads(results.read_text())] + log.warnings
    if code == 0:
        return []
    tail = "\n".join(messages).strip()
    raise TerminalError(f"dbt {command[0]} stopped before it ran anything:\n{tail}", "mend the dbt project")


def run_in(
    folder: Path,
    command: list[str],
    profiles: Path,
    environment: dict[str, str],
    parsed: Path,
    heard: Callable[[str], None],
    project: Path = DBT_PROJECT,
) -> int:
    """Run a command in a folder, whose `target` and `logs` dbt gets; its exit code. See `warm_process.run`.

    Args:
        folder: dbt runs in it.
        command: dbt's command and its flags.
        profiles: folder of profiles.yml.
        environment: of dbt, all of it.
        parsed: file that the parsed project waits in between runs; see `Settings.parsed_project`.
        heard: called with each line that dbt logs.
        project: folder of the dbt project.
    """
    target = folder / "target"
    take_parsed(parsed, target)
    places = {"project-dir": project, "profiles-dir": profiles, "target-path": target, "log-path": folder / "logs"}
    flags = [part for name, path in places.items() for part in (f"--{name}", str(path))]
    parsed_of = f"{project} {project_digest(project)} {(profiles / 'profiles.yml').read_text()}"
    request = warm_process.Command(command, flags, parsed_of, str(folder), environment)
    code = warm_process.run(request, heard)
    if code in (0, 1):  # a dbt that was killed may have been writing it
        keep_parsed(parsed, target)
    return code


class _Log:
    """Reads dbt's log, and counts models and tests as they end: those that run in parallel end in any order."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._done = 0
        self.warnings: list[NodeResult] = []

    def message(self, line: str) -> str:
        """The message of one line; `watch` is called if a model or test begins or has ended."""
        try:
            event = json.loads(line)
            name, data, text = event["info"]["name"], event.get("data") or {}, str(event["info"]["msg"])
        except (ValueError, TypeError, KeyError):
            return line.rstrip("\n")  # not of dbt's log: a traceback, a warning of Python
        if name == WARNS:
            model, _, message = text.partition(": ")
            self.warnings.append(NodeResult(model, "warning", "warn", 0.0, None, message, None, (model,)))
        if name in (BEGINS, *ENDS):
            self._done += name in ENDS
            total = int(data.get("total") or data.get("num_models") or 0)
            self._watch(self._done, total, str((data.get("node_info") or {}).get("node_name", "")))
        return text


def take_parsed(kept: Path, target: Path) -> None:
    """Give dbt the project that an earlier run has parsed; dbt parses again what has changed since."""
    target.mkdir(parents=True, exist_ok=True)
    if kept.exists():
        shutil.copy2(kept, target / PARSED)


def keep_parsed(kept: Path, target: Path) -> None:
    """Keep the project that dbt has parsed, if there is one."""
    parsed = target / PARSED
    if not parsed.exists() or (kept.exists() and kept.stat().st_mtime_ns == parsed.stat().st_mtime_ns):
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    written = kept.with_name(f".{kept.name}.{os.getpid()}")
    shutil.copy2(parsed, written)
    take_place(written, kept)  # other homes may read it now
