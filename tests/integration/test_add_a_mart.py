"""What an analyst adds to the dbt project: a mart of five lines, its description, a change of it, and one that fails.

Real commands in a checkout of its own, and one home that all tests build in, one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lakehouse.catalog import MARTS, open_catalog
from lakehouse.settings import Settings
from tests.support.checkout import Checkout, checkout
from tests.support.device_files import minutes, write_signal

SQL = """select asset_id, date_trunc('month', ts) as month, count(*) as n, max(value) as peak
from {{ ref('stg_shared__observations') }}
group by all
"""
YAML = """version: 2

models:
  - name: monthly_peak
    description: "%s"
    config:
      meta: {key: [asset_id, month], time: month, ranges: {peak: [0, %d]}}
"""
BROKEN = "select asset_id, no_such_column from {{ ref('monthly_peak') }}\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A home with two meters, built before the mart is added."""
    with checkout(tmp_path_factory.mktemp("analyst")) as made:
        land(made, "m1", [(at, 5) for at in minutes("2024-05-31", 8)])
        land(made, "m2", [(at, 7) for at in minutes("2024-06-01", 8)])
        made.run("build")
        write(made, "monthly_peak.sql", SQL)
        write(made, "_analyst.yml", YAML % ("Highest value of a month.", 100))
        yield made


def land(project: Checkout, asset: str, samples: list[tuple[str, float]]) -> None:
    path = write_signal(project.home.parent / "in", asset, "com_ap", samples)
    project.run("land", "meter", str(path))


def write(project: Checkout, name: str, text: str) -> None:
    path = project.path / "dbt" / "models" / "marts" / "analyst" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def asked(project: Checkout, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(project.run("sql", sql, "--format", "json"))
    return found


def peaks(project: Checkout) -> list[tuple[str, str, int, float]]:
    rows = asked(project, "SELECT asset_id, month::DATE AS month, n, peak FROM monthly_peak ORDER BY ALL")
    return [(row["asset_id"], str(row["month"])[:10], row["n"], row["peak"]) for row in rows]


def snapshots(project: Checkout) -> dict[str, int | None]:
    """The snapshot of each Iceberg mart."""
    catalog = open_catalog(Settings(home=project.home))
    tables = {name: catalog.load_table((MARTS, name)) for _, name in catalog.list_tables(MARTS)}
    return {name: table.metadata.current_snapshot_id for name, table in tables.items()}


def test_a_mart_of_five_lines_is_right_through_late_and_corrected_rows(project: Checkout) -> None:
    before = snapshots(project)
    project.run("build")
    # 2024-05-31 of a meter in the Netherlands begins at 22:00 on the 30th.
    assert peaks(project) == [("m1", "2024-05-01", 8, 5.0), ("m2", "2024-05-01", 8, 7.0)]
    after = snapshots(project)
    assert {name for name, snapshot in after.items() if snapshot != before.get(name)} == {"monthly_peak"}

    land(project, "m1", [("2024-05-31 00:15:00", 50), ("2024-07-02 00:00:00", 3)])  # corrected; late
    project.run("build")
    assert peaks(project) == [
        ("m1", "2024-05-01", 8, 50.0), ("m1", "2024-07-01", 1, 3.0), ("m2", "2024-05-01", 8, 7.0),
    ]  # fmt: skip
    rows = peaks(project)
    project.run("build", "--full-refresh")
    assert peaks(project) == rows


def test_a_changed_description_is_published_and_makes_no_row_again(project: Checkout) -> None:
    before, builds = snapshots(project), "SELECT count(*) AS n FROM ops.builds"
    counted = asked(project, builds)
    write(project, "_analyst.yml", YAML % ("The peak of a month.", 100))
    write(project, "monthly_peak.sql", f"-- A comment.\n{SQL}")
    assert "no row has changed" in project.run("build")
    commented = "SELECT comment FROM duckdb_tables() WHERE table_name = 'monthly_peak'"
    assert asked(project, commented) == [{"comment": "The peak of a month."}]
    assert snapshots(project) == before and asked(project, builds) == counted
    assert "nothing has changed" in project.run("build")


def test_a_mart_that_fails_is_kept_back_and_the_others_are_published(project: Checkout) -> None:
    good = peaks(project)
    write(project, "_analyst.yml", YAML % ("The peak of a month.", 60))
    write(project, "broken.sql", BROKEN)
    land(project, "m1", [("2024-07-02 00:15:00", 61)])
    said = project.run("build", expect=1)
    assert "monthly_peak is kept back" in said and "peak=61" in said
    assert "broken is kept back" in said
    assert peaks(project) == good
    newest = asked(project, "SELECT sum(n)::BIGINT AS n FROM lod_1d WHERE asset_id = 'm1'")
    assert newest == [{"n": 10}]
    states = {row["mart"]: row for row in asked(project, "FROM wattlake_marts")}
    assert states["monthly_peak"]["build_id"] not in (None, states["lod_1d"]["build_id"])
    assert states["broken"]["build_id"] is None and states["lod_1d"]["kept_back"] is None
    assert "monthly_peak is kept back" in project.run("build")

    # Mended, and tried again without any landing.
    (project.path / "dbt" / "models" / "marts" / "analyst" / "broken.sql").unlink()
    write(project, "_analyst.yml", YAML % ("The peak of a month.", 100))
    project.run("build")
    assert ("m1", "2024-07-01", 2, 61.0) in peaks(project)
    assert asked(project, "SELECT 1 FROM wattlake_marts WHERE kept_back IS NOT NULL OR digest IS NULL") == []
