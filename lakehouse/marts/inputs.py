"""The inputs of a build: the spans that changed, the models that depend on them, and the rows that these read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from lakehouse.contract import QUARANTINE, Contract
from lakehouse.engine import connect, identifier, quote
from lakehouse.marts.changes import Changes, find_changes, undeclared
from lakehouse.marts.dbt_runner import MANIFEST
from lakehouse.marts.reads import Range, Scan, select_scans
from lakehouse.marts.shards import SHARD_ROWS, shards
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
        return shards(connection, contracts, changes, folder, SHARD_ROWS)


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


def affected_models(changes: Changes) -> list[str]:
    """dbt's selection of the models that an incremental build runs: all that depend on a table that changed.

    A landing of market data leaves the models of meters alone, and the other way round: their rows stay as published.
    """
    inputs = changed_inputs(changes)
    # A rebuild of one such table reads intermediate models over others.
    if changes.table_ranges:
        inputs.append("build.changed_tables")
    return [f"source:{name}+" for name in inputs]


def changed_inputs(changes: Changes) -> list[str]:
    """dbt's sources (schema and name) whose changes this build works off."""
    inputs = [f"raw.{name}" for name in changes.names]
    # Findings come from observations and from quarantined rows: a build makes all of their parts, or none.
    if changes.count or QUARANTINE.name in changes.names:
        inputs += ["build.changed_spans", "build.local_days", f"raw.{QUARANTINE.name}"]
    return list(dict.fromkeys(inputs))


def write_manifest(folder: Path, contracts: Sequence[Contract], pins: dict[str, Pin], changes: Changes | None) -> Path:
    """Write the manifest of the views that the dbt plugin creates: the pinned raw tables and the build's own inputs.

    Views hold only the rows that the build reads, so that Iceberg opens no other file: of tables that touch asset days
    those of `Changes.scans`, of tables that touch the days of keys those of `Changes.table_ranges`.
    """
    views: dict[str, dict[str, str]] = {"raw": {c.name: select_pinned(pins, c) for c in contracts}, "build": {}}
    if changes:
        for contract in contracts:
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
