"""What a build reads: all that it needs of each asset, each row once, in few ranges."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.marts import reads
from lakehouse.marts.reads import Range, Scan, disjoint, scans_of, select_scans
from lakehouse.observations.reach import SPANS_SCHEMA

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

ranges = st.builds(
    lambda first, days: Range(START + first * DAY, START + (first + days) * DAY), st.integers(0, 99), st.integers(1, 20)
)
#: (asset, first day that is read, days that are read)
spans = st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 300), st.integers(1, 40)), max_size=40)


def days_of(within: Range) -> set[int]:
    return set(range((within.start - START).days, (within.end - START).days))


def write(path: Path, read: list[tuple[str, int, int]]) -> Path:
    rows = [
        (asset, "x", "UTC", *[START + first * DAY, START + (first + long) * DAY] * 2) for asset, first, long in read
    ]
    named = [dict(zip(SPANS_SCHEMA.names, row, strict=True)) for row in rows]
    pq.write_table(pa.Table.from_pylist(named, schema=SPANS_SCHEMA), path)
    return path


@given(st.lists(ranges, max_size=12), st.integers(1, 6))
def test_ranges_are_joined_until_they_lie_apart_and_are_few(given_ranges: list[Range], limit: int) -> None:
    found, few = disjoint(given_ranges), disjoint(given_ranges, limit)
    wanted = set().union(*map(days_of, given_ranges)) if given_ranges else set()
    assert set().union(*map(days_of, found)) == wanted if found else not wanted
    assert len(few) == min(limit, len(found)) and wanted <= set().union(*map(days_of, few))
    for one in (found, few):
        assert all(before.end < after.start for before, after in itertools.pairwise(one))


@pytest.mark.parametrize("weighed", [256, 3])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(spans, st.integers(1, 5))
def test_scans_hold_what_is_read_of_each_asset_and_no_row_twice(
    tmp_path: Path, weighed: int, read: list[tuple[str, int, int]], limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reads, "_WEIGHED", weighed)
        found = scans_of(write(tmp_path / "spans.parquet", read), limit)
    assert len(found) <= limit
    scanned = [(asset, day) for scan in found for asset in scan.assets or () for day in days_of(scan.within)]
    assert len(scanned) == len(set(scanned))
    # A day beyond, on both sides.
    assert {(asset, day) for asset, first, long in read for day in range(first - 1, first + long + 1)} <= set(scanned)


def test_of_many_assets_no_list_is_made(tmp_path: Path) -> None:
    many = [(f"a{n}", 400 * (n % 2), 1) for n in range(reads.LISTED_ASSETS + 1)]
    assert scans_of(write(tmp_path / "spans.parquet", many)) == (
        Scan(Range(START - DAY, START + 2 * DAY)),
        Scan(Range(START + 399 * DAY, START + 402 * DAY)),
    )


def test_late_samples_of_one_asset_in_two_years_read_the_days_around_them_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "spans.parquet", [("a", 0, 3), ("a", 4000, 3), ("b", 4000, 3), ("c", 0, 4500)])
    assert [(days_of(scan.within), sorted(scan.assets or ())) for scan in scans_of(path)] == [
        (set(range(-1, 4)), ["a"]), (set(range(-1, 4501)), ["c"]), (set(range(3999, 4004)), ["a", "b"]),
    ]  # fmt: skip


def test_beyond_the_limit_those_scans_are_joined_that_add_the_least(tmp_path: Path) -> None:
    path = write(tmp_path / "spans.parquet", [("a", 0, 1), ("a", 10, 1), ("a", 1000, 1), ("b", 1004, 1)])
    assert [(days_of(scan.within), sorted(scan.assets or ())) for scan in scans_of(path, 3)] == [
        (set(range(-1, 12)), ["a"]), (set(range(999, 1002)), ["a"]), (set(range(1003, 1006)), ["b"]),
    ]  # fmt: skip


def test_rows_of_scans_are_selected_once() -> None:
    rows = "SELECT asset_id, TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_hours(h::INTEGER) AS ts FROM range(96) t(h), (VALUES ('a'), ('b')) a(asset_id)"  # fmt: skip  # noqa: E501
    scans = [Scan(Range(START, START + DAY), frozenset("a")), Scan(Range(START + 2 * DAY, START + 3 * DAY))]
    found = duckdb.sql(f"SELECT asset_id, count(*) FROM ({select_scans(rows, 'ts', scans)}) GROUP BY 1 ORDER BY 1")
    assert found.fetchall() == [("a", 48), ("b", 24)]
    assert duckdb.sql(select_scans(rows, "ts", [])).fetchall() == []
