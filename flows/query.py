"""Questions people ask: SQL over everything, and the catalog."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import duckdb

from flows.present import AS_JSON
from flows.tables import table
from lakehouse.engine import quote
from lakehouse.errors import TerminalError
from lakehouse.reader import open_marts_session, open_session
from lakehouse.settings import Settings

COPY_OPTIONS = {"csv": "FORMAT csv, HEADER", "json": "FORMAT json, ARRAY true", "parquet": "FORMAT parquet"}
#: Rows that the table format draws; files take all.
TABLE_ROWS = 1_000


def run_sql(settings: Settings, query: str, style: str, output: Path | None) -> None:
    """Run one query and write its rows.

    Raises:
        TerminalError: the query is wrong; DuckDB's message says where.
    """
    connection = _session(settings, query)
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


def _session(settings: Settings, query: str) -> duckdb.DuckDBPyConnection:
    """A session over what the query needs: opening the raw tables costs a second that a query of marts need not pay."""
    if names_only_marts(query):
        return open_marts_session(settings)
    from ingest.registry import contracts

    return open_session(settings, contracts())


def names_only_marts(query: str) -> bool:
    """Whether a query is one SELECT that reads tables `marts.*` and nothing else, by DuckDB's own parser.

    Table functions count as something else: duckdb_tables() lists what is attached.
    """
    with duckdb.connect() as parser:
        row = parser.execute(f"SELECT json_serialize_sql({quote(query)})").fetchone()
    parsed = json.loads(row[0]) if row else {"error": True}
    if parsed["error"] or len(parsed["statements"]) != 1:
        return False
    nodes = list(_nodes(parsed["statements"][0]))
    named = {entry["key"] for node in nodes if "cte_map" in node for entry in node["cte_map"]["map"]}
    for node in nodes:
        kind = node.get("type")
        if kind == "BASE_TABLE":
            is_mart = "marts" in (node["catalog_name"], node["schema_name"])
            is_named = not node["catalog_name"] and not node["schema_name"] and node["table_name"] in named
            if not is_mart and not is_named:
                return False
        elif kind in ("TABLE_FUNCTION", "SHOW_REF"):
            return False
    return True


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a tree of JSON."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(inner)


def _copy(connection: duckdb.DuckDBPyConnection, query: str, style: str, output: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = output or Path(folder) / "result"
        connection.execute(f"COPY ({query.rstrip().rstrip(';')}\n) TO {quote(str(target))} ({COPY_OPTIONS[style]})")
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
