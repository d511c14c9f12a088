"""The append-only path: rows proven from their bounds to be new are written month by month, without a join or a sort.

Most landings are of this kind: every series comes in order of time, and its instants are not in the table yet. Rows of
which this cannot be proven cheaply go through `lakehouse.writing.diff`, with the same outcome.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.contract import Contract
from lakehouse.engine import identifier, quote
from lakehouse.pins import Touched, pin_of
from lakehouse.storage import make_folder
from lakehouse.writing.counts import ObjectCounts
from lakehouse.writing.data_files import ROW_GROUP_ROWS, ROW_GROUP_VALUES, ROWS_PER_FILE, field_ids
from lakehouse.writing.staging import Piece, Staging, micros, month_stretches

if TYPE_CHECKING:
    from pyiceberg.table import Table


def only_adding(
    connection: duckdb.DuckDBPyConnection, table: Table, contract: Contract, staging: Staging
) -> list[Piece] | None:
    """The staged pieces in the order in which to store them, if each of their rows has a key of its own.

    Args:
        connection: reads the table.
        table: the table to add them to.
        contract: of the table.
        staging: the rows.

    Returns:
        None if bounds do not prove it: two pieces of a series overlap, or a stored row lies between the first and the
        last instant of a series.
    """
    pieces = staging.pieces(contract)
    if not pieces:
        return None
    pieces.sort(key=lambda piece: (piece.series, piece.first_us))
    for before, after in pairwise(pieces):
        if before.series == after.series and before.last_us >= after.first_us:
            return None
    if table.current_snapshot() is not None and _stored_between(connection, table, contract, pieces):
        return None
    return pieces


def _stored_between(
    connection: duckdb.DuckDBPyConnection, table: Table, contract: Contract, pieces: Sequence[Piece]
) -> bool:
    """Whether a stored row lies inside the bounds of a series; literal bounds let Iceberg skip files."""
    bounds: dict[tuple[str, ...], tuple[int, int]] = {}
    for piece in pieces:
        first, last = bounds.get(piece.series, (piece.first_us, piece.last_us))
        bounds[piece.series] = min(first, piece.first_us), max(last, piece.last_us)
    names = [identifier(name) for name in contract.touch]
    time = identifier(contract.time_column or "")
    columns = {name: [series[i] for series in bounds] for i, name in enumerate(contract.touch)}
    tests = [
        f"stored.{identifier(name)} BETWEEN {quote(min(listed))} AND {quote(max(listed))}"
        for name, listed in columns.items()
    ]
    firsts, lasts = [first for first, _ in bounds.values()], [last for _, last in bounds.values()]
    tests.append(f"stored.{time} BETWEEN make_timestamptz({min(firsts)}) AND make_timestamptz({max(lasts)})")
    instants = pa.timestamp("us", tz="UTC")
    listing = {**columns, "__first": pa.array(firsts, instants), "__last": pa.array(lasts, instants)}
    connection.register("incoming", pa.table(listing))
    found = connection.execute(
        f"""
        SELECT 1 FROM ({pin_of(table).select(contract)}) stored JOIN incoming USING ({", ".join(names)})
        WHERE {" AND ".join(tests)} AND stored.{time} BETWEEN incoming.__first AND incoming.__last LIMIT 1
        """
    ).fetchone()
    connection.unregister("incoming")
    return found is not None


def counts(pieces: Iterable[Piece]) -> dict[int, ObjectCounts]:
    """The counts of each file: all of its rows are new."""
    rows: dict[int, int] = {}
    for piece in pieces:
        rows[piece.sequence] = rows.get(piece.sequence, 0) + piece.rows
    return {sequence: ObjectCounts(new=count) for sequence, count in rows.items()}


def touched_by(pieces: Iterable[Piece]) -> Touched:
    """Series and runs of UTC days of the pieces."""
    touched: dict[tuple[str, ...], list[tuple[int, int]] | None] = {}
    for piece in pieces:
        runs = touched.setdefault(piece.series, []) or []
        touched[piece.series] = runs
        for first, last in piece.days:
            if runs and first <= runs[-1][1] + 1:
                runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
            else:
                runs.append((first, last))
    return touched


def write_pieces(table: Table, contract: Contract, pieces: Sequence[Piece], threads: int) -> list[str]:
    """Write the pieces as data files, each sorted and inside one month.

    Args:
        table: whose data files they become.
        contract: of the table.
        pieces: sorted by series and instant.
        threads: files written at once.

    Returns:
        The files, in no snapshot yet.
    """
    months: dict[int, list[list[Piece]]] = {}
    for piece in pieces:
        files = months.setdefault(piece.month, [[]])
        if sum(other.rows for other in files[-1]) + piece.rows > ROWS_PER_FILE and files[-1]:
            files.append([])
        files[-1].append(piece)
    folder = f"{table.location()}/data"
    make_folder(folder)
    with ThreadPoolExecutor(threads) as pool:
        return list(
            pool.map(
                lambda members: _write_file(table, contract, members, f"{folder}/{uuid.uuid4().hex}.parquet"),
                [members for _, files in sorted(months.items()) for members in files],
            )
        )


def write_in_order(table: Table, contract: Contract, files: Sequence[Path]) -> list[str]:
    """Write staged rows that arrived in the table's order as data files, one a month.

    Rows are copied from file to file: DuckDB takes four times as long for 217 columns, and holds them all in memory.

    Args:
        table: whose data files they become.
        contract: of the table; it has a time column.
        files: the staged files, in order.

    Returns:
        The files, in no snapshot yet.
    """
    folder = f"{table.location()}/data"
    make_folder(folder)
    texts = [column.name for column in contract.columns if column.type == "string"]
    schema = _stored_schema(table, contract, dict.fromkeys(texts, pa.dictionary(pa.int32(), pa.string())))
    written: dict[int, tuple[str, pq.ParquetWriter]] = {}
    with ExitStack() as stack:

        def writer(month: int) -> pq.ParquetWriter:
            if month not in written:
                uri = f"{folder}/{uuid.uuid4().hex}.parquet"
                stream = stack.enter_context(table.io.new_output(uri).create())
                options = {"compression": "zstd", "store_schema": False, "store_decimal_as_integer": True}
                opened = pq.ParquetWriter(stream, schema, use_dictionary=texts, **options)
                written[month] = uri, stack.enter_context(opened)
            return written[month][1]

        for path in files:
            with pq.ParquetFile(path, read_dictionary=texts) as staged:
                for rows in staged.iter_batches(ROW_GROUP_VALUES // len(schema), columns=schema.names):
                    part = pa.Table.from_batches([rows]).cast(schema)
                    for month, first, last in month_stretches(micros(part.column(contract.time_column))):
                        writer(month).write_table(part.slice(first, last - first))
    return [uri for uri, _ in written.values()]


def _stored_schema(table: Table, contract: Contract, encoded: Mapping[str, pa.DataType]) -> pa.Schema:
    """The schema of a data file: the contract's columns with field ids, all nullable, as DuckDB writes them."""
    ids = field_ids(table)
    return pa.schema(
        [
            pa.field(f.name, encoded.get(f.name, f.type), metadata={"PARQUET:field_id": str(ids[f.name])})
            for f in contract.arrow_schema
        ]
    )


