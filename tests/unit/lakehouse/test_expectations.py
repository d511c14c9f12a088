"""Great Expectations finds what breaks a mart's declaration, and tells a fault of its own apart from bad data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from lakehouse.check_result import CheckResult
from lakehouse.marts.dbt_models import Mart
from lakehouse.marts.expectations import expect
from lakehouse.marts.reads import Range
from lakehouse.settings import Settings


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CheckResult]:
    """Checks of a file in which `sound` keeps its declaration, `broken` does not, and `absent` is missing."""
    path: Path = tmp_path_factory.mktemp("quality") / "marts.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute("CREATE TABLE sound AS SELECT 'a' AS asset_id, 1 AS day, 7 AS hour, 0.5 AS coverage")
    values = "('a', 1, 7, 0.5), ('a', 1, 7, 0.5), (NULL, 2, NULL, 1.5::DOUBLE)"
    connection.execute(f"CREATE TABLE broken AS SELECT * FROM (VALUES {values}) t(asset_id, day, hour, coverage)")
    connection.execute("CREATE TABLE misdeclared AS SELECT 'a' AS asset_id")
    connection.close()
    declared = {"key": ["asset_id", "day"], "further_keys": [["asset_id", "hour"]], "ranges": {"coverage": [0, 1]}}
    marts = [
        Mart.from_json({"name": name, "description": "", "time": None, **declared})
        for name in ("sound", "broken", "absent")
    ]
    misdeclared = Mart("misdeclared", "", ("asset_id",), None, {"nowhere": (0, 1)})
    return {
        result.name: result
        for result in expect(Settings(home=path.parent), path, [*marts, misdeclared], path.with_suffix(".json"))
    }


def test_a_sound_mart_passes_every_check(results: dict[str, CheckResult]) -> None:
    assert {r.status for name, r in results.items() if name.startswith("sound")} == {"pass"}


def test_a_check_is_about_its_mart(results: dict[str, CheckResult]) -> None:
    assert {(name.partition(":")[0], *result.models) for name, result in results.items()} == {
        (mart, mart) for mart in ("sound", "broken", "absent", "misdeclared")
    }


def test_of_a_mart_over_time_the_rows_of_changed_assets_and_those_without_one_are_checked(tmp_path: Path) -> None:
    home, path = Settings(home=tmp_path), tmp_path / "marts.duckdb"
    with duckdb.connect(str(path)) as connection:
        values = "('a', 1, 2.0), ('b', 1, 3.0), ('b', 1, 3.0), (NULL, 1, 4.0)"
        connection.execute(f"CREATE TABLE days AS SELECT * FROM (VALUES {values}) t(asset_id, day, coverage)")
    mart = Mart("days", "", ("asset_id", "day"), "day", {"coverage": (0, 1)})

    def failing(assets: tuple[str, ...]) -> list[int]:
        return [result.rows_failed for result in expect(home, path, [mart], path.with_suffix(".json"), assets)]

    # Keys that are not unique or have a NULL, values out of range.
    assert failing(("a",)) == [1, 2]
    assert failing(("b",)) == [2, 3]


def test_of_a_mart_that_is_not_of_assets_the_rows_of_the_changed_range_are_checked(tmp_path: Path) -> None:
    home, path = Settings(home=tmp_path), tmp_path / "marts.duckdb"
    stamps = ("2026-01-01", "2026-01-01", "2026-01-05", "2026-01-05")
    with duckdb.connect(str(path)) as connection:
        values = ", ".join(f"('N1', TIMESTAMPTZ '{stamp} 00:00:00+00')" for stamp in stamps)
        connection.execute(f"CREATE TABLE prices AS SELECT * FROM (VALUES {values}, ('N1', NULL)) t(location, starts)")
    mart = Mart("prices", "", ("location", "starts"), "starts", {})

    def failing(*days: int) -> list[int]:
        within = [Range(datetime(2026, 1, day, tzinfo=UTC), datetime(2026, 1, day + 1, tzinfo=UTC)) for day in days]
        return [
            r.rows_failed for r in expect(home, path, [mart], path.with_suffix(".json"), [], within if days else None)
        ]

    assert failing(5) == [2]
    assert failing(2, 4) == [1]
    assert failing(1, 3, 5) == failing() == [3]


@pytest.mark.parametrize(
    ("check", "rows"),
    [
        (
            "key (asset_id, day) is unique and has no NULL",
            [
                {"asset_id": "a", "day": 1, "found": 2, "expected": 1},
                {"asset_id": None, "day": 2, "found": 1, "expected": 0},
            ],
        ),
        (
            "key (asset_id, hour) is unique and has no NULL",
            [
                {"asset_id": "a", "hour": 7, "found": 2, "expected": 1},
                {"asset_id": None, "hour": None, "found": 1, "expected": 0},
            ],
        ),
        ("coverage lies in [0, 1]", [{"asset_id": None, "day": 2, "hour": None, "coverage": 1.5}]),
    ],
)
def test_a_broken_declaration_fails_with_its_rows(
    results: dict[str, CheckResult], check: str, rows: list[dict[str, object]]
) -> None:
    found = results[f"broken: {check}"]
    assert (found.status, found.rows_failed, found.blocks) == ("fail", len(rows), True)
    assert sorted(found.sample, key=str, reverse=True) == sorted(rows, key=str, reverse=True)


def test_a_check_that_cannot_run_is_an_error_and_blocks(results: dict[str, CheckResult]) -> None:
    for name in ("absent: can be read", "misdeclared: nowhere lies in [0, 1]"):
        assert results[name].status == "error"
        assert results[name].blocks
        assert results[name].message
