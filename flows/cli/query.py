"""SQL over everything, and the catalog."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import duckdb

from flows.cli.sql_hints import NO_SQL, hint
from flows.report.results import chosen, write
from flows.report.tables import table
from flows.report.terminal import AS_JSON
from lakehouse.errors import BrokenHome, TerminalError
from lakehouse.reader import open_marts_session, open_session
from lakehouse.serving.queries import Statement, names_only_marts, readable, refuse_in_home
from lakehouse.settings import Settings

#: Errors of DuckDB that a damaged file may cause.
OF_FILES = (duckdb.IOException, duckdb.InvalidInputException, duckdb.FatalException, duckdb.InternalException)
#: Statements that list tables; DuckDB's own answer would leave out raw.* and ops.*.
SHOW_TABLES = re.compile(r"\s*SHOW\s+(ALL\s+)?TABLES\s*;?\s*", re.IGNORECASE)
TABLES = """
    SELECT database_name || '.' || table_name AS "table", column_count AS columns, comment AS "what it is"
    FROM (
        SELECT database_name, table_name, column_count, comment FROM duckdb_tables()
        UNION ALL SELECT database_name, view_name, column_count, comment FROM duckdb_views() WHERE NOT internal
    )
    WHERE database_name IN ('raw', 'marts', 'ops') AND table_name NOT LIKE 'wattlake%'
    ORDER BY list_position(['marts', 'raw', 'ops'], database_name), table_name
"""


def run_sql(settings: Settings, query: str, style: str | None, output: Path | None) -> None:
    """Run a query and write the rows of its last statement; `lakehouse.serving.queries` says what is allowed.

    Args:
        settings: of the home.
        query: SQL over raw.*, marts.* and ops.*; the prefix `marts.` is optional.
        style: one of `flows.report.results.FORMATS`; None: by the suffix of the output.
        output: file for the rows; None is standard output.

    Raises:
        WrongUsage: the query would write, its output is in the home, or a terminal cannot show the format.
        BrokenHome: a table cannot be read.
        TerminalError: the query is wrong; the error says where, with a suggestion.
    """
    style = chosen(style, output)
    if output is not None:
        refuse_in_home(settings, output)
    statements = parsed(query)
    with session_for(settings, query) as connection:
        answer(settings, connection, statements, style, output)


def parsed(query: str) -> list[Statement]:
    """The statements of a query; all of them only read.

    Raises:
        WrongUsage: a statement would write, or there is none.
        TerminalError: it is not SQL; the error says where.
    """
    if SHOW_TABLES.fullmatch(query):
        return [Statement(TABLES, gives_rows=True)]
    try:
        return readable(query)
    except duckdb.Error as error:
        raise TerminalError(f"the query failed: {error}", NO_SQL) from error


def _damage(settings: Settings) -> BrokenHome | None:
    from lakehouse.damage import (  # imports pyiceberg, so only after a failure
        diagnosed,
        read_a_row_group,
    )

    return diagnosed(settings, read_a_row_group)


def answer(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    statements: Sequence[Statement],
    style: str,
    output: Path | None,
) -> None:
    """Run statements in an open session, and write the rows of the last one; see `run_sql`."""
    statement = statements[0]
    try:
        for statement in statements[:-1]:
            connection.execute(statement.text)
        statement = statements[-1]
        relation = connection.sql(statement.text)
        if relation is None:
            return
        if not statement.gives_rows:
            click.echo("\n".join(str(row[-1]) for row in relation.fetchall()))  # the drawing of an EXPLAIN
            return
        row = connection.execute("SELECT current_setting('TimeZone')").fetchone()
        write(relation, style, output, row[0] if row else "UTC")
    except duckdb.Error as error:
        if isinstance(error, OF_FILES) and (damage := _damage(settings)):
            raise damage from error
        raise TerminalError(f"the query failed: {error}", hint(settings, connection, statement.text, error)) from error


@contextmanager
def session_for(settings: Settings, query: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session over the tables that a query needs, or over everything if there is no query yet.

    Opening the raw tables takes a second, which a query of marts saves.
    """
    connection = open_marts_session(settings)
    try:
        found = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'marts'").fetchall()
        if query is None or not names_only_marts(query, {name for (name,) in found}):
            from ingest.registry import registry

            connection.close()
            connection = open_session(settings, registry().contracts)
        yield connection
    finally:
        connection.close()


def show_catalog(settings: Settings, style: str) -> None:
    """Print every table."""
    from ingest.registry import registry
    from lakehouse.inventory import inventory

    rows = inventory(settings, registry().contracts)
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
