"""Promises of the merge: idempotent, order-free without conflicts, later wins, others' rows untouched."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from lakehouse.catalog import open_catalog
from lakehouse.contract import ASSETS
from lakehouse.errors import ContractViolation
from lakehouse.pins import touched_since
from lakehouse.reader import rows_of
from lakehouse.settings import Settings
from lakehouse.writing.counts import ObjectCounts
from lakehouse.writing.staging import Staging
from lakehouse.writing.writer import merge
from tests.support.raw_table import CONTRACT, land, rows, stored

A, B = ("a", "power", 0, 1), ("a", "power", 1, 2)
MONTH = 60 * 24 * 31


def test_landing_twice_leaves_one_copy_and_no_second_commit(settings: Settings) -> None:
    assert land(settings, [A, B]).snapshot_id is not None
    again = land(settings, [A, B])
    assert again.snapshot_id is None
    assert again.by_sequence == {0: ObjectCounts(equal=2)}
    assert stored(settings) == [A, B]


def test_of_unequal_rows_the_later_received_wins_and_the_conflict_is_counted(settings: Settings) -> None:
    land(settings, [A, B])
    landed = land(settings, [("a", "power", 1, 7)])
    assert landed.by_sequence == {0: ObjectCounts(replaced=1, conflicts=1)}
    assert stored(settings) == [A, ("a", "power", 1, 7)]


def test_within_a_file_the_later_line_wins(settings: Settings) -> None:
    landed = land(settings, [A, ("a", "power", 0, 5), A])
    assert stored(settings) == [A]
    assert landed.by_sequence == {0: ObjectCounts(new=1, conflicts=2)}


def test_landing_one_signal_leaves_the_others_rows_as_they_are(settings: Settings) -> None:
    other = [("b", "power", minute, minute) for minute in range(100)]
    land(settings, other, [A, B])
    land(settings, [("a", "power", 1, 9)])
    assert [row for row in stored(settings) if row[0] == "b"] == other


def test_void_rows_go_unless_they_are_stated_again_and_count_as_never_landed(settings: Settings) -> None:
    land(settings, [A, ("a", "power", 1, 2), ("a", "power", 2, 3), ("b", "power", 0, 1)], source="x")
    anew = [A, ("a", "power", 1, 9), ("a", "power", 60, 1)]
    landed = land(settings, anew, source="x", void={"source_object": ["x"], "asset_id": ["a"]})
    assert landed.superseded == 1
    assert landed.by_sequence == {0: ObjectCounts(new=1, replaced=1, equal=1)}
    assert stored(settings) == [*anew, ("b", "power", 0, 1)]


def test_void_rows_that_are_all_stated_again_commit_nothing(settings: Settings) -> None:
    land(settings, [A, B], source="x")
    landed = land(settings, [A, B], source="x", void={"source_object": ["x"]})
    assert (landed.snapshot_id, landed.superseded) == (None, 0)
    assert landed.by_sequence == {0: ObjectCounts(equal=2)}


def test_a_commit_says_what_it_touched_by_runs_of_days(settings: Settings) -> None:
    land(settings, [A, ("a", "power", 1440, 1), ("a", "power", 10 * 1440, 1)])
    land(settings, [("b", "power", 0, 1)])
    table = open_catalog(settings).load_table(("raw", CONTRACT.name))
    touched = list(touched_since(table, None) or [])
    day = 19_723  # 2024-01-01
    assert touched == [
        {("b", "power"): [(day, day)]},
        {("a", "power"): [(day, day + 1), (day + 10, day + 10)]},
    ]


def test_what_changed_cannot_be_told_from_a_pin_that_is_no_ancestor(settings: Settings) -> None:
    land(settings, [A])
    table = open_catalog(settings).load_table(("raw", CONTRACT.name))
    assert touched_since(table, 12345) is None


def test_rows_without_a_required_value_cannot_be_staged(settings: Settings) -> None:
    broken = rows([A]).set_column(0, pa.field("asset_id", pa.string()), pa.nulls(1, pa.string()))
    staging = Staging(settings.temporary("land", uuid.uuid4().hex))
    with pytest.raises(ContractViolation, match="asset_id"):
        staging.add(CONTRACT, 0, broken)


def test_data_files_hold_one_month_each_and_are_sorted(settings: Settings) -> None:
    values = [("b", "power", 2 * MONTH, 1), ("a", "power", 5, 1), ("b", "power", 3, 1), ("a", "power", 4, 1)]
    land(settings, values)
    table = open_catalog(settings).load_table(("raw", CONTRACT.name))
    files = [task.file.file_path for task in table.scan().plan_files()]
    assert len(files) == 2
    for path in files:
        found = rows_of(settings, f"SELECT asset_id, signal, ts FROM '{path}'")
        assert found == sorted(found)


def test_racing_writers_all_land_and_equal_rows_do_not_double(settings: Settings) -> None:
    land(settings, [A])
    parts = [[("a", "power", minute, minute) for minute in range(n, n + 20)] for n in (10, 20, 30, 40)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda values: land(settings, values), parts))
    expected = sorted({A, *(row for part in parts for row in part)}, key=lambda row: row[2])
    assert stored(settings) == expected


def test_a_setting_that_is_not_given_again_keeps_its_value(settings: Settings) -> None:
    def asset(max_power_kw: float | None) -> None:
        staging = Staging(settings.temporary("land", uuid.uuid4().hex))
        values = {
            "asset_id": "a", "domain": "thing", "native_id": None, "site_id": None, "time_zone": "UTC",
            "is_simulated": False, "max_power_kw": max_power_kw, "capacity_kwh": None,
        }  # fmt: skip
        staging.add(ASSETS, 0, pa.Table.from_pylist([values], schema=ASSETS.arrow_schema))
        merge(settings, open_catalog(settings), ASSETS, staging, properties={})

    asset(250.0)
    asset(None)
    table = open_catalog(settings).load_table(("raw", ASSETS.name))
    assert table.scan().to_arrow()["max_power_kw"].to_pylist() == [250.0]
    assert len(table.snapshots()) == 1
