"""Data files: sorted Parquet with field ids, each inside one month, and the commit that adds and removes them.

Iceberg matches the columns of a file to those of the table by field id. A file without ids is matched by name, through
the table's name mapping, which some engines do not support: they refuse the file.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import duckdb
from tenacity import RetryError, Retrying, stop_after_delay, wait_random_exponential

from lakehouse.contract import Contract
from lakehouse.engine import identifier, quote
from lakehouse.errors import LostRace, TransientError, UnknownOutcome
from lakehouse.outages import explain
from lakehouse.pins import Touched
from lakehouse.storage import make_folder
from lakehouse.writing.transaction import committing

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: Rows in a data file: one month of 45 one-minute signals; DuckDB prunes row groups inside it by signal.
ROWS_PER_FILE = 2_000_000
#: Seconds to ask the catalog about a commit that it has not acknowledged: a Postgres server restarts in fewer.
ACKNOWLEDGE_S = 30
#: DuckDB's default size of a row group, and of the vectors in it.
ROW_GROUP_ROWS = 122_880
VECTOR_ROWS = 2_048
#: Values in a row group, which is buffered in memory: 30 MB of a table with 217 columns, instead of 213 MB.
ROW_GROUP_VALUES = 4_000_000
RUN_AGAIN = "run the same command again: rows that have landed do not land twice"
#: Month of rows that are all in one month, or in a table without time.
SAME_MONTH = "0::INT"


def month_of(contract: Contract) -> str:
    """SQL of the month of a row, counted from year 0; constant for tables without time."""
    time = contract.time_column
    return f"(year({identifier(time)}) * 12 + month({identifier(time)}))" if time else SAME_MONTH


def order_of(contract: Contract) -> str:
    """SQL of the order in which rows are written: by month, then the contract's sort."""
    return ", ".join([month_of(contract), *(identifier(name) for name in contract.sort)])


def touched_by(connection: duckdb.DuckDBPyConnection, contract: Contract) -> Touched:
    """Keys and runs of UTC days of the rows in `winners` and `gone`."""
    touch = [identifier(name) for name in contract.touch]
    if not touch:
        return {}
    keys = ", ".join(touch)
    if not contract.time_column:
        rows = connection.execute(
            f"SELECT DISTINCT {keys} FROM (SELECT {keys} FROM winners UNION ALL SELECT {keys} FROM gone)"
        ).fetchall()
        return {tuple(str(v) for v in row): None for row in rows}
    day = f"epoch_us({identifier(contract.time_column)}) // 86400000000"
    rows = connection.execute(
        f"""
        WITH days AS (
            SELECT DISTINCT {keys}, {day} AS day FROM winners
            UNION
            SELECT DISTINCT {keys}, {day} AS day FROM gone
        ),
        runs AS (SELECT *, day - row_number() OVER (PARTITION BY {keys} ORDER BY day) AS run FROM days)
        SELECT {keys}, min(day), max(day) FROM runs GROUP BY {keys}, run ORDER BY ALL
        """
    ).fetchall()
    touched: dict[tuple[str, ...], list[tuple[int, int]] | None] = {}
    for *names, first, last in rows:
        runs = touched.setdefault(tuple(str(name) for name in names), [])
        if runs is not None:
            runs.append((int(first), int(last)))
    return touched


def field_ids(table: Table) -> dict[str, int]:
    """Column of the table → its field id, in the order of the table's schema."""
    return {field.name: field.field_id for field in table.schema().fields}


def write_files(
    connection: duckdb.DuckDBPyConnection, table: Table, month: str, source: str, columns: Sequence[str]
) -> list[str]:
    """Write a sorted table as data files, each inside one month.

    Args:
        connection: where the sorted table is.
        table: whose data files they become.
        month: SQL of a row's month, see `month_of`.
        source: the sorted table.
        columns: names of the columns to write.

    Returns:
        The files, in no snapshot yet.
    """
    spans = connection.execute(f"SELECT min(rowid), max(rowid) FROM {source} GROUP BY {month} ORDER BY 1").fetchall()
    folder = f"{table.location()}/data"
    make_folder(folder)
    written = []
    for first, last in spans:
        for start in range(first, last + 1, ROWS_PER_FILE):
            path = f"{folder}/{uuid.uuid4().hex}.parquet"
            end = min(start + ROWS_PER_FILE - 1, last)
            listed = ", ".join(identifier(name) for name in columns)
            rows = f"SELECT {listed} FROM {source} WHERE rowid BETWEEN {start} AND {end}"
            write_file(connection, table, rows, path, columns)
            written.append(path)
    return written


