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

from flows.present import table
from ingest.registry import contracts
from lakehouse.engine import quote
from lakehouse.errors import TerminalError
from lakehouse.inventory import inventory
from lakehouse.reader import open_session
from lakehouse.settings import Settings

COPY_OPTIONS = {"csv": "FORMAT csv, HEADER", "json": "FORMAT json, ARRAY true", "parquet": "FORMAT parquet"}
#: Rows that the table format draws; files take all.
TABLE_ROWS = 1_000


def run_sql(settings: Settings, query: str, style: str, output: Path | None) -> None:
    """Run one query and write its rows.

    Raises:
        TerminalError: the query is wrong; DuckDB's message says where.
    """
    connection = open_session(settings, contracts())
    try:
        if style == "table" and output is None:
            relation = connection.sql(query)
            if relation is None:
                return
            width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
            relation.show(max_rows=TABLE_ROWS, max_width=width)
            return
        _copy(connection, query, "csv" if style == "table" else style, output)
    except duckdb.Error as error:
        hint = 'wattlake sql "SELECT table_name FROM duckdb_tables()" lists the marts; build first if there are none'
        raise TerminalError(f"the query failed: {error}", hint) from error
    finally:
        connection.close()


def _copy(connection: duckdb.DuckDBPyConnection, query: str, style: str, output: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = output or Path(folder) / "result"
        connection.execute(f"COPY ({query.rstrip().rstrip(';')}\n) TO {quote(str(target))} ({COPY_OPTIONS[style]})")
        if output is None:
            with target.open("rb") as handle:
                shutil.copyfileobj(handle, sys.stdout.buffer)


def show_catalog(settings: Settings, style: str) -> None:
    """Print every table of the house."""
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
