"""Runs dbt as a subprocess over a build file and reads its results.

In-process dbt keeps the file locked and reads stale snapshots on a second run; a subprocess costs the same start-up.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakehouse.errors import TerminalError
from lakehouse.settings import DBT_PROJECT, Settings
from lakehouse.storage import take_place

#: dbt's parsed project, by dbt's own name.
PARSED = "partial_parse.msgpack"
#: The plugin's manifest of views in the folder that dbt runs in.
MANIFEST = "manifest.json"

#: Called with (models and tests done, models and tests in all, the one that begins or has ended).
Watch = Callable[[int, int, str], None]
#: Events of dbt's log: a model or test begins, or has ended.
BEGINS, ENDS = "LogStartLine", ("LogModelResult", "LogTestResult")
#: Lines of the log that are shown if dbt stops before it has run anything.
LINES_KEPT = 25

#: dbt as a program that ends with its parent: after a killed build no dbt may go on writing (Linux: 1 is
#: PR_SET_PDEATHSIG, 9 is SIGKILL). The pid shows whether the parent was killed before dbt could ask for this.
RUN = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != int(os.environ["WATTLAKE_BUILD_PID"]):
        sys.exit("the build that started dbt has ended")
from dbt.cli.main import cli
cli()
"""


@dataclass(frozen=True)
class NodeResult:
    """One model or test that dbt ran.

    Args:
        name: of the node.
        resource: 'model', 'test', 'seed'.
        status: dbt's status ('success', 'pass', 'fail', 'error', 'warn', 'skipped').
        seconds: execution time.
        failures: failing rows of a test.
        message: dbt's message.
        sql: compiled SQL.
    """

    name: str
    resource: str
    status: str
    seconds: float
    failures: int | None
    message: str | None
    sql: str | None


@dataclass(frozen=True)
class Mart:
    """A published model as the dbt project declares it.

    Args:
        name: table name.
        description: from its YAML.
        key: columns that identify a row.
        time: instant or date column, or None.
        ranges: column → (low, high), the allowed range of its values.
        columns: column → its description.
    """

    name: str
    description: str
    key: tuple[str, ...]
    time: str | None
    ranges: dict[str, tuple[float | None, float | None]]
    columns: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Mart:
        """The reverse of `dataclasses.asdict` after a trip through JSON."""
        ranges = {column: (pair[0], pair[1]) for column, pair in value["ranges"].items()}
        columns = value.get("columns", {})  # files of older versions have none
        return cls(value["name"], value["description"], tuple(value["key"]), value["time"], ranges, columns)


def project_digest() -> str:
    """Digest of the dbt project's code: after a change of models everything is rebuilt."""
    digest = hashlib.sha256()
    for pattern in ("dbt_project.yml", "models/**/*", "macros/**/*", "tests/**/*", "seeds/**/*"):
        for path in sorted(DBT_PROJECT.glob(pattern)):
            if path.is_file():
                digest.update(path.relative_to(DBT_PROJECT).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


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
        "WATTLAKE_BUILD_PID": str(os.getpid()),
        "WATTLAKE_DBT_FOLDER": ".",  # the environment for dbt by hand names another folder
        "WATTLAKE_DBT_THREADS": str(settings.threads),
        "WATTLAKE_MEMORY_LIMIT": settings.memory_limit,
        **settings.s3_environment(),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    target = folder / "target"
    results_path = target / "run_results.json"
    results_path.unlink(missing_ok=True)
    take_parsed(settings.parsed_project, target)
    arguments = [
        sys.executable, "-c", RUN, "--no-use-colors", "--log-format", "json", "--log-format-file", "text",
        "--log-level-file", "info",
        *command, "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--target-path", str(target),
        "--log-path", str(folder / "logs"),
    ]  # fmt: skip
    # -c puts the working directory on the path, and a folder named dbt there would hide the package.
    log, messages = _Log(watch), deque[str](maxlen=LINES_KEPT)
    with subprocess.Popen(
        arguments, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                messages.append(log.message(line))
        except BaseException:
            process.kill()
            raise
    if process.returncode == 0 or results_path.exists():
        keep_parsed(settings.parsed_project, target)
    if not results_path.exists():
        if process.returncode == 0:
            return []
        tail = "\n".join(messages).strip()
        raise TerminalError(f"dbt {command[0]} stopped before it ran anything:\n{tail}", "mend the dbt project")
    return _results(target)


class _Log:
    """Reads dbt's log, and counts models and tests as they end: those that run in parallel end in any order."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._done = 0

    def message(self, line: str) -> str:
        """The message of one line; `watch` is called if a model or test begins or has ended."""
        try:
            event = json.loads(line)
            name, data, text = event["info"]["name"], event.get("data") or {}, str(event["info"]["msg"])
        except (ValueError, TypeError, KeyError):
            return line.rstrip("\n")  # not of dbt's log: a traceback, a warning of Python
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


def _results(target: Path) -> list[NodeResult]:
    results = json.loads((target / "run_results.json").read_text())["results"]
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    found = []
    for result in results:
        node: dict[str, Any] = nodes.get(result["unique_id"], {})
        found.append(
            NodeResult(
                name=node.get("name", result["unique_id"]),
                resource=node.get("resource_type", ""),
                status=result["status"],
                seconds=result["execution_time"],
                failures=result.get("failures"),
                message=result.get("message"),
                sql=result.get("compiled_code"),
            )
        )
    return found


def marts(target: Path, views: bool = False) -> list[Mart]:
    """The published models from dbt's manifest: those under models/marts that hold rows of their own, or the views."""
    nodes = json.loads((target / "manifest.json").read_text())["nodes"].values()
    found = []
    for node in nodes:
        if node["resource_type"] != "model" or "marts" not in node["fqn"]:
            continue
        if (node["config"]["materialized"] == "view") != views:
            continue
        meta = node["config"].get("meta") or node.get("meta") or {}
        declared = {"key": meta.get("key", ()), "time": meta.get("time"), "ranges": meta.get("ranges", {})}
        columns = {
            name: column["description"] for name, column in node.get("columns", {}).items() if column["description"]
        }
        described = {"name": node["name"], "description": node["description"], "columns": columns}
        found.append(Mart.from_json({**described, **declared}))
    return sorted(found, key=lambda mart: mart.name)


def depending_on(target: Path, inputs: Collection[str]) -> set[str]:
    """Names of the models that depend on any of the given sources ("raw.iso_prices"), from dbt's manifest."""
    manifest = json.loads((target / "manifest.json").read_text())
    sources = manifest["sources"].items()
    reached = {key for key, source in sources if f"{source['source_name']}.{source['name']}" in inputs}
    waiting = list(reached)
    while waiting:
        more = set(manifest["child_map"][waiting.pop()]) - reached
        reached |= more
        waiting += more
    return {manifest["nodes"][key]["name"] for key in reached if key.startswith("model.")}