def write_file(
    connection: duckdb.DuckDBPyConnection, table: Table, rows: str, path: str, columns: Iterable[str]
) -> int:
    """Write one data file.

    Args:
        connection: runs the SELECT.
        table: whose data file it becomes.
        rows: SELECT of columns of the table, under their names.
        path: of the file.
        columns: names of what is selected.

    Returns:
        How many rows it has.
    """
    row = connection.execute(f"COPY ({rows}) TO {quote(path)} ({_options(table, columns)})").fetchone()
    return int(row[0]) if row else 0


def write_file_a_month(
    connection: duckdb.DuckDBPyConnection, table: Table, rows: str, month: str, columns: Iterable[str]
) -> list[str]:
    """Write rows as data files, one a month, in one pass over them.

    Args:
        connection: runs the SELECT.
        table: whose data files they become.
        rows: SELECT of columns of the table, under their names, and of the month.
        month: name of the column that holds the month. It is in the paths and not in the files.
        columns: names of the other columns.

    Returns:
        The files, in no snapshot yet.
    """
    folder = f"{table.location()}/data"
    make_folder(folder)
    partition = f"PARTITION_BY ({identifier(month)}), APPEND, FILENAME_PATTERN '{{uuid}}', RETURN_FILES"
    row = connection.execute(f"COPY ({rows}) TO {quote(folder)} ({_options(table, columns)}, {partition})").fetchone()
    return list(row[1]) if row else []


def _options(table: Table, columns: Iterable[str]) -> str:
    """Options of COPY for data files of a table."""
    known = field_ids(table)
    ids = {name: known[name] for name in columns}
    size = max(min(ROW_GROUP_VALUES // len(ids), ROW_GROUP_ROWS) // VECTOR_ROWS, 1) * VECTOR_ROWS
    listed = ", ".join(f"{identifier(name)}: {number}" for name, number in ids.items())
    return f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {size}, FIELD_IDS {{{listed}}}"


class FilesRewritten(LostRace):
    """Another commit has removed a file that this one wanted to remove, so the rows read from it are stale."""


def commit(table: Table, added: Sequence[str], removed: Sequence[str], properties: dict[str, str]) -> int:
    """Add and remove data files in one snapshot on top of the one that the table handle has read.

    Raises:
        FilesRewritten: one of the files to remove is no longer in the table.
        LostRace: another commit came first. In both cases the added files stay, so reload the table and commit them
            again, or `discard` them.
        UnknownOutcome: the catalog or the store went away meanwhile. The added files must stay.
    """
    from pyiceberg.exceptions import CommitFailedException, ValidationException
    from pyiceberg.io.pyarrow import parquet_files_to_data_files

    wanted = set(removed)
    gone = [task.file for task in table.scan().plan_files() if task.file.file_path in wanted] if wanted else []
    if len(gone) != len(wanted):
        raise FilesRewritten(f"another commit to {'.'.join(table.name())} has rewritten the same files")
    try:
        with committing(table) as transaction:
            update = transaction.update_snapshot(snapshot_properties=properties)
            producer = update.overwrite() if removed else update.merge_append()
            with producer as snapshot:
                for data_file in parquet_files_to_data_files(table.io, table.metadata, iter(added)):
                    snapshot.append_data_file(data_file)
                for data_file in gone:
                    snapshot.delete_data_file(data_file)
            return int(snapshot.snapshot_id)
    except (CommitFailedException, ValidationException) as error:
        raise LostRace(f"another commit to {'.'.join(table.name())} came first: {error}") from error
    except Exception as error:
        outage = explain(error)
        if not isinstance(outage, TransientError):
            raise
        return _acknowledged(table, snapshot.snapshot_id, outage)


def _acknowledged(table: Table, snapshot_id: int, outage: TransientError) -> int:
    """Check whether a commit without an answer has landed; returns its snapshot id.

    Raises:
        UnknownOutcome: the catalog does not answer, or does not have the commit yet: it may still be on its way.
    """
    name = ".".join(table.name())
    asking = Retrying(stop=stop_after_delay(ACKNOWLEDGE_S), wait=wait_random_exponential(multiplier=0.2, max=5))
    try:
        current = asking(table.refresh)
    except RetryError:
        raise UnknownOutcome(
            f"it is not known whether the commit to {name} has landed: {outage.message}", RUN_AGAIN
        ) from outage
    if current.snapshot_by_id(snapshot_id) is None:
        raise UnknownOutcome(f"the commit to {name} has not landed: {outage.message}", RUN_AGAIN) from outage
    return snapshot_id


def discard(table: Table, paths: Sequence[str]) -> None:
    """Delete data files that are in no snapshot."""
    for path in paths:
        with suppress(FileNotFoundError):
            table.io.delete(path)
