"""The counter models without dbt: their compiled SQL in one DuckDB connection, a hundred times quicker than a build."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.contract import ASSETS, SIGNALS, observations
from lakehouse.marts.changes import Changes, find_changes
from lakehouse.marts.shards import AtOnce, shards
from lakehouse.pins import empty_select
from tests.support.lake import Lake
from tests.support.random_series import instant

#: In the order in which they stand on one another.
MODELS = (
    "int_windows", "int_spans", "int_counter_samples", "int_counter_runs", "int_counter_excursions",
    "int_counter_steps", "int_energy_spread", "int_energy_parts",
)  # fmt: skip
MARTS = {
    "energy_15min": "asset_id, epoch_us(interval_start), energy_kwh, coverage, is_estimated",
    "counter_events": "asset_id, epoch_us(occurred_at), kind, size_kwh, epoch_us(span_start), samples_left_out",
}
CHECK = "counters_conserved"
METER, BESS = (observations(domain, "Observations.") for domain in ("meter", "bess"))

Readings = Mapping[str, Mapping[int, Decimal]]
"""Counter → instant in microseconds since 1970 → reading in kWh."""
Rows = dict[str, set[tuple[Any, ...]]]
"""Mart → its rows: asset_id, instant in microseconds, and what it says of them (`MARTS`)."""


@dataclass(frozen=True)
class Declared:
    """What is declared of all counters."""

    max_gap_s: int = 3600
    limit_kw: float | None = None
    rollover_at: Decimal | None = None


class CounterModels:
    """Runs them over readings that it is given.

    Args:
        folder: where dbt compiles the project, once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        names = [*MODELS, *MARTS, CHECK]
        Lake(folder).build(spans=[], command="compile")
        compiled = {path.stem: path.read_text() for path in (folder / "target" / "compiled").rglob("*.sql")}
        self._sql = {name: compiled[name] for name in names}
        self._db = duckdb.connect()
        self._db.execute("SET TimeZone='UTC'; ATTACH ':memory:' AS lake; ATTACH ':memory:' AS scratch")
        self._db.execute("CREATE SCHEMA lake.raw; CREATE SCHEMA lake.build")
        for contract in (METER, BESS, ASSETS, SIGNALS):
            self._db.execute(f"CREATE TABLE lake.raw.{contract.name} AS {empty_select(contract)}")

    def full(self, readings: Readings, declared: Declared) -> Rows:
        """The marts of a full build."""
        self._land(readings, declared)
        self._changes(None)
        return self._built()

    def following(self, before: Rows, readings: Readings, declared: Declared, touched: Mapping[str, set[int]]) -> Rows:
        """The marts when a build of what changed follows the one that left `before`.

        Args:
            before: what is published.
            readings: all of them, as they are now.
            declared: as before.
            touched: instants at which readings appeared, changed or went, by counter.
        """
        self._land(readings, declared)
        self._changes(touched)
        rebuilt = self._db.execute("SELECT asset_id, from_us, to_us FROM scratch.main.int_spans").fetchall()
        found = self._built()
        for mart, rows in found.items():
            rows |= {
                row for row in before[mart] if not any(row[0] == name and a <= row[1] < b for name, a, b in rebuilt)
            }
        return found

    def in_shards(self, readings: Readings, declared: Declared, at_once: int) -> tuple[Rows, int]:
        """The marts of a full build in shards of at most `at_once` samples, and the number of shards."""
        self._land(readings, declared)
        contracts = [METER, BESS, ASSETS, SIGNALS]
        found: Rows = {mart: set() for mart in MARTS}
        with self._raw() as connection:
            changes = find_changes(connection, contracts, None, self._folder)
            assert changes is not None
            parts = shards(connection, contracts, changes, self._folder, AtOnce(samples=at_once, rows=1))
        for part in parts:
            self._put(part)
            for mart, rows in self._built().items():
                assert not found[mart] & rows, "a row of two shards"
                found[mart] |= rows
        return found, len(parts)

    def _land(self, readings: Readings, declared: Declared) -> None:
        rows = [(name, at, value) for name, samples in readings.items() for at, value in samples.items()]
        incoming = pa.table(
            {
                "asset_id": pa.array([name for name, _, _ in rows], pa.string()),
                "ts": pa.array([instant(at) for _, at, _ in rows], pa.timestamp("us", tz="UTC")),
                "value": pa.array([value for _, _, value in rows], pa.decimal128(18, 6)),
            }
        )
        self._db.register("incoming", incoming)
        for name in (METER.name, ASSETS.name, SIGNALS.name):
            self._db.execute(f"DELETE FROM lake.raw.{name}")
        self._db.execute(
            f"""INSERT INTO lake.raw.{METER.name}
            SELECT asset_id, 'x', ts, NULL, value::DOUBLE, value, NULL, 'hash', 1 FROM incoming"""
        )
        self._db.unregister("incoming")
        for name in readings:
            self._db.execute(
                "INSERT INTO lake.raw.assets VALUES (?, 'meter', NULL, NULL, 'Europe/Berlin', false, ?, NULL)",
                [name, declared.limit_kw],
            )
            self._db.execute(
                "INSERT INTO lake.raw.signals VALUES (?, 'x', 'counter', 'kWh', NULL, ?, NULL, NULL, NULL, 'test', ?)",
                [name, declared.max_gap_s, declared.rollover_at],
            )

    def _changes(self, touched: Mapping[str, set[int]] | None) -> None:
        """Find changes as a build does, and put them in place."""
        commits = None
        if touched is not None:
            days = {(name, "x"): {at // 86_400_000_000 for at in instants} for name, instants in touched.items()}
            commits = {METER.name: [{key: [(day, day) for day in sorted(of)] for key, of in days.items() if of}]}
        with self._raw() as connection:
            changes = find_changes(connection, [METER, BESS, ASSETS, SIGNALS], commits, self._folder)
        assert changes is not None
        self._put(changes)

    @contextmanager
    def _raw(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A session with what has landed, as a build has it."""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone='UTC'; ATTACH ':memory:' AS raw")
            for contract in (METER, BESS, ASSETS, SIGNALS):
                landed = self._db.execute(f"FROM lake.raw.{contract.name}").to_arrow_table()
                connection.register("landed", landed)
                connection.execute(f"CREATE TABLE raw.{contract.name} AS FROM landed")
                connection.unregister("landed")
            yield connection

    def _put(self, changes: Changes) -> None:
        """Put changes into the tables of the build, and make the models of them."""
        for name, path in (("changed_spans", changes.spans), ("local_days", changes.days)):
            # Through Arrow: DuckDB keeps what it has read of a file of that name.
            self._db.register("found", pq.read_table(path))
            self._db.execute(f"CREATE OR REPLACE TABLE lake.build.{name} AS FROM found")
            self._db.unregister("found")
        for name in MODELS:
            self._db.execute(f"CREATE OR REPLACE TABLE scratch.main.{name} AS {self._sql[name]}")

    def _built(self) -> Rows:
        assert self._db.execute(self._sql[CHECK]).fetchall() == []
        return {
            mart: set(self._db.execute(f"SELECT {columns} FROM ({self._sql[mart]})").fetchall())
            for mart, columns in MARTS.items()
        }