def _write_file(table: Table, contract: Contract, pieces: Sequence[Piece], uri: str) -> str:
    texts = [column.name for column in contract.columns if column.type == "string" and not column.nullable]
    schema = _stored_schema(table, contract, dict.fromkeys(texts, pa.dictionary(pa.int32(), pa.string())))
    exact = [column.name for column in contract.columns if column.type in ("timestamptz", "long")]
    with (
        table.io.new_output(uri).create() as stream,
        pq.ParquetWriter(
            stream, schema, compression="zstd", store_schema=False, store_decimal_as_integer=True,
            use_dictionary=[*texts, "text"], column_encoding=dict.fromkeys(exact, "DELTA_BINARY_PACKED"),
        ) as writer,
    ):  # fmt: skip
        gathered: list[pa.Table] = []
        rows = 0
        for piece in pieces:
            with pq.ParquetFile(piece.path, read_dictionary=texts) as staged:
                gathered.append(staged.read_row_group(piece.row_group, columns=schema.names).cast(schema))
            rows += piece.rows
            if rows >= ROW_GROUP_ROWS:
                writer.write_table(pa.concat_tables(gathered).unify_dictionaries(), row_group_size=rows)
                gathered, rows = [], 0
        if gathered:
            writer.write_table(pa.concat_tables(gathered).unify_dictionaries(), row_group_size=rows)
    return uri
