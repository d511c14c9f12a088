"""The one writer: staged rows become one Iceberg commit a table, sorted, idempotent, with provenance.

A merge unites staged rows with what is there by key. Rows are folded in order of arrival: a row that equals the one
before it changes nothing, an unequal one takes its place and is counted as a conflict. The outcome does not depend on
how the rows were split over land calls.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from lakehouse.catalog import ensure_table
from lakehouse.contract import Contract
from lakehouse.engine import connect, identifier, quote
from lakehouse.errors import ContractViolation, TransientError
from lakehouse.pins import TOUCHED, Touched, pack_touched, pin_of
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.table import Table

#: Rows a data file: one month of 45 one-minute signals; DuckDB prunes row groups inside it by signal.
ROWS_PER_FILE = 2_000_000
#: Attempts to redo a merge whose base moved; 100 racing appends needed fewer than 20.
COMMIT_ATTEMPTS = 20

SEQUENCE = "__sequence"  # arrival order of the file inside the run; -1 is what the table holds
ORDINAL = "__ordinal"  # order of the row inside the file


@dataclass(frozen=True)
class ObjectCounts:
    """What one file contributed to a merge.

    Args:
        new: rows whose key was not there.
        replaced: rows that took the place of another value.
        equal: rows that were there already, or repeat one of the same landing.
        conflicts: rows that differ from the one of the same key that arrived before them.
    """

    new: int = 0
    replaced: int = 0
    equal: int = 0
    conflicts: int = 0


@dataclass(frozen=True)
class Landed:
    """The outcome of landing into one table.

    Args:
        table: table name.
        snapshot_id: the commit, or None if nothing changed.
        by_sequence: counts for every staged file.
        superseded: rows removed because the same bytes were read differently before.
        touched: keys and UTC days that changed.
    """

    table: str
    snapshot_id: int | None
    by_sequence: Mapping[int, ObjectCounts] = field(default_factory=dict)
    superseded: int = 0
    touched: Touched = field(default_factory=dict)

    @property
    def rows_changed(self) -> int:
        """Rows new or replaced."""
        return sum(counts.new + counts.replaced for counts in self.by_sequence.values())


class Staging:
    """Parsed rows of one run, kept as Parquet until they are committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, list[Path]] = {}

    def add(self, contract: Contract, sequence: int, rows: pa.Table) -> None:
        """Stage the rows of one file.

        Raises:
            ContractViolation: the columns are not those of the contract.
        """
        if rows.num_rows == 0:
            return
        try:
            rows = rows.select(contract.arrow_schema.names).cast(contract.arrow_schema)
        except (KeyError, ValueError, pa.ArrowInvalid) as error:
            raise ContractViolation(
                f"parsed rows do not fit contract {contract.name}: {error}", "this is a fault of the source's parser"
            ) from error
        rows = rows.append_column(SEQUENCE, pa.array([sequence] * rows.num_rows, pa.int64()))
        rows = rows.append_column(ORDINAL, pa.array(range(rows.num_rows), pa.int64()))
        path = self.folder / f"{contract.name}-{sequence:06d}-{uuid.uuid4().hex[:8]}.parquet"
        pq.write_table(rows, path, compression="lz4")
        self._files.setdefault(contract.name, []).append(path)

    def files(self, contract: Contract) -> list[Path]:
        """The Parquet files staged for a table."""
        return self._files.get(contract.name, [])


