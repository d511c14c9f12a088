"""Which asset it is whose data break a build, and what is left to build without it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.check_result import CheckResult
from lakehouse.marts.changes import TABLES_SCHEMA, Changes, changes_in
from lakehouse.marts.held_back import breaking, named_by, without
from lakehouse.observations.reach import SPANS_SCHEMA

START = datetime(2024, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def spans_of(changes: Changes) -> list[str]:
    return sorted(pq.read_table(changes.spans)["asset_id"].to_pylist())


@pytest.fixture
def changes(tmp_path: Path) -> Changes:
    """One day of each of nine assets, a day after the one before."""
    rows = [
        {
            "asset_id": f"a{n}", "signal": "x", "time_zone": "UTC", "rebuild_from": START + n * DAY,
            "rebuild_to": START + (n + 1) * DAY, "read_from": START + (n - 1) * DAY, "read_to": START + (n + 2) * DAY,
        }
        for n in range(9)
    ]  # fmt: skip
    spans = tmp_path / "changed_spans.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=SPANS_SCHEMA), spans)
    tables = tmp_path / "changed_tables.parquet"
    pq.write_table(TABLES_SCHEMA.empty_table(), tables)
    return changes_in(spans, tmp_path / "days", tables, ["x"])


def test_what_is_left_is_the_spans_of_the_others_and_their_bounds(changes: Changes, tmp_path: Path) -> None:
    left = without(changes, {"a0", "a8", "a4"}, tmp_path / "left")
    assert spans_of(left) == ["a1", "a2", "a3", "a5", "a6", "a7"] and left.count == 6
    assert left.assets == ("a1", "a2", "a3", "a5", "a6", "a7")
    assert (left.rebuild_from, left.rebuild_to) == (START + DAY, START + 8 * DAY)
    assert left.rebuilt == ((START + DAY, START + 4 * DAY), (START + 5 * DAY, START + 8 * DAY))
    # A day around each read range, of its asset alone.
    assert [(*scan.within, *(scan.assets or ())) for scan in left.scans] == [
        (START + (n - 2) * DAY, START + (n + 3) * DAY, f"a{n}") for n in (1, 2, 3, 5, 6, 7)
    ]
    assert spans_of(changes) == [f"a{n}" for n in range(9)]


def test_other_tables_are_built_all_the_same(changes: Changes, tmp_path: Path) -> None:
    row = {"table_name": "prices", "key_1": "hub", "first_day": START.date(), "last_day": START.date(), "reach_days": 2}
    pq.write_table(pa.Table.from_pylist([row], schema=TABLES_SCHEMA), changes.tables)
    both = changes_in(changes.spans, changes.days, changes.tables, ["prices", "x"])
    left = without(both, set(both.assets), tmp_path / "left")
    assert (left.count, left.assets, left.scans) == (0, (), ())
    assert left.table_ranges == left.rebuilt == ((START - 2 * DAY, START + 3 * DAY),)


@pytest.mark.parametrize("bad", [set(), {"a0"}, {"a8"}, {"a3", "a4"}, {f"a{n}" for n in range(9)}])
def test_the_assets_that_break_a_model_are_found_with_few_builds(
    bad: set[str], changes: Changes, tmp_path: Path
) -> None:
    built: list[list[str]] = []

    def breaks(some: Changes) -> bool:
        built.append(spans_of(some))
        return bool(bad & set(built[-1]))

    assert set(breaking(changes, breaks, tmp_path / "some")) == bad
    assert len(built) <= 1 + 2 * 4 * max(len(bad), 1)


def test_a_model_that_breaks_without_any_asset_is_no_assets_fault(changes: Changes, tmp_path: Path) -> None:
    assert breaking(changes, lambda some: True, tmp_path / "some") == []


def failing(*assets: object, status: str = "fail") -> CheckResult:
    return CheckResult(
        "dbt", "key is unique", status, len(assets), [{"asset_id": asset, "found": 2} for asset in assets]
    )


def test_a_failing_check_tells_the_assets_of_its_rows() -> None:
    found = named_by([failing("a1", "a2", "a1")])
    assert found.keys() == {"a1", "a2"} and "key is unique" in found["a1"]


@pytest.mark.parametrize(
    "check",
    [
        failing("a1", None),
        failing(),
        failing("a1", status="error"),
        CheckResult("gx", "price", "fail", 1, [{"iso": "X"}]),
    ],
)
def test_a_check_that_fails_for_no_single_asset_holds_none_back(check: CheckResult) -> None:
    assert named_by([failing("a2"), check]) == {}
