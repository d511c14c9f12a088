"""DuckDB connections with extensions loaded from their wheels: nothing is downloaded at run time."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb

from lakehouse.errors import TerminalError

#: avro before iceberg, which needs it.
EXTENSIONS = ("avro", "iceberg")


def extension_path(name: str) -> Path:
    """The extension's file inside its wheel.

    Raises:
        TerminalError: the wheel is not installed or is made for another DuckDB version.
    """
    package = f"duckdb_extension_{name}"
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise TerminalError(f"the package {package} is not installed", "install Wattlake from its lock file: uv sync")
    folder = Path(next(iter(spec.submodule_search_locations)))
    path = folder / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.exists():
        raise TerminalError(
            f"{package} has no extension for DuckDB {duckdb.__version__}",
            f"install {package.replace('_', '-')}=={duckdb.__version__}",
        )
    return path


def load(connection: duckdb.DuckDBPyConnection, names: tuple[str, ...] = EXTENSIONS) -> None:
    """Load extensions by path, with auto-install off."""
    connection.execute("SET autoinstall_known_extensions=false")
    for name in names:
        connection.execute(f"LOAD '{extension_path(name)}'")


def connect(
    path: Path | str = ":memory:",
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
    temporary: Path | None = None,
    extensions: tuple[str, ...] = EXTENSIONS,
) -> duckdb.DuckDBPyConnection:
    """A connection in UTC with the extensions loaded.

    Args:
        path: database file, in memory by default.
        threads, memory_limit: limits; DuckDB's defaults where None.
        temporary: where it spills.
        extensions: which to load.
    """
    connection = duckdb.connect(str(path))
    load(connection, extensions)
    connection.execute("SET TimeZone='UTC'")
    if threads:
        connection.execute(f"SET threads={int(threads)}")
    # Literals, not parameters: for a parameter DuckDB imports pandas, which takes a second.
    if memory_limit:
        connection.execute(f"SET memory_limit={quote(memory_limit)}")
    if temporary:
        connection.execute(f"SET temp_directory={quote(str(temporary))}")
    return connection


def quote(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
