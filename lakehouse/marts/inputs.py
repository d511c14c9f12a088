"""The inputs of a build: the spans that changed, the models that depend on them, and the rows that these read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from lakehouse.contract import Contract
from lakehouse.engine import connect, identifier, quote
from lakehouse.marts.changes import TABLES_SCHEMA, Changes, changes_in, find_changes, undeclared
from lakehouse.marts.dbt_runner import MANIFEST
from lakehouse.marts.reads import Range, Scan, select_scans
from lakehouse.marts.shards import fitting, shards
from lakehouse.observations.local_days import calendar
from lakehouse.observations.reach import EPOCH, SPANS_SCHEMA
from lakehouse.pins import Pin, Touched
from lakehouse.reader import select_pinned
from lakehouse.settings import Settings


def changes_between(
    settings: Settings,
    contracts: Sequence[Contract],
    pins: dict[str, Pin],
    touched: dict[str, list[Touched]] | None,
    folder: Path,
    *,
    emptied: bool = False,
) -> Changes | None:
    """Spans to rebuild at the given pins; `touched` None means everything. See `find_changes`."""
    with _pinned(settings, contracts, pins) as connection:
        return find_changes(connection, contracts, touched, folder, emptied=emptied)


def nothing_changed(folder: Path) -> Changes:
    """The changes of a build in which no row has changed, but a model.

    Args:
        folder: gets Parquet files.
    """
    spans, days, tables = (folder / f"{name}.parquet" for name in ("changed_spans", "local_days", "changed_tables"))
    pq.write_table(SPANS_SCHEMA.empty_table(), spans)
    pq.write_table(calendar([], EPOCH, EPOCH), days)
    pq.write_table(TABLES_SCHEMA.empty_table(), tables)
    return changes_in(spans, days, tables)


def something_undeclared(
    settings: Settings, contracts: Sequence[Contract], pins: dict[str, Pin], touched: dict[str, list[Touched]]
) -> bool:
    """Whether an asset or a signal of the published build is no longer declared. See `undeclared`."""
    with _pinned(settings, contracts, pins) as connection:
        return undeclared(connection, touched)


def in_shards(
    settings: Settings, contracts: Sequence[Contract], pins: dict[str, Pin], changes: Changes, folder: Path
) -> list[Changes]:
    """The changes as shards, to be built one after the other. See `shards`."""
    with _pinned(settings, contracts, pins) as connection:
        return shards(connection, contracts, changes, folder, fitting(settings.memory_limit))


@contextmanager
def _pinned(
    settings: Settings, contracts: Sequence[Contract], pins: dict[str, Pin]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session with the pinned views raw.<table>."""
    connection = connect(settings=settings)
    try:
        connection.execute("ATTACH ':memory:' AS raw")
        for contract in contracts:
            connection.execute(f"CREATE VIEW raw.{identifier(contract.name)} AS {select_pinned(pins, contract)}")
        yield connection
    finally:
        connection.close()


def changed_inputs(contracts: Sequence[Contract], changes: Changes) -> set[str]:
    """The sources of dbt ("raw.iso_prices") whose changes a build works off."""
    found = {f"raw.{name}" for name in changes.names}
    if changes.count:
        found |= {f"raw.{contract.name}" for contract in contracts if contract.touches == "asset_days"}
    return found


def write_manifest(
    folder: Path, contracts: Sequence[Contract], pins: dict[str, Pin], changes: Changes, *, bounded: bool = True
) -> Path:
    """Write the manifest of the views that the dbt plugin creates: the pinned raw tables and the build's own inputs.

    Views hold only the rows that the build reads, so that Iceberg opens no other file: of tables that touch asset days
    those of `Changes.scans`, of tables that touch the days of keys those of `Changes.table_ranges`.
    """
    views: dict[str, dict[str, str]] = {"raw": {c.name: select_pinned(pins, c) for c in contracts}, "build": {}}
    for contract in contracts if bounded else ():
        if (scans := _scans(contract, changes)) is not None and contract.time_column:
            views["raw"][contract.name] = select_scans(views["raw"][contract.name], contract.time_column, scans)
    views["build"] = {
        path.stem: f"SELECT * FROM read_parquet({quote(str(path))})"
        for path in (changes.spans, changes.days, changes.tables)
    }
    path = folder / MANIFEST
    path.write_text(json.dumps({"scratch": str(folder / "scratch.duckdb"), "views": views}))
    return path


def _scans(contract: Contract, changes: Changes) -> Sequence[Scan] | None:
    """What a build reads of a table; None for all of it."""
    if contract.touches == "asset_days":
        return changes.scans
    if contract.touches == "key_days" and not changes.everything:
        return [Scan(within) for within in changes.table_ranges]
    return None


def changed_range(changes: Changes) -> tuple[Range, ...] | None:
    """The ranges that may have changed in marts of tables without observations; None: all of it."""
    return None if changes.everything else changes.table_ranges
