"""The inputs of a build: the spans that changed, the models that depend on them, and the rows that these read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from lakehouse.contract import QUARANTINE, Contract
from lakehouse.engine import connect, identifier, quote
from lakehouse.marts.changes import EPOCH, Changes, find_changes, listed_assets, undeclared
from lakehouse.marts.dbt_runner import MANIFEST
from lakehouse.marts.shards import SHARD_ROWS, shards
from lakehouse.pins import Pin, Touched
from lakehouse.reader import select_pinned
from lakehouse.settings import Settings


def is_observations(contract: Contract) -> bool:
    """Whether a table holds long observations, which the level-of-detail models unite."""
    return {"asset_id", "signal", "ts"} <= set(contract.key)


def is_other_over_time(contract: Contract) -> bool:
    """Whether a table holds rows over time that are not observations: prices, disclosures."""
    return contract.time_column is not None and not is_observations(contract)


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
    observations = [contract for contract in contracts if is_observations(contract)]
    others = [contract for contract in contracts if is_other_over_time(contract)]
    with _pinned(settings, contracts, pins) as connection:
        return find_changes(connection, observations, touched, folder, others, emptied=emptied)


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
        return shards(connection, [c for c in contracts if is_other_over_time(c)], changes, folder, SHARD_ROWS)


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
    if changes.tables_from:
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

    Views hold only the rows that the build reads, so that Iceberg opens no other file. Of observations these are the
    changed assets, one day beyond the range that is read of the changed signals, because some models read a second
    signal of an asset. Of other tables over time they are the days around the changed ones.
    """
    views: dict[str, dict[str, str]] = {"raw": {c.name: select_pinned(pins, c) for c in contracts}, "build": {}}
    if changes:
        for contract in contracts:
            if bounds := _bounds(contract, changes):
                pinned = views["raw"][contract.name]
                views["raw"][contract.name] = f"SELECT * FROM ({pinned}) WHERE {bounds}"
        views["build"] = {
            path.stem: f"SELECT * FROM read_parquet({quote(str(path))})"
            for path in (changes.spans, changes.days, changes.tables)
        }
    path = folder / MANIFEST
    path.write_text(json.dumps({"scratch": str(folder / "scratch.duckdb"), "views": views}))
    return path


def _bounds(contract: Contract, changes: Changes) -> str:
    """SQL condition of the rows that a build reads of a table; empty for all."""
    if is_observations(contract):
        if changes.read_from is None or changes.read_to is None:
            return "false"
        within = _between(contract, changes.read_from - timedelta(days=1), changes.read_to + timedelta(days=1))
        if assets := listed_assets(changes):
            within += f" AND asset_id IN ({', '.join(quote(asset) for asset in assets)})"
        return within
    if not is_other_over_time(contract) or changes.everything:
        return ""
    if changes.tables_from is None or changes.tables_to is None:
        return "false"
    return _between(contract, changes.tables_from, changes.tables_to)


def _between(contract: Contract, first: datetime, last: datetime) -> str:
    instants = " AND ".join(f"{quote(at.isoformat())}::TIMESTAMPTZ" for at in (first, last))
    return f"{contract.time_column} BETWEEN {instants}"


def changed_range(changes: Changes) -> tuple[datetime, datetime] | None:
    """The range that may have changed in marts of tables without observations; None: all of it."""
    if changes.everything:
        return None
    return changes.tables_from or EPOCH, changes.tables_to or EPOCH
