"""Questions people ask: SQL over everything, and the catalog."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import duckdb

from flows.present import AS_JSON
from flows.tables import table
from lakehouse.engine import quote
from lakehouse.errors import TerminalError
from lakehouse.queries import Statement, names_only_marts, readable, refuse_in_home
from lakehouse.reader import open_marts_session, open_session
from lakehouse.settings import Settings

COPY_OPTIONS = {"csv": "FORMAT csv, HEADER", "json": "FORMAT json, ARRAY true", "parquet": "FORMAT parquet"}
#: Name of the result while it is written.
RESULT = "wattlake_result"
#: Rows that the table format draws; files take all.
TABLE_ROWS = 1_000


def run_sql(settings: Settings, query: str, style: str, output: Path | None) -> None:
    """Run a query and write the rows of its last statement; `lakehouse.queries` says what may be run.

    Raises:
        WrongUsage: it would write, or its output lies in the home.
        TerminalError: the query is wrong; DuckDB's message says where.
    """
    if output is not None:
        refuse_in_home(settings, output)
    try:
        statements = readable(query)
        connection = _session(settings, query)
        try:
            for statement in statements[:-1]:
                connection.execute(statement.text)
            _write(connection, statements[-1], style, output)
        finally:
            connection.close()
    except duckdb.Error as error:
        hint = 'wattlake sql "SELECT table_name FROM duckdb_tables()" lists the marts; build first if there are none'
        raise TerminalError(f"the query failed: {error}", hint) from error


def _session(settings: Settings, query: str) -> duckdb.DuckDBPyConnection:
    """A session over what the query needs: opening the raw tables costs a second that a query of marts need not pay."""
    if names_only_marts(query):
        return open_marts_session(settings)
    from ingest.registry import contracts

    return open_session(settings, contracts())


def _write(connection: duckdb.DuckDBPyConnection, statement: Statement, style: str, output: Path | None) -> None:
    relation = connection.sql(statement.text)
    if relation is None:
        return
    if statement.gives_rows and (style != "table" or output is not None):
        _copy(relation, "csv" if style == "table" else style, output)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    relation.show(max_rows=TABLE_ROWS, max_width=width)


def _copy(relation: duckdb.DuckDBPyRelation, style: str, output: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = output or Path(folder) / "result"
        # By name: the text of the query stands in no statement of ours.
        relation.query(RESULT, f"COPY (FROM {RESULT}) TO {quote(str(target))} ({COPY_OPTIONS[style]})")
        if output is None:
            with target.open("rb") as handle:
                shutil.copyfileobj(handle, sys.stdout.buffer)


def show_catalog(settings: Settings, style: str) -> None:
    """Print every table of the house."""
    from ingest.registry import contracts
    from lakehouse.inventory import inventory

    rows = inventory(settings, contracts())
    if style == "json":
        click.echo(json.dumps([vars(row) for row in rows], default=str, indent=1))
        return
    now = datetime.now(UTC)
    table(
        ("table", "rows", "bytes", "first", "last", "written", "freshness", "snapshot"),
        [
            (r.table, r.rows, r.bytes, _minute(r.first), _minute(r.last), _age(r.written_at, now), r.freshness,
             str(r.snapshot_id) if r.snapshot_id else None)
            for r in rows
        ],
        drop=("snapshot", "bytes", "first", "freshness"),
        more=AS_JSON,
    )  # fmt: skip


def _minute(value: Any) -> str | None:
    return f"{value:%Y-%m-%d %H:%M}" if value else None


def _age(value: datetime | None, now: datetime) -> str | None:
    if value is None:
        return None
    minutes = int((now - value).total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} d ago"