def merge(
    settings: Settings,
    catalog: SqlCatalog,
    contract: Contract,
    staging: Staging,
    *,
    properties: Mapping[str, str],
    superseded_objects: Sequence[str] = (),
    namespace: str = "raw",
) -> Landed:
    """Land what is staged for a table as one commit; landing the same rows again commits nothing.

    Args:
        settings: limits for DuckDB.
        catalog: where the table lives.
        contract: of the table; its mode must be 'merge'.
        staging: the rows.
        properties: provenance for the snapshot (run, source, raw hashes, code version).
        superseded_objects: hashes of bytes that are landing again, read in another way: their earlier rows of the
            same assets go unless they are stated again.
        namespace: of the table.

    Raises:
        ContractViolation: staged rows break the contract, or the contract narrows the table.
        TransientError: other writers won the race too often.
    """
    if contract.mode != "merge":
        raise ContractViolation(f"table {contract.name} is not landed by merge but by {contract.mode}")
    table = ensure_table(catalog, contract, namespace)
    if not staging.files(contract):
        return Landed(contract.name, None)

    @retry(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(COMMIT_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )
    def attempt() -> Landed:
        return _merge_once(settings, table.refresh(), contract, staging, properties, superseded_objects)

    return attempt()


def _merge_once(
    settings: Settings,
    table: Table,
    contract: Contract,
    staging: Staging,
    properties: Mapping[str, str],
    superseded_objects: Sequence[str],
) -> Landed:
    work = staging.folder / f"merge-{contract.name}-{uuid.uuid4().hex[:8]}"
    work.mkdir()
    connection = connect(
        work / "merge.duckdb", threads=settings.threads, memory_limit=settings.memory_limit, temporary=work / "spill"
    )
    try:
        plan = _Merge(connection, table, contract, staging)
        plan.fold(superseded_objects)
        counts = plan.counts()
        doomed = plan.files_to_rewrite()
        touched = _touched_of(connection, contract)
        superseded = plan.superseded()
        if not plan.changed():
            return Landed(contract.name, None, counts)
        added = plan.write(doomed)
        snapshot_id = _commit(table, added, doomed, {**properties, TOUCHED: pack_touched(touched)})
        return Landed(contract.name, snapshot_id, counts, superseded, touched)
    finally:
        connection.close()


class _Merge:
    """The SQL of one merge. Keys, compared columns and sort come from the contract."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, table: Table, contract: Contract, staging: Staging
    ) -> None:
        self.db = connection
        self.table = table
        self.contract = contract
        self.columns = [identifier(column.name) for column in contract.columns]
        self.key = [identifier(name) for name in contract.key]
        files = ", ".join(quote(str(path)) for path in staging.files(contract))
        self.db.execute(f"CREATE VIEW staged AS SELECT * FROM read_parquet([{files}])")
        self._assert_not_null()

    def _assert_not_null(self) -> None:
        required = [identifier(c.name) for c in self.contract.columns if not c.nullable]
        tests = ", ".join(f"count(*) - count({name})" for name in required)
        missing = self.db.execute(f"SELECT {tests} FROM staged").fetchone()
        broken = [name for name, count in zip(required, missing or (), strict=True) if count]
        if broken:
            raise ContractViolation(
                f"staged rows of {self.contract.name} have no value in {', '.join(broken)}",
                "this is a fault of the source's parser: refused rows belong in its rejects",
            )

    def fold(self, superseded_objects: Sequence[str]) -> None:
        """Make `winners` (one row a key that changes the table) and `gone` (keys whose stored row goes)."""
        columns, key = ", ".join(self.columns), ", ".join(self.key)
        sticky = [identifier(c.name) for c in self.contract.columns if c.sticky]
        compared = [identifier(name) for name in self.contract.compared]
        order = f"PARTITION BY {key} ORDER BY {SEQUENCE}, {ORDINAL}"
        settled = ", ".join(
            f"last_value({name} IGNORE NULLS) OVER ({order} ROWS UNBOUNDED PRECEDING) AS {name}"
            if name in sticky
            else name
            for name in self.columns
        )
        values = f"struct_pack({', '.join(f'v{i} := {name}' for i, name in enumerate(compared))})" if compared else "0"
        self.db.execute(f"CREATE VIEW stored AS SELECT {columns} FROM {pin_of(self.table).scan()}")
        self.db.execute(
            f"""
            CREATE TABLE folded AS
            WITH arrivals AS (
                SELECT {columns}, -1::BIGINT AS {SEQUENCE}, 0::BIGINT AS {ORDINAL}
                FROM stored SEMI JOIN staged USING ({key}) {self._bounds()}
                UNION ALL
                SELECT {columns}, {SEQUENCE}, {ORDINAL} FROM staged
            ),
            settled AS (SELECT {settled}, {SEQUENCE}, {ORDINAL} FROM arrivals)
            SELECT *,
                row_number() OVER ({order}) AS __arrival,
                row_number() OVER ({order}) = 1
                    OR {values} IS DISTINCT FROM lag({values}) OVER ({order}) AS __changes,
                first_value({SEQUENCE}) OVER ({order}) = -1 AS __was_there
            FROM settled
            """
        )
        self.db.execute(
            f"""
            CREATE TABLE winners AS
            SELECT * FROM folded WHERE __changes
            QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY __arrival DESC) = 1 AND {SEQUENCE} >= 0
            ORDER BY {_order_of(self.contract)}
            """
        )
        self.db.execute(f"CREATE TABLE gone AS SELECT {key} FROM winners WHERE __was_there")
        self.db.execute(f"CREATE TABLE superseded AS SELECT {key} FROM gone WHERE false")
        if superseded_objects:
            hashes = ", ".join(quote(value) for value in superseded_objects)
            self.db.execute(
                f"""
                INSERT INTO superseded
                SELECT {key} FROM stored
                SEMI JOIN (SELECT DISTINCT asset_id FROM staged) USING (asset_id)
                ANTI JOIN staged USING ({key})
                WHERE source_object IN ({hashes})
                """
            )
            self.db.execute(f"INSERT INTO gone SELECT {key} FROM superseded")

    def _bounds(self) -> str:
        """Literal bounds on the stored rows, so that Iceberg prunes whole files by month, asset and signal."""
        bounded = [
            c for c in self.contract.columns if c.name in self.contract.key and c.type in ("timestamptz", "string")
        ]
        tests = []
        for column in bounded:
            name = identifier(column.name)
            row = self.db.execute(f"SELECT min({name})::VARCHAR, max({name})::VARCHAR FROM staged").fetchone()
            low, high = row or (None, None)
            cast = "::TIMESTAMPTZ" if column.type == "timestamptz" else ""
            tests.append(f"stored.{name} BETWEEN {quote(low)}{cast} AND {quote(high)}{cast}")
        return f"WHERE {' AND '.join(tests)}" if tests else ""

    def changed(self) -> bool:
        """Whether anything is to be committed."""
        row = self.db.execute("SELECT (SELECT count(*) FROM winners) + (SELECT count(*) FROM gone)").fetchone()
        return bool(row and row[0])

    def superseded(self) -> int:
        """Stored rows that go because their bytes are now read differently."""
        row = self.db.execute("SELECT count(*) FROM superseded").fetchone()
        return int(row[0]) if row else 0

    def counts(self) -> dict[int, ObjectCounts]:
        """What every staged file contributed."""
        key = ", ".join(self.key)
        rows = self.db.execute(
            f"""
            WITH won AS (SELECT {SEQUENCE}, {ORDINAL}, {key} FROM winners)
            SELECT f.{SEQUENCE},
                count(*) FILTER (won.{SEQUENCE} IS NOT NULL AND NOT f.__was_there),
                count(*) FILTER (won.{SEQUENCE} IS NOT NULL AND f.__was_there),
                count(*) FILTER (NOT f.__changes),
                count(*) FILTER (f.__changes AND f.__arrival > 1)
            FROM folded f LEFT JOIN won USING ({key}, {SEQUENCE}, {ORDINAL})
            WHERE f.{SEQUENCE} >= 0 GROUP BY ALL
            """
        ).fetchall()
        return {sequence: ObjectCounts(*numbers) for sequence, *numbers in rows}

    def files_to_rewrite(self) -> list[str]:
        """Stored data files that hold a row which goes."""
        row = self.db.execute("SELECT count(*) FROM gone").fetchone()
        if not row or not row[0] or self.table.current_snapshot() is None:
            return []
        paths = [task.file.file_path for task in self.table.scan().plan_files()]
        if not paths:
            return []
        listed = ", ".join(quote(path) for path in paths)
        rows = self.db.execute(
            f"""
            SELECT DISTINCT filename FROM read_parquet([{listed}], filename=true, union_by_name=true)
            SEMI JOIN gone USING ({", ".join(self.key)})
            """
        ).fetchall()
        return sorted(name for (name,) in rows)

    def write(self, doomed: Sequence[str]) -> list[str]:
        """Write new data files: the winners, with what survives of the rewritten files in its old place."""
        columns, key = ", ".join(self.columns), ", ".join(self.key)
        source = "winners"
        if doomed:
            listed = ", ".join(quote(path) for path in doomed)
            available = {
                name
                for name, *_ in self.db.execute(
                    f"DESCRIBE SELECT * FROM read_parquet([{listed}], union_by_name=true)"
                ).fetchall()
            }
            kept = ", ".join(
                name if column.name in available else f"NULL AS {name}"
                for column, name in zip(self.contract.columns, self.columns, strict=True)
            )
            self.db.execute(
                f"""
                CREATE TABLE rewritten AS
                SELECT * FROM (
                    SELECT {columns} FROM winners
                    UNION ALL BY NAME
                    SELECT {kept} FROM read_parquet([{listed}], union_by_name=true) ANTI JOIN gone USING ({key})
                ) ORDER BY {_order_of(self.contract)}
                """
            )
            source = "rewritten"
        return _write_files(self.db, self.table, self.contract, source, columns)


def replace_all(
    settings: Settings, table: Table, contract: Contract, *, replayed: Table, properties: Mapping[str, str]
) -> int:
    """Put the rows of a shadow table in the place of all rows of a table, in one commit.

    Args:
        settings: limits for DuckDB.
        table: takes the rows.
        contract: of both.
        replayed: the shadow; it keeps its files.
        properties: provenance for the snapshot.

    Returns:
        The snapshot's id.

    Raises:
        TransientError: another writer committed meanwhile.
    """
    folder = settings.temporary("replace", uuid.uuid4().hex)
    connection = connect(folder / "replace.duckdb", threads=settings.threads, memory_limit=settings.memory_limit)
    try:
        columns = ", ".join(identifier(column.name) for column in contract.columns)
        connection.execute(
            f"CREATE TABLE winners AS {pin_of(replayed).select(contract)} ORDER BY {_order_of(contract)}"
        )
        connection.execute(f"CREATE VIEW gone AS {pin_of(table).select(contract)}")
        touched = _touched_of(connection, contract)
        added = _write_files(connection, table, contract, "winners", columns)
        removed = [task.file.file_path for task in table.scan().plan_files()]
        return _commit(table, added, removed, {**properties, TOUCHED: pack_touched(touched)})
    finally:
        connection.close()
        shutil.rmtree(folder)


def _month_of(contract: Contract) -> str:
    time = contract.time_column
    return f"(year({identifier(time)}) * 12 + month({identifier(time)}))" if time else "0::INT"


def _order_of(contract: Contract) -> str:
    return ", ".join([_month_of(contract), *(identifier(name) for name in contract.sort)])


def _touched_of(connection: duckdb.DuckDBPyConnection, contract: Contract) -> Touched:
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


def _write_files(
    connection: duckdb.DuckDBPyConnection, table: Table, contract: Contract, source: str, columns: str
) -> list[str]:
    """Write a sorted table as data files, each inside one month."""
    spans = connection.execute(
        f"SELECT min(rowid), max(rowid) FROM {source} GROUP BY {_month_of(contract)} ORDER BY 1"
    ).fetchall()
    folder = Path(f"{table.location()}/data")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for first, last in spans:
        for start in range(first, last + 1, ROWS_PER_FILE):
            path = str(folder / f"{uuid.uuid4().hex}.parquet")
            end = min(start + ROWS_PER_FILE - 1, last)
            connection.execute(
                f"COPY (SELECT {columns} FROM {source} WHERE rowid BETWEEN {start} AND {end}) "
                f"TO {quote(path)} (FORMAT parquet, COMPRESSION zstd)"
            )
            written.append(path)
    return written


def _commit(table: Table, added: Sequence[str], removed: Sequence[str], properties: dict[str, str]) -> int:
    """Add and remove data files in one snapshot on top of the one that the merge has read.

    Raises:
        TransientError: another commit came between; redo the merge.
    """
    from pyiceberg.exceptions import CommitFailedException, ValidationException
    from pyiceberg.io.pyarrow import parquet_files_to_data_files

    try:
        with table.transaction() as transaction:
            update = transaction.update_snapshot(snapshot_properties=properties)
            producer = update.overwrite() if removed else update.merge_append()
            with producer as snapshot:
                for data_file in parquet_files_to_data_files(table.io, table.metadata, iter(added)):
                    snapshot.append_data_file(data_file)
                if removed:
                    wanted = set(removed)
                    for task in table.scan().plan_files():
                        if task.file.file_path in wanted:
                            snapshot.delete_data_file(task.file)
            snapshot_id = snapshot.snapshot_id
    except (CommitFailedException, ValidationException) as error:
        for path in added:
            Path(path).unlink(missing_ok=True)
        raise TransientError(f"another commit to {'.'.join(table.name())} came first: {error}") from error
    return snapshot_id
