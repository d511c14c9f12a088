"""A long history of prices and disclosures is built in shards that cover each changed day once."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.contract import observations
from lakehouse.marts.changes import TABLES_SCHEMA, Changes, changes_in
from lakehouse.marts.shards import AtOnce, fitting, shards
from lakehouse.observations.reach import SPANS_SCHEMA

PRICES = dataclasses.replace(
    observations("things", "of one table"), name="prices", touch=("asset_id",), touches="key_days", reach_days=2
)
AWARDS = dataclasses.replace(PRICES, name="awards")
FIRST = date(2026, 1, 1)
#: Rows of each table on each of ten days but the fifth, which has none.
ROWS_A_DAY = {"prices": 30, "awards": 10}


@pytest.fixture(scope="module")
def session() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    connection.execute("ATTACH ':memory:' AS raw")
    for table, count in ROWS_A_DAY.items():
        connection.execute(
            f"""CREATE TABLE raw.{table} AS
            SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_days(day::INTEGER) + to_hours(i % 24) AS ts
            FROM range(10) AS days (day), range({count}) AS rows (i) WHERE day <> 4"""
        )
    return connection


def changes(folder: Path, *rows: tuple[str, str, int, int], everything: bool = False, count: int = 0) -> Changes:
    """Changes of (table, key, first day, last day), days counted from `FIRST`."""
    named = [
        {
            "table_name": table,
            "key_1": key,
            "first_day": FIRST + timedelta(a),
            "last_day": FIRST + timedelta(b),
            "reach_days": 2,
        }
        for table, key, a, b in rows
    ]
    spans, tables = folder / "spans.parquet", folder / "tables.parquet"
    midnight = datetime(2026, 1, 1, tzinfo=UTC)
    of_meters = [
        dict(zip(SPANS_SCHEMA.names, (f"m{n}", "x", "UTC", *[midnight, midnight + timedelta(days=1)] * 2), strict=True))
        for n in range(count)
    ]
    pq.write_table(pa.Table.from_pylist(of_meters, schema=SPANS_SCHEMA), spans)
    pq.write_table(pa.Table.from_pylist(named, schema=TABLES_SCHEMA), tables)
    return changes_in(spans, spans, tables, sorted({row[0] for row in rows}), everything=everything)


def spans(shard: Changes) -> list[tuple[Any, ...]]:
    """(table, key, first day, last day) of a shard, days counted from `FIRST`."""
    return [
        (row["table_name"], row["key_1"], (row["first_day"] - FIRST).days, (row["last_day"] - FIRST).days)
        for row in pq.read_table(shard.tables).to_pylist()
    ]


def rows_at_once(rows: int) -> AtOnce:
    return AtOnce(samples=1_000_000, rows=rows)


def test_what_fits_is_built_at_once(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    for given in (changes(tmp_path, everything=True), changes(tmp_path, ("prices", "hub", 0, 9)), changes(tmp_path)):
        assert shards(session, [PRICES, AWARDS], given, tmp_path, rows_at_once(360)) == [given]


def test_a_whole_build_begins_without_these_tables_and_adds_every_day_once(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = changes(tmp_path, everything=True, count=3)
    rest, *found = shards(session, [PRICES, AWARDS], given, tmp_path, rows_at_once(240))
    assert rest.count == 3 and not rest.everything and rest.table_ranges == () and spans(rest) == []
    # 40 rows a day, none on day 4: to rebuild days 0 to 3 takes 200 rows (0 to 5), with day 5 it would be 280 (0 to 7).
    runs = [(0, 3), (5, 9)]
    assert [spans(shard) for shard in found] == [
        [("prices", None, *run), ("awards", None, *run)] for run in runs
    ]  # fmt: skip
    assert {shard.count for shard in found} == {0}
    assert found[0].table_ranges == ((datetime(2025, 12, 30, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC)),)


def test_a_day_is_never_divided(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = changes(tmp_path, ("prices", "hub", 2, 3))
    found = shards(session, [PRICES, AWARDS], given, tmp_path, rows_at_once(1))
    assert [spans(shard) for shard in found] == [[("prices", "hub", 2, 2)], [("prices", "hub", 3, 3)]]


def test_changes_are_cut_to_the_days_of_a_piece_also_where_rows_are_gone(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = changes(tmp_path, ("prices", "hub", 3, 6), ("awards", "B1", 8, 8))
    # Days 3 to 5 are rebuilt of 240 rows (days 1 to 7), with day 6 it would be 280; days 6 and 8 of days 5 to 9.
    first, second = shards(session, [PRICES, AWARDS], given, tmp_path, rows_at_once(279))
    assert spans(first) == [("prices", "hub", 3, 5)]
    assert spans(second) == [("prices", "hub", 6, 6), ("awards", "B1", 8, 8)]
    assert second.names == ("awards", "prices")
    # All of them are rebuilt of days 1 to 9, less day 4.
    assert shards(session, [PRICES, AWARDS], given, tmp_path, rows_at_once(320)) == [given]


def test_days_far_apart_are_counted_by_what_is_read_for_them(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = changes(tmp_path, ("prices", "hub", 0, 0), ("prices", "hub", 9, 9))
    # Each is rebuilt of three days; between them nothing is read.
    assert [spans(shard) for shard in shards(session, [PRICES], given, tmp_path, rows_at_once(179))] == [
        [("prices", "hub", 0, 0)], [("prices", "hub", 9, 9)],
    ]  # fmt: skip
    assert shards(session, [PRICES], given, tmp_path, rows_at_once(180)) == [given]


@pytest.mark.parametrize(
    ("limit", "samples", "rows"),
    [("4GB", 20_000_000, 5_000_000), ("1.5 GiB", 8_053_063, 2_013_265), ("60MB", 500_000, 100_000)],
)
def test_a_shard_grows_with_the_memory_that_a_build_may_use(limit: str, samples: int, rows: int) -> None:
    assert fitting(limit) == AtOnce(samples, rows)


def test_meters_that_changed_too_are_built_first(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = dataclasses.replace(changes(tmp_path, ("prices", "hub", 0, 3)), names=("assets", "prices"))
    rest, *found = shards(session, [PRICES], given, tmp_path, rows_at_once(140))
    assert rest.names == ("assets",) and spans(rest) == []
    assert len(found) == 2
