"""What a build redoes: the days that a change can influence, and no others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lakehouse.contract import ASSETS, SIGNALS, observations
from lakehouse.engine import connect
from lakehouse.marts.changes import Changes, find_changes
from lakehouse.pins import Touched, empty_select

THINGS = observations("thing", "Observations of things.")
HOUSE = (THINGS, ASSETS, SIGNALS)
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
    found = find_changes(connection, HOUSE, touched, folder)
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


def test_a_counter_reaches_over_a_neighbour_that_may_be_left_out(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    # Had day 5 gone on with 50, the 70 of day 3 would have been left out, and the step would have been from 50 to 50.
    put(session, "register", [(h, 50, None) for h in range(60)] + [(75, 70, None), (125, 71, None)])
    assert days(changes(session, tmp_path, "register", 5))[0] == 0


@pytest.mark.parametrize(("fell_at", "hours", "first"), [(23.5, 23, 0), (22.5, 25, 1)])
def test_a_fall_within_a_day_may_belong_to_a_leap_that_came_or_went(
    session: duckdb.DuckDBPyConnection, tmp_path: Path, fell_at: float, hours: int, first: int
) -> None:
    put(session, "register", [(h / 10, 100 + h / 1000, None) for h in range(220)])
    put(session, "register", [(fell_at + h, h / 1000, None) for h in range(hours)])
    # Day 2 may have held, or lost, a value that the register of day 0 came back to within a day.
    assert days(changes(session, tmp_path, "register", 2))[0] == first


def test_a_fall_up_to_a_day_later_may_be_the_way_back(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    put(session, "register", [(h, 900 + h / 100, None) for h in range(24, 71)] + [(h, h, None) for h in range(71, 120)])
    assert days(changes(session, tmp_path, "register", 1))[1] >= 2


def test_excursions_that_touch_hang_together(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    # A register that drops out every four hours for five days: which of its values are left out depends on the first.
    flapping = [(h, 0 if h % 8 == 4 else 100 + h / 100, None) for h in range(24, 144, 4)]
    put(session, "register", [(h, 100 + h / 100, None) for h in range(24)] + flapping)
    put(session, "register", [(h, 102 + h / 100, None) for h in range(144, 240)])
    first, last = days(changes(session, tmp_path, "register", 3))
    assert first <= 0 and last >= 6


def test_a_register_of_the_day_is_rebuilt_by_the_day(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    put(session, "register", [(h, (h % 24) / 2, None) for h in range(240)])
    assert days(changes(session, tmp_path, "register", 5)) == (3, 7)


def test_a_sample_at_the_end_of_what_changed_is_the_neighbour(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    put(session, "register", [(h, h / 10, None) for h in range(145)] + [(d * 24, d * 10, None) for d in (9, 12, 15)])
    assert days(changes(session, tmp_path, "register", 5))[1] == 9


@pytest.mark.parametrize("kind", ["power", "register", "bill"])
def test_around_rebuilt_days_a_day_an_hour_and_the_reach_of_a_value_are_read(
    session: duckdb.DuckDBPyConnection, tmp_path: Path, kind: str
) -> None:
    # An hourly bucket reaches over a local midnight by up to an hour; a value covers 2,700 s, an interval its length.
    put(session, kind, [(hour, hour, 1.5 if kind == "bill" else None) for hour in range(240)])
    found = changes(session, tmp_path, kind, 5)
    columns = "rebuild_from, rebuild_to, read_from, read_to"
    (first, last, read_from, read_to) = session.execute(f"SELECT {columns} FROM '{found.spans}'").fetchall()[0]
    around = timedelta(days=1, hours=1, seconds=5400 if kind == "bill" else 2700)
    assert (first - read_from, read_to - last) == (around, around)


@pytest.mark.parametrize("day_h", [24, 25])
def test_an_asset_in_another_zone_is_rebuilt_from_where_its_old_days_may_have_begun(
    session: duckdb.DuckDBPyConnection, tmp_path: Path, day_h: int
) -> None:
    # A day of 25 hours, as in autumn, that began a minute before midnight UTC and was about to end.
    began = START - timedelta(minutes=1)
    put(session, "power", [((began - START) / timedelta(hours=1) + day_h - 1 / 60, 1, None)])
    found = find_changes(session, HOUSE, {ASSETS.name: [{("a",): None}]}, tmp_path)
    assert found is not None and found.rebuild_from is not None
    assert found.rebuild_from <= began


def test_an_interval_reaches_to_its_end_however_long_it_is(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    put(session, "bill", [(0, 300, 24 * 30)])
    assert days(changes(session, tmp_path, "bill", 0))[1] >= 30


def test_nothing_touched_is_nothing_to_build(session: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    put(session, "power", [(0, 1, None)])
    assert find_changes(session, HOUSE, {}, tmp_path) is None


PRICES = dataclasses.replace(
    THINGS, name="prices", touch=("asset_id",), touches="key_days", reach_days=2, key=("asset_id", "ts", "line")
)


def test_a_changed_table_without_observations_is_told_by_its_keys_and_days(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    first = (START - datetime(1970, 1, 1, tzinfo=UTC)).days
    touched: dict[str, list[Touched]] = {PRICES.name: [{("hub",): [(first, first + 1), (first + 5, first + 5)]}]}
    found = find_changes(session, [*HOUSE, PRICES], touched, tmp_path)
    assert found is not None and found.count == 0 and found.scans == ()
    rows = session.execute(f"SELECT * FROM '{found.tables}' ORDER BY first_day").fetchall()
    day = START.date()
    assert rows == [
        ("prices", "hub", None, day, day + timedelta(days=1), 2),
        ("prices", "hub", None, day + timedelta(days=5), day + timedelta(days=5), 2),
    ]
    # Two days around each; the days around both meet.
    assert found.table_ranges == ((START - timedelta(days=2), START + timedelta(days=8)),)


def test_a_house_that_holds_prices_alone_is_built_whole_without_bounds(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    session.execute(f"CREATE TABLE raw.prices AS {empty_select(PRICES)}")
    session.execute("INSERT INTO raw.prices SELECT 'hub', 's', now(), NULL, 1, NULL, NULL, 'x', 1")
    found = find_changes(session, [*HOUSE, PRICES], None, tmp_path)
    assert found is not None and found.everything and found.table_ranges == () and found.count == 0


def test_a_correction_of_an_old_day_beside_a_price_of_today_reads_the_days_around_both(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    old, today = (START - datetime(1970, 1, 1, tzinfo=UTC)).days, (START - datetime(1970, 1, 1, tzinfo=UTC)).days + 4500
    touched: dict[str, list[Touched]] = {PRICES.name: [{("ERCOT",): [(old, old)]}, {("NYISO",): [(today, today)]}]}
    found = find_changes(session, [*HOUSE, PRICES], touched, tmp_path)
    assert found is not None
    around = [(START + timedelta(days=day - 2), START + timedelta(days=day + 3)) for day in (0, 4500)]
    assert found.table_ranges == found.rebuilt == tuple(around)


def test_a_change_of_a_table_that_is_taken_whole_is_a_change(
    session: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    plans = dataclasses.replace(PRICES, name="plans", touches="whole", reach_days=0)
    found = find_changes(session, [*HOUSE, plans], {plans.name: [{("north",): [(0, 0)]}]}, tmp_path)
    assert found is not None and (found.names, found.rebuilt) == (("plans",), ())


TEXTLESS = tuple(column for column in THINGS.columns if column.name != "text")


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"touches": "days"}, "none of asset_days, key_days, assets, whole"),
        ({"touches": "key_days"}, "reach_days above 0"),
        ({"touches": "key_days", "reach_days": 2, "time_column": None}, "a time column"),
        ({"touches": "key_days", "reach_days": 2, "touch": ("asset_id", "signal", "ts")}, "one or two touch columns"),
        ({"touches": "assets"}, "asset_id, or asset_id and signal"),
        ({"touches": "asset_days", "touch": ("asset_id",)}, r"touch \(asset_id, signal\) by ts"),
        ({"touches": "asset_days", "columns": TEXTLESS, "touch": ("asset_id", "signal")}, "lacks .*: text"),
        ({"touches": "whole", "reach_days": 2}, "only a table that touches key_days"),
    ],
)
def test_a_contract_whose_changes_could_not_be_found_is_refused(stated: dict[str, Any], said: str) -> None:
    plain = {"touches": "whole", "touch": ("source_object",), "key": ("asset_id", "ts")}
    with pytest.raises(ValueError, match=f"contract thing_observations touches .*{said}"):
        dataclasses.replace(THINGS, **{**plain, **stated})
