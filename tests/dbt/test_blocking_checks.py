"""A mart that says something else than its samples does not pass, and the check shows the rows."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.support.lake import Lake
from tests.support.random_series import all_series, declare, rows

#: What is falsified: statement, the check that has to notice, and what a row that it shows has to hold.
FALSIFIED = {
    "a wrong number of samples": (
        """update lod_1h set n = n + 1
        where asset_id = 'a0' and signal = 'instant_1' and bucket_start = '2024-03-31 00:00:00+00'""",
        ("levels_equal_raw", "a0"),
    ),
    "a wrong extreme": (
        "update lod_5min set max = max + 1 where asset_id = 'a1' and signal = 'instant_1'",
        ("levels_merge", "a1"),
    ),
    "a missing day": (
        "delete from lod_1d where asset_id = 'a2' and signal = 'instant_1' and local_date = '2024-05-02'",
        ("levels_merge", "a2"),
    ),
    "a billionth of a kWh too much": (
        """update energy_15min set energy_kwh = energy_kwh + 0.000000001
        where asset_id = 'a3' and signal = 'counter_1' and interval_start = '2024-05-02 00:00:00+00'""",
        ("energy_conserved", "a3"),
    ),
    "a doubled row": (
        "insert into energy_1d from energy_1d where asset_id = 'a4' and signal = 'counter_1' limit 1",
        ("energy_1d: key (asset_id, signal, interval_start) is unique", "a4"),
    ),
    "a day that is there twice, from two calendars": (
        """insert into lod_1d select * replace (bucket_start + interval 1 hour as bucket_start) from lod_1d
        where asset_id = 'a0' and signal = 'instant_1' limit 1""",
        ("lod_1d: key (asset_id, signal, local_date) is unique", "a0"),
    ),
    "an unknown kind": (
        "update counter_events set kind = 'hiccup' where asset_id = 'a0'",
        ("accepted_values_counter_events", "hiccup"),
    ),
}


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    lake = Lake(tmp_path_factory.mktemp("falsified"))
    series = [one for one in all_series(11) if one.kind in ("instant", "counter")]
    declare(lake, series)
    for one in series:
        lake.add_samples(one.asset_id, one.signal, rows(one.samples))
    lake.build(command="run")
    assert lake.failing_checks() == {}
    with duckdb.connect(str(lake.marts)) as marts:
        marts.execute("SET TimeZone='UTC'")
        for what, (statement, _) in FALSIFIED.items():
            before = marts.execute(statement).fetchall()
            assert before != [(0,)], f"{what}: changed nothing"
    return lake.failing_checks()


@pytest.mark.parametrize("what", FALSIFIED)
def test_a_false_mart_is_noticed_and_its_rows_are_shown(what: str, failing: dict[str, list[dict[str, Any]]]) -> None:
    check, shown = FALSIFIED[what][1]
    found = [row for name, shown_rows in failing.items() if name.startswith(check) for row in shown_rows]
    assert any(shown in row.values() for row in found), (check, sorted(failing))


def test_a_failing_row_says_what_was_expected_and_what_was_found(failing: dict[str, list[dict[str, Any]]]) -> None:
    for check in ("levels_equal_raw", "levels_merge", "energy_conserved"):
        for row in failing[check]:
            assert {"asset_id", "signal", "expected", "found"} <= row.keys()
            assert row["expected"] != row["found"]
