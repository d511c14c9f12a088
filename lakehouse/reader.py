"""DuckDB sessions over raw.*, marts.* and ops.*, each table pinned at one snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import duckdb

from lakehouse.engine import EXTENSIONS, connect, identifier, load, only_signed_from_here, quote, reading
from lakehouse.errors import TerminalError
from lakehouse.pins import Pin, empty_select, pin_all
from lakehouse.secret import Secret
from lakehouse.settings import Settings
from lakehouse.sqlite_copy import attach_copy

if TYPE_CHECKING:
    from lakehouse.contract import Contract

#: Settings that a reader may change.
OF_READERS = ("TimeZone", "Calendar")
#: libpq options that a DuckDB secret holds; the others go into ATTACH.
SECRET_OPTIONS = ("host", "port", "dbname", "user", "password")


def rows_of(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """The rows of one query, in a session of its own."""
    with reading(settings) as session:
        return session.execute(sql).fetchall()


def select_pinned(pins: dict[str, Pin], contract: Contract) -> str:
    """SELECT over the pinned table, or a typed empty one if nothing has landed yet."""
    found = pins.get(contract.name)
    return found.select(contract) if found else empty_select(contract)


def open_session(settings: Settings, contracts: Iterable[Contract]) -> duckdb.DuckDBPyConnection:
    """A read-only session over everything: `raw.*` pinned now, `marts.*` as published, `ops.*`.

    The session reads the build that was published when it began; later builds do not disturb it.
    """
    connection = _marts_session(settings)
    contracts = list(contracts)
    pins = pin_all(settings, contracts)
    load(connection, EXTENSIONS)
    connection.execute("ATTACH ':memory:' AS raw")
    for contract in contracts:
        connection.execute(f"CREATE VIEW raw.{identifier(contract.name)} AS {select_pinned(pins, contract)}")
        connection.execute(f"COMMENT ON VIEW raw.{identifier(contract.name)} IS {quote(contract.description)}")
    _attach_ops(connection, settings)
    _lock(connection)
    return connection


def open_marts_session(settings: Settings) -> duckdb.DuckDBPyConnection:
    """A read-only session over `marts.*` as published; it needs no catalog."""
    connection = _marts_session(settings)
    _lock(connection)
    return connection


def _lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Call before statements of users: only the settings of readers can be changed from then on, irrevocably."""
    only_signed_from_here(connection)
    connection.execute("SET python_enable_replacements=false")  # else Python variables could be read as tables
    connection.execute(f"SET allowed_configs=[{', '.join(quote(name) for name in OF_READERS)}]")
    connection.execute("SET lock_configuration=true")


def _marts_session(settings: Settings) -> duckdb.DuckDBPyConnection:
    connection = connect(settings=settings, extensions=())
    if settings.marts_path.exists():
        attach_marts(connection, settings)
        connection.execute("USE marts")  # so that `marts.` before a mart's name is optional
    return connection


def attach_marts(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Attach the published file as `marts`, read-only.

    Raises:
        TerminalError: it is not a DuckDB file. A truncated file may open; a query then fails at the missing part.
    """
    path = settings.marts_path
    if path.is_dir():
        raise TerminalError(f"{path} is a folder, and published marts are a file", "move it away, then build")
    try:
        connection.execute(f"ATTACH {quote(str(path))} AS marts (READ_ONLY)")
    except duckdb.Error as error:
        raise TerminalError(
            f"{path} cannot be read: {str(error).splitlines()[0]}", "build: it is made again from the raw tables"
        ) from error


def _attach_ops(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Create views `ops.*` over the present ops tables; instants become TIMESTAMPTZ."""
    from lakehouse.ops import TABLES, Ops

    Ops(settings)  # creates the tables if nothing has been recorded yet
    held_in = _attach_database(connection, settings.ops_uri, [table.name for table in TABLES])
    connection.execute("ATTACH ':memory:' AS ops")
    for table in TABLES:
        columns = ", ".join(_of_ops(column.name, str(column.type)) for column in table.columns)
        connection.execute(f"CREATE VIEW ops.{table.name} AS SELECT {columns} FROM {held_in}.{table.name}")


def _of_ops(name: str, kind: str) -> str:
    """SQL of a column of an ops table; SQLite has no types for instants and booleans."""
    casts = {"DATETIME": f"timezone('UTC', {name}::TIMESTAMP) AS {name}", "BOOLEAN": f"{name}::BOOLEAN AS {name}"}
    return casts.get(kind, name)


def _attach_database(connection: duckdb.DuckDBPyConnection, uri: Secret, tables: list[str]) -> str:
    """Attach the tables of a database read-only; returns the schema that holds the ops tables."""
    from lakehouse.database import POSTGRES_SCHEMA
    from lakehouse.uris import is_postgres, postgres_options, sqlite_path

    if not is_postgres(uri):
        load(connection, ("sqlite_scanner",))
        attach_copy(connection, sqlite_path(uri), "ops_database", tables)
        return "ops_database"
    load(connection, ("postgres_scanner",))
    options = postgres_options(uri)
    # In a secret, because duckdb_databases() and errors show a password in ATTACH.
    listed = "".join(f", {name.upper()} {quote(options.pop(name))}" for name in SECRET_OPTIONS if name in options)
    connection.execute(f"CREATE OR REPLACE TEMPORARY SECRET wattlake_ops (TYPE postgres{listed})")
    rest = " ".join(f"{name}={value}" for name, value in options.items())
    connection.execute(f"ATTACH {quote(rest)} AS ops_database (TYPE postgres, SECRET wattlake_ops, READ_ONLY)")
    return f"ops_database.{POSTGRES_SCHEMA}"
