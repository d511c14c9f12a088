"""Staged rows compared with stored ones: the changes that a landing makes, in SQL over one DuckDB session.

Rows of one key are folded in order of arrival: a row that equals the one before it changes nothing, an unequal one
replaces it and is a conflict. So the outcome does not depend on how rows were split over land calls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from lakehouse.contract import Contract, Restated, Slice
from lakehouse.engine import identifier, quote
from lakehouse.errors import ContractViolation, Overtaken
from lakehouse.pins import empty_select, pin_of
from lakehouse.writing.counts import ObjectCounts
from lakehouse.writing.data_files import order_of
from lakehouse.writing.slices import Statements
from lakehouse.writing.staging import ORDINAL, SEQUENCE, Staging

if TYPE_CHECKING:
    from pyiceberg.table import Table

STORED = -(2**62)  # SEQUENCE of stored rows


class Diff:
    """The changes that a landing makes in a table: `winners`, rows to write, and `gone`, keys whose stored row goes.

    Keys, compared columns and sort come from the contract. One of `merge`, `replace` or `append` makes the two tables;
    `lakehouse.writing.rewrite` makes data files of them.

    Attributes:
        db: the session that holds both.
        only_added: whether the winners are rows of the files as they arrived.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, table: Table, contract: Contract, staging: Staging
    ) -> None:
        self.db = connection
        self.table = table
        self.contract = contract
        self.names = [column.name for column in contract.columns]
        self.columns = [identifier(name) for name in self.names]
        self.key = [identifier(name) for name in contract.key]
        self._files = staging.files(contract)
        files = ", ".join(quote(str(path)) for path in self._files)
        nothing = f"SELECT *, 0::BIGINT AS {SEQUENCE}, 0::BIGINT AS {ORDINAL} FROM ({empty_select(contract)})"
        self.db.execute(f"CREATE VIEW arrived AS {f'SELECT * FROM read_parquet([{files}])' if files else nothing}")
        self.db.execute(f"CREATE VIEW stored AS {pin_of(table).select(contract)}")
        self.only_added = False
        self._void = False
        self._restated: dict[int, int] = {}
        staged = "SELECT * FROM arrived"
        if contract.restated and self._find_restated(contract.restated):
            staged = f"SELECT * FROM arrived ANTI JOIN restated USING ({SEQUENCE}, {ORDINAL})"
        self._staged = staged
        self.db.execute(f"CREATE VIEW staged AS {staged}")

    def merge(self, void: Mapping[str, Collection[str]]) -> None:
        """Unite staged rows with stored ones by key, in order of arrival.

        Args:
            void: stored rows with one of these values in each of the columns count as never landed: they go unless
                they are staged again. Empty means none.

        Raises:
            Overtaken: a staged row has another value in a fixed column than the stored one of its key.
        """
        key = ", ".join(self.key)
        self._leave_out(void)
        self._refuse_other_fixed()
        arrivals = f"SEMI JOIN staged USING ({key}) {self._bounds(self.contract.key, 'staged')}"
        self._fold(arrivals)
        if not self._void:
            self.db.execute(f"CREATE TABLE gone AS SELECT {key} FROM winners WHERE __was_there")
            self.db.execute(f"CREATE TABLE superseded AS SELECT {key} FROM gone WHERE false")
            return
        self.db.execute(
            f"""
            CREATE TABLE gone AS
            SELECT {key} FROM winners WHERE __was_there
            UNION ALL
            SELECT {key} FROM void ANTI JOIN repeated USING ({key})
            """
        )
        self.db.execute(f"CREATE TABLE superseded AS SELECT {key} FROM void ANTI JOIN held USING ({key})")

    def _leave_out(self, void: Mapping[str, Collection[str]]) -> None:
        """Take the void rows out of `stored`, into `void`."""
        self._void = bool(void)
        if not void:
            return
        tests = []
        for number, (column, values) in enumerate(void.items()):
            listed = pa.table({"v": pa.array(sorted(values), pa.string())})
            self.db.register(f"void_{number}", listed)
            tests.append(f"{identifier(column)} IN (SELECT v FROM void_{number})")
            if values:  # literal bounds let Iceberg skip files
                tests.append(f"{identifier(column)} BETWEEN {quote(min(values))} AND {quote(max(values))}")
        condition = " AND ".join(tests)
        stored = pin_of(self.table).select(self.contract)
        self.db.execute(f"CREATE TABLE void AS SELECT * FROM ({stored}) WHERE {condition}")
        kept = f"SELECT * FROM ({stored}) ANTI JOIN void USING ({', '.join(self.key)})"
        self.db.execute(f"CREATE OR REPLACE VIEW stored AS {kept}")

    def _refuse_other_fixed(self) -> None:
        for column in self.contract.columns:
            name = identifier(column.name)
            others = f"FROM staged JOIN stored USING ({', '.join(self.key)}) WHERE staged.{name} <> stored.{name}"
            if column.fixed and self.scalar(f"SELECT count(*) {others}"):
                raise Overtaken(
                    f"another landing has declared another {column.name} of the same {self.contract.name} meanwhile",
                    "run the same command again",
                )

    def replace(self, stated: Mapping[int, Sequence[Slice]]) -> None:
        """Put staged rows in the place of slices.

        Args:
            stated: slices by sequence of the file that states them, at least one; of an instant that two files state,
                only the later file's rows are kept.

        Raises:
            ContractViolation: a staged row lies outside of what its file states.
        """
        key = ", ".join(self.key)
        statements = Statements(stated)
        inside = statements.inside
        if outside := self.scalar(f"SELECT count(*) FROM staged WHERE {statements.outside}"):
            raise ContractViolation(
                f"{outside} rows for {self.contract.name} lie outside the slice that they replace ({inside})",
                "this is a fault of the source: it must state whole slices",
            )
        if len(stated) > 1:
            kept = f"SELECT * FROM ({self._staged}) WHERE NOT {statements.overruled}"
            self.db.execute(f"CREATE OR REPLACE VIEW staged AS {kept}")
        self._fold(f"WHERE {inside}")
        self.db.execute(
            f"""
            CREATE TABLE gone AS
            SELECT {key} FROM winners WHERE __was_there
            UNION ALL
            SELECT {key} FROM (SELECT * FROM stored WHERE {inside}) ANTI JOIN staged USING ({key})
            """
        )
        self.db.execute(f"CREATE TABLE superseded AS SELECT {key} FROM gone ANTI JOIN winners USING ({key})")

    def adds_only(self) -> bool:
        """Whether staged rows belong to statements that are not in the table, each with a key of its own."""
        if "source_object" not in self.contract.statement:
            return False
        key = ", ".join(self.key)
        if self.scalar(f"SELECT count(*) FROM (SELECT 1 FROM staged GROUP BY {key} HAVING count(*) > 1 LIMIT 1)"):
            return False
        if self.table.current_snapshot() is None:
            return True
        stated = ", ".join(identifier(name) for name in self.contract.statement)
        bounds = self._bounds([self.contract.time_column] if self.contract.time_column else [], "staged")
        new = f"(SELECT DISTINCT {stated} FROM staged)"
        return not self.scalar(
            f"SELECT count(*) FROM (SELECT 1 FROM stored SEMI JOIN {new} USING ({stated}) {bounds} LIMIT 1)"
        )

    def append(self) -> None:
        """Add all staged rows; either an offset keeps them from landing twice, or `adds_only` has proven them new."""
        self.only_added = True
        self.db.execute("CREATE VIEW winners AS SELECT * FROM staged")
        self.db.execute(f"CREATE TABLE gone AS SELECT {', '.join(self.key)} FROM winners WHERE false")
        self.db.execute("CREATE TABLE superseded AS SELECT * FROM gone")

    def _fold(self, stored: str) -> None:
        """Make `folded` (every arrival with what it changed) and `winners` (the last that changed its key).

        Args:
            stored: SQL that restricts the stored rows which take part.
        """
        columns, key = ", ".join(self.columns), ", ".join(self.key)
        sticky = [identifier(c.name) for c in self.contract.columns if c.sticky]
        order = f"PARTITION BY {key} ORDER BY {SEQUENCE}, {ORDINAL}"
        settled = ", ".join(
            f"last_value({name} IGNORE NULLS) OVER ({order} ROWS UNBOUNDED PRECEDING) AS {name}"
            if name in sticky
            else name
            for name in self.columns
        )
        values = self._values("")
        self.db.execute(
            f"""
            CREATE TABLE folded AS
            WITH arrivals AS (
                SELECT {columns}, {STORED}::BIGINT AS {SEQUENCE}, 0::BIGINT AS {ORDINAL}
                FROM stored {stored}
                UNION ALL
                SELECT {columns}, {SEQUENCE}, {ORDINAL} FROM staged
            ),
            settled AS (SELECT {settled}, {SEQUENCE}, {ORDINAL} FROM arrivals)
            SELECT *,
                row_number() OVER ({order}) AS __arrival,
                row_number() OVER ({order}) = 1
                    OR {values} IS DISTINCT FROM lag({values}) OVER ({order}) AS __changes,
                first_value({SEQUENCE}) OVER ({order}) = {STORED} AS __was_there
            FROM settled
            """
        )
        self.db.execute(
            f"""
            CREATE VIEW held AS SELECT * FROM folded WHERE __changes
            QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY __arrival DESC) = 1 AND {SEQUENCE} > {STORED}
            """
        )
        changing = "held"
        if self._void:  # a staged row that equals its stored one leaves it where it is
            same = f"SELECT {columns} FROM held INTERSECT SELECT {columns} FROM void"
            self.db.execute(f"CREATE TABLE repeated AS SELECT {key} FROM ({same})")
            changing = f"held ANTI JOIN repeated USING ({key})"
        self.db.execute(f"CREATE TABLE winners AS SELECT * FROM {changing} ORDER BY {order_of(self.contract)}")

    def _find_restated(self, rule: Restated) -> bool:
        """Make `restated`, the arrivals that are left out, and count them by file; returns whether there are any."""
        listed = ", ".join(quote(value) for value in rule.values)
        base = [name for name in self.contract.key if name not in self.contract.statement] + list(rule.also_key)
        apart = {rule.order, rule.column, "source_object", *rule.also_key}
        compared = [n for n in (*self.contract.compared, *self.contract.statement) if n not in apart]
        key = ", ".join(identifier(name) for name in base)
        if not self.scalar(f"SELECT count(*) FROM (SELECT 1 FROM arrived WHERE {rule.column} IN ({listed}) LIMIT 1)"):
            return False
        columns = ", ".join(identifier(name) for name in (*base, *compared, rule.order, rule.column))
        same = " AND ".join(f"{n} IS NOT DISTINCT FROM lag({n}) OVER statement" for n in map(identifier, compared))
        self.db.execute(
            f"""
            CREATE TABLE restated AS
            WITH statements AS (
                SELECT {columns}, {STORED}::BIGINT AS {SEQUENCE}, 0::BIGINT AS {ORDINAL}
                FROM stored SEMI JOIN arrived USING ({key}) {self._bounds(base, "arrived")}
                UNION ALL
                SELECT {columns}, {SEQUENCE}, {ORDINAL} FROM arrived
            )
            SELECT {SEQUENCE}, {ORDINAL} FROM statements
            WINDOW statement AS (PARTITION BY {key} ORDER BY {rule.order}, {SEQUENCE}, {ORDINAL})
            QUALIFY {SEQUENCE} > {STORED} AND {rule.column} IN ({listed}) AND row_number() OVER statement > 1 AND {same}
            """
        )
        counted = self.db.execute(f"SELECT {SEQUENCE}, count(*) FROM restated GROUP BY ALL").fetchall()
        self._restated = {int(sequence): int(rows) for sequence, rows in counted}
        return bool(counted)

    def _bounds(self, names: Sequence[str], source: str) -> str:
        """Literal bounds on the stored rows, so that Iceberg prunes whole files by month, asset and signal.

        Args:
            names: columns in which stored rows must equal rows of `source`.
            source: the rows that arrive.
        """
        bounded = [c for c in self.contract.columns if c.name in names and c.type in ("timestamptz", "string")]
        tests = []
        for column in bounded:
            name = identifier(column.name)
            row = self.db.execute(f"SELECT min({name})::VARCHAR, max({name})::VARCHAR FROM {source}").fetchone()
            low, high = row or (None, None)
            if low is None:
                return "WHERE false"
            cast = "::TIMESTAMPTZ" if column.type == "timestamptz" else ""
            tests.append(f"stored.{name} BETWEEN {quote(low)}{cast} AND {quote(high)}{cast}")
        return f"WHERE {' AND '.join(tests)}" if tests else ""

    @property
    def arrived_in_place(self) -> list[Path]:
        """The staged files, where each of their rows is added as it arrived; else none."""
        return self._files if self.only_added and not self._restated else []

    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return self.scalar("SELECT (SELECT count(*) FROM winners) + (SELECT count(*) FROM gone)") > 0

    def superseded(self) -> int:
        """Number of stored rows that go and that no row of their key replaces."""
        return self.scalar("SELECT count(*) FROM superseded")

    def scalar(self, sql: str) -> int:
        """The one number that a query gives."""
        row = self.db.execute(sql).fetchone()
        return int(row[0]) if row else 0

    def counts(self) -> dict[int, ObjectCounts]:
        """The counts of every staged file."""
        found = self._counts_added() if self.only_added else self._counts_folded()
        for sequence, rows in self._restated.items():
            counted = found.get(sequence, ObjectCounts())
            found[sequence] = replace(counted, equal=counted.equal + rows)
        return found

    def _counts_added(self) -> dict[int, ObjectCounts]:
        rows = self.db.execute(f"SELECT {SEQUENCE}, count(*) FROM winners GROUP BY ALL").fetchall()
        return {int(sequence): ObjectCounts(new=int(count)) for sequence, count in rows}

    def _counts_folded(self) -> dict[int, ObjectCounts]:
        key = ", ".join(self.key)
        # A row that differs from a void one is no conflict, and one that equals it is not new.
        before = f"LEFT JOIN (SELECT *, true AS __there FROM void) v USING ({key})" if self._void else ""
        there = "(f.__was_there OR coalesce(v.__there, false))" if self._void else "f.__was_there"
        again = f"(coalesce(v.__there, false) AND {self._values('f.')} IS NOT DISTINCT FROM {self._values('v.')})"
        same = again if self._void else "false"
        rows = self.db.execute(
            f"""
            WITH won AS (SELECT {SEQUENCE}, {ORDINAL}, {key}, true AS __won FROM held)
            SELECT f.{SEQUENCE},
                count(*) FILTER (won.__won AND NOT {there}),
                count(*) FILTER (won.__won AND {there} AND NOT {same}),
                count(*) FILTER (NOT f.__changes OR (won.__won AND {there} AND {same})),
                count(*) FILTER (f.__changes AND f.__arrival > 1)
            FROM folded f LEFT JOIN won USING ({key}, {SEQUENCE}, {ORDINAL}) {before}
            WHERE f.{SEQUENCE} > {STORED} GROUP BY ALL
            """
        ).fetchall()
        return {sequence: ObjectCounts(*numbers) for sequence, *numbers in rows}

    def _values(self, prefix: str) -> str:
        """SQL of the values that make two rows of one key differ."""
        compared = [f"{prefix}{identifier(name)}" for name in self.contract.compared]
        return f"struct_pack({', '.join(f'v{i} := {name}' for i, name in enumerate(compared))})" if compared else "0"
