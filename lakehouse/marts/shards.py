"""Shards of a build: a long history of tables over time is built in runs of days that fit into memory.

The memory of a build grows with the rows that it reads at once, and beyond the limit DuckDB spills them to disk. Shards
keep it level, however much has landed since the last build.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TypedDict

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.contract import Contract
from lakehouse.engine import identifier, quote
from lakehouse.marts.changes import TABLES_SCHEMA, Changes, changes_in
from lakehouse.observations.reach import DAY, SPANS_SCHEMA

#: Rows of tables over time in a shard. A month of 340 batteries has 4 million and takes 2.6 GiB.
SHARD_ROWS = 5_000_000


class Row(TypedDict):
    """A row of `TABLES_SCHEMA`."""

    table_name: str
    key_1: str | None
    key_2: str | None
    first_day: date
    last_day: date
    reach_days: int


def shards(
    connection: duckdb.DuckDBPyConnection,
    contracts: Iterable[Contract],
    changes: Changes,
    folder: Path,
    at_once: int,
) -> list[Changes]:
    """Cut changes into shards, to be built one after the other; small changes are one shard.

    Args:
        connection: a session with the pinned views raw.<table> in the attached database `raw`.
        contracts: raw tables.
        changes: of the build.
        folder: gets Parquet files.
        at_once: rows of a shard; a UTC day is never divided.

    Returns:
        First the changes of all other tables, if there are any; then runs of UTC days of these tables, oldest first.
    """
    others = [contract for contract in contracts if contract.touches == "key_days"]
    rows = _changed(connection, changes)
    days = _rows_by_day(connection, others, None if changes.everything else rows)
    if sum(days.values()) <= at_once:
        return [changes]
    if changes.everything:
        first, last = min(days), max(days)
        rows = [
            {
                "table_name": contract.name, "key_1": None, "key_2": None, "first_day": first, "last_day": last,
                "reach_days": contract.reach_days,
            }
            for contract in others
        ]  # fmt: skip
    names = {contract.name for contract in others}
    rest = changes_in(
        changes.spans,
        changes.days,
        _write(folder / "no_tables", []),
        [name for name in changes.names if name not in names],
    )
    found = [rest] if changes.everything or rest.count or rest.names else []
    for number, (first, last) in enumerate(_runs(days, at_once), start=1):
        within = list(_clipped(rows, first, last))
        shard = folder / f"shard_{number}"
        tables = _write(shard, within)
        found.append(changes_in(_no_spans(shard), changes.days, tables, sorted({row["table_name"] for row in within})))
    return found


def _changed(connection: duckdb.DuckDBPyConnection, changes: Changes) -> list[Row]:
    found = connection.execute(f"SELECT * FROM read_parquet({quote(str(changes.tables))})").to_arrow_table()
    rows: list[Row] = found.to_pylist()
    return rows


def _rows_by_day(
    connection: duckdb.DuckDBPyConnection, others: Iterable[Contract], rows: Iterable[Row] | None
) -> dict[date, int]:
    """Number of rows of all tables by UTC day, in order: of the changed days, because each is built from every table
    and may have lost its rows; None: of all days with rows."""
    found: dict[date, int] = {}
    within = ""
    if rows is not None:
        spans = [(row["first_day"], row["last_day"]) for row in rows]
        found = {first + i * DAY: 0 for first, last in spans for i in range((last - first).days + 1)}
        if not found:
            return {}
        within = f"WHERE ts >= '{min(found)} 00:00:00+00' AND ts < '{max(found) + DAY} 00:00:00+00'"
    stamps = " UNION ALL ".join(f"SELECT {c.time_column} AS ts FROM raw.{identifier(c.name)}" for c in others)
    day = "DATE '1970-01-01' + (epoch_us(ts) // 86400000000)::INTEGER"
    counted = connection.execute(f"SELECT {day}, count(*) FROM ({stamps}) {within} GROUP BY 1")
    found |= {day: count for day, count in counted.fetchall() if rows is None or day in found}
    return dict(sorted(found.items()))


def _runs(days: dict[date, int], at_once: int) -> Iterator[tuple[date, date]]:
    """Cut days in order into runs of at most `at_once` rows, or of one day; yields first and last day of each."""
    run: list[date] = []
    held = 0
    for day, count in days.items():
        if run and held + count > at_once:
            yield run[0], run[-1]
            run, held = [], 0
        run.append(day)
        held += count
    if run:
        yield run[0], run[-1]


def _clipped(rows: Iterable[Row], first: date, last: date) -> Iterator[Row]:
    """The rows that lie in a run of days, cut to it."""
    for row in rows:
        if row["first_day"] <= last and row["last_day"] >= first:
            yield {**row, "first_day": max(row["first_day"], first), "last_day": min(row["last_day"], last)}


def _write(folder: Path, rows: list[Row]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "changed_tables.parquet"
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=TABLES_SCHEMA), path)
    return path


def _no_spans(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "changed_spans.parquet"
    pq.write_table(SPANS_SCHEMA.empty_table(), path)
    return path
