"""Checks of a build as rows: dbt's tests with the rows that fail them, in words and in `ops.checks`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lakehouse import ops as ops_tables
from lakehouse.check_result import CheckResult
from lakehouse.engine import connect, identifier, quote
from lakehouse.errors import visible
from lakehouse.marts.data_docs import SAMPLE_ROWS
from lakehouse.marts.dbt_runner import NodeResult
from lakehouse.ops import Ops
from lakehouse.settings import Settings

#: From best to worst.
STATUSES = ("pass", "warn", "fail", "error")


def dbt_checks(settings: Settings, nodes: Sequence[NodeResult], build_file: Path, manifest: Path) -> list[CheckResult]:
    """dbt's tests as checks, with the failing rows of those that failed."""
    checks = []
    for node in nodes:
        if node.resource == "warning":
            about = f"rebuild_by of {node.name}"
            checks.append(CheckResult("dbt", about, "warn", message=node.message, models=node.models))
        if node.resource != "test" or node.status == "skipped":
            continue
        status = {"pass": "pass", "warn": "warn", "fail": "fail"}.get(node.status, "error")
        sample: list[dict[str, object]] = []
        if status in ("fail", "warn") and node.sql:
            sample = _failing_rows(settings, node.sql, build_file, manifest)
        message = node.message if status == "error" else None
        failures = node.failures or 0
        checks.append(CheckResult("dbt", node.name, status, failures, sample, message, node.seconds, node.models))
    return checks


def united(before: Sequence[CheckResult], after: Sequence[CheckResult]) -> list[CheckResult]:
    """Checks of two shards of a build as those of the whole: one result for each check."""
    found = {check.name: check for check in before}
    for check in after:
        earlier = found.get(check.name)
        if earlier:
            worse = max(earlier, check, key=lambda one: STATUSES.index(one.status))
            check = replace(
                worse,
                rows_failed=earlier.rows_failed + check.rows_failed,
                sample=[*earlier.sample, *check.sample][:SAMPLE_ROWS],
                seconds=earlier.seconds + check.seconds,
            )
        found[check.name] = check
    return list(found.values())


def _failing_rows(settings: Settings, sql: str, build_file: Path, manifest: Path) -> list[dict[str, object]]:
    described = json.loads(manifest.read_text())
    connection = connect(build_file, settings=settings)
    try:
        connection.execute("ATTACH ':memory:' AS lake")
        if Path(described["scratch"]).exists():
            connection.execute(f"ATTACH {quote(described['scratch'])} AS scratch (READ_ONLY)")
        for schema, views in described["views"].items():
            connection.execute(f"CREATE SCHEMA lake.{identifier(schema)}")
            for name, view in views.items():
                connection.execute(f"CREATE VIEW lake.{identifier(schema)}.{identifier(name)} AS {view}")
        rows = connection.execute(f"SELECT * FROM ({sql}) LIMIT {SAMPLE_ROWS}")
        names = [column[0] for column in rows.description or []]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    finally:
        connection.close()


def describe(checks: Sequence[CheckResult]) -> str:
    """Failing checks with their rows, as text."""
    lines = []
    for check in checks:
        message = visible(check.message, keep="\n") if check.message else f"{check.rows_failed} rows"
        lines.append(f"  {check.engine} {check.name}: {message}")
        lines += ["    " + ", ".join(f"{name}={visible(value)}" for name, value in row.items()) for row in check.sample]
    return "\n".join(lines)


def record_checks(ops: Ops, run_id: str, build_id: str | None, checks: Sequence[CheckResult]) -> None:
    """Write checks to ops.checks."""
    rows = [
        {
            "run_id": run_id, "build_id": build_id, "engine": check.engine, "name": check.name,
            "status": check.status, "error": check.message, "rows_failed": check.rows_failed,
            "sample": json.dumps(check.sample, default=str), "seconds": check.seconds,
        }
        for check in checks
    ]  # fmt: skip
    ops.insert({ops_tables.CHECKS: rows})
