"""What a build redoes: the days that a change can influence, and no others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from lakehouse.changes import Changes, find_changes
from lakehouse.contract import ASSETS, SIGNALS, observations
from lakehouse.engine import connect
from lakehouse.pins import Touched, empty_select

THINGS = observations("thing", "Observations of things.")
START = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    """Raw tables of one asset in UTC with signals of three kinds."""
    connection = connect()
    connection.execute("ATTACH ':memory:' AS raw")
    for contract in (THINGS, ASSETS, SIGNALS):
        connection.execute(f"CREATE TABLE raw.{contract.name} AS {empty_select(contract)}")
    connection.execute("INSERT INTO raw.assets VALUES ('a', 'thing', NULL, NULL, 'UTC', false, NULL, NULL)")
    for signal, kind in (("power", "instant"), ("register", "counter"), ("bill", "interval_energy")):
        connection.execute(
            "INSERT INTO raw.signals VALUES ('a', ?, ?, 'kWh', 900, 2700, NULL, NULL, NULL, 'test', NULL)",
            [signal, kind],
        )
    yield connection
    connection.close()


def put(connection: duckdb.DuckDBPyConnection, signal: str, rows: Sequence[tuple[float, float, float | None]]) -> None:
    """Rows of (hours after the start, value, length of the interval in hours)."""
    connection.executemany(
        "INSERT INTO raw.thing_observations VALUES ('a', ?, ?, ?, ?, ?::DECIMAL(18, 6), NULL, 'x', 1)",
        [
            (signal, START + timedelta(hours=at), START + timedelta(hours=at + long) if long else None, value, value)
            for at, value, long in rows
        ],
    )


def changes(connection: duckdb.DuckDBPyConnection, folder: Path, signal: str, day: int) -> Changes:
    """What follows from one touched UTC day, counted from the start."""
    first = (START - datetime(1970, 1, 1, tzinfo=UTC)).days + day
    touched: dict[str, list[Touched]] = {THINGS.name: [{("a", signal): [(first, first)]}]}
    found = find_changes(connection, [THINGS], touched, folder)
    assert found is not None
    return found


def days(found: Changes) -> tuple[int, int]:
    """First and last day that is rebuilt, counted from the start."""
    return (found.rebuild_from - START).days, (found.rebuild_to - START).days - 1


def test_an_instant_value_reaches_as_far_as_it_is_carried(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    put(session, "power", [(hour, 1, None) for hour in range(240)])
    assert days(changes(session, tmp_path, "power", 5)) == (4, 6)


def test_a_counter_reaches_over_the_gap_to_its_neighbours(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    put(
        session,
        "register",
        [(h, h, None) for h in range(24)] + [(120, 50, None)] + [(h, h, None) for h in range(200, 240)],
    )
    first, last = days(changes(session, tmp_path, "register", 5))
    assert (first, last) == (0, 8)


def test_a_flat_counter_reaches_over_the_whole_flat_run(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    put(
        session,
        "register",
        [(h, h, None) for h in range(24)] + [(h, 24, None) for h in range(24, 200)] + [(200, 99, None)],
    )
    first, last = days(changes(session, tmp_path, "register", 5))
    assert first <= 1 and last >= 8


def test_an_interval_reaches_to_its_end_however_long_it_is(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    put(session, "bill", [(0, 300, 24 * 30)])
    assert days(changes(session, tmp_path, "bill", 0))[1] >= 30


def test_nothing_touched_is_nothing_to_build(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    put(session, "power", [(0, 1, None)])
    assert find_changes(session, [THINGS], {}, tmp_path) is None


PRICES = dataclasses.replace(THINGS, name="prices", touch=("asset_id",), sort=("ts",), key=("asset_id", "ts", "line"))


def test_a_changed_table_without_observations_is_told_by_its_keys_and_days(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    first = (START - datetime(1970, 1, 1, tzinfo=UTC)).days
    touched: dict[str, list[Touched]] = {PRICES.name: [{("hub",): [(first, first + 1), (first + 5, first + 5)]}]}
    found = find_changes(session, [THINGS], touched, tmp_path, [PRICES])
    assert found is not None and found.count == 0 and found.read_from is None
    rows = session.execute(f"SELECT * FROM '{found.tables}' ORDER BY first_day").fetchall()
    day = START.date()
    assert rows == [
        ("prices", "hub", None, day, day + timedelta(days=1)),
        ("prices", "hub", None, day + timedelta(days=5), day + timedelta(days=5)),
    ]
    assert found.tables_from is not None and found.tables_from < START
    assert found.tables_to is not None and found.tables_to > START + timedelta(days=6)


def test_a_house_that_holds_prices_alone_is_built_whole_without_bounds(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE raw.prices AS {empty_select(PRICES)}")
    session.execute("INSERT INTO raw.prices SELECT 'hub', 's', now(), NULL, 1, NULL, NULL, 'x', 1")
    found = find_changes(session, [THINGS], None, tmp_path, [PRICES])
    assert found is not None and found.everything and found.tables_from is None and found.count == 0
