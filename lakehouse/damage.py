"""Finds the unreadable parts of a home: its database, and each of its tables. A replay mends them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from lakehouse.catalog import is_elsewhere, located, open_catalog
from lakehouse.engine import reading
from lakehouse.errors import MEND, BrokenHome, TransientError, WattlakeError
from lakehouse.outages import explain, explained
from lakehouse.pins import pin_of
from lakehouse.secret import Secret
from lakehouse.settings import Settings
from lakehouse.storage import is_s3
from lakehouse.uris import is_sqlite, sqlite_path

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

#: Errors whose cause is this process or its rights, not the file.
NOT_THE_FILE = (MemoryError, PermissionError, duckdb.OutOfMemoryException, duckdb.InterruptException)


def database_damage(uri: Secret) -> str | None:
    """The damage of an SQLite file; None if it is sound, empty or absent, or if the database is not SQLite.

    Raises:
        sqlite3.OperationalError: the file cannot be opened or is locked, which says nothing about its content.
    """
    if not is_sqlite(uri) or not sqlite_path(uri).exists():
        return None
    path = sqlite_path(uri)
    if not path.is_file():
        return f"{path} is not a file"
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        return f"{path} is damaged: {error}"
    return None if found == ["ok"] else f"{path} is damaged: {found[0].splitlines()[-1]}"


def table_damage(
    settings: Settings, catalog: Catalog, name: tuple[str, str], read: Callable[[Settings, Table], None]
) -> str | None:
    """The damage of a table; None if it is sound.

    Its metadata, its manifests, and the presence and size of its files are always checked.

    Args:
        settings: of the home.
        catalog: that names the table.
        name: namespace and table.
        read: reads rows of it, `read_a_row_group` or `read_every_row`.

    Raises:
        TransientError: the store or the catalog did not answer, so the state of the table is unknown.
    """
    try:
        table = catalog.load_table(name)
        if is_elsewhere(settings, table.metadata_location):
            return f"its files lie in {table.location()}"
        files = [task.file for task in table.scan().plan_files()]
        if wrong := next(filter(None, map(_file_damage, files)), None):
            return wrong
        read(settings, table)
    except NOT_THE_FILE:
        raise
    except Exception as error:
        ours = explain(error)
        if isinstance(ours, TransientError):
            raise ours from error
        if isinstance(ours, WattlakeError) and "404" not in ours.message:  # no space or no rights: not the file's fault
            raise ours from error
        return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return None


def _file_damage(file: DataFile) -> str | None:
    """The damage of a data file that the file system shows; in S3 only reading shows it."""
    if is_s3(file.file_path):
        return None
    path = Path(file.file_path)
    if not path.exists():
        return f"its file {path} is gone"
    if path.stat().st_size != file.file_size_in_bytes:
        return f"its file {path} has {path.stat().st_size:,} bytes instead of {file.file_size_in_bytes:,}"
    return None


def read_a_row_group(_settings: Settings, table: Table) -> None:
    """Read the footer of each data file, and the first row group of the newest one."""
    import pyarrow.parquet as pq

    newest = None
    for task in table.scan().plan_files():
        with table.io.new_input(task.file.file_path).open() as stream:
            rows = pq.ParquetFile(stream).metadata.num_rows
        if rows != task.file.record_count:
            raise ValueError(f"{task.file.file_path} has {rows:,} rows instead of {task.file.record_count:,}")
        newest = task.file.file_path
    if newest:
        with table.io.new_input(newest).open() as stream:
            pq.ParquetFile(stream).read_row_group(0)


def read_every_row(settings: Settings, table: Table) -> None:
    """Read every value with DuckDB, and count the rows."""
    read_a_row_group(settings, table)
    expected = sum(task.file.record_count for task in table.scan().plan_files())
    with reading(settings) as session:
        row = session.execute(f"SELECT count(*), bit_xor(hash(t)) FROM (FROM {pin_of(table).scan()}) t").fetchone()
    if row is None or row[0] != expected:
        raise ValueError(f"{row[0] if row else 0:,} rows can be read of {expected:,}")


def diagnosed(settings: Settings, read: Callable[[Settings, Table], None]) -> BrokenHome | None:
    """The damage behind an unexplained failure; None if all tables are sound.

    Args:
        settings: of the home.
        read: reads rows of a table, see `table_damage`.
    """
    with explained():
        for uri in (settings.catalog_uri, settings.ops_uri):
            if damage := database_damage(uri):
                return BrokenHome(damage, MEND)
        for name in sorted(located(settings) or {}):
            if damage := table_damage(settings, open_catalog(settings), name, read):
                return BrokenHome(f"{'.'.join(name)} cannot be read: {damage}", MEND)
    return None
