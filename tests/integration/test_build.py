"""Promises of build and publish, proved with real builds."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from ingest.registry import registry
from lakehouse import ops
from lakehouse.catalog import open_catalog
from lakehouse.errors import ChecksFailed, TerminalError
from lakehouse.marts.audit import workspace
from lakehouse.marts.publish import BUILD
from lakehouse.marts.published import published
from lakehouse.ops import Ops
from lakehouse.reader import open_session
from lakehouse.settings import Settings
from tests.support.device_files import minutes, write_signal
from tests.support.house import build, build_house, check, land_meter, rows

#: What takes a second or more to import. A build of nothing and a query of marts do without.
HEAVY = {"great_expectations", "dbt", "prefect", "pyiceberg", "pandas"}
NOTHING = """
import sys
from ingest.registry import registry
from lakehouse.marts.build import build
from lakehouse.settings import Settings
report = build(Settings(), registry().contracts)
print(report.mode, sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_a_build_of_nothing_imports_nothing_heavy(house: Settings) -> None:
    environment = {**os.environ, "WATTLAKE_HOME": str(house.root)}
    finished = subprocess.run(
        [sys.executable, "-c", NOTHING], env=environment, capture_output=True, text=True, check=True
    )
    mode, _, imported = finished.stdout.partition(" ")
    assert mode == "nothing"
    assert HEAVY & set(ast.literal_eval(imported)) == set()


def test_a_query_of_marts_imports_nothing_heavy(house: Settings) -> None:
    code = (
        "import sys; from flows.cli.main import main; "
        "main(['sql', 'SELECT count(*) FROM marts.assets'], standalone_mode=False); "
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    environment = {**os.environ, "WATTLAKE_HOME": str(house.root)}
    finished = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    imported = set(ast.literal_eval(finished.stdout.splitlines()[-1]))
    assert (HEAVY | {"sqlalchemy", "pyarrow"}) & imported == set()


@pytest.mark.parametrize("builds", [2, pytest.param(10, marks=pytest.mark.nightly)])
def test_readers_hold_the_file_open_through_builds_and_iceberg_follows_each(
    house: Settings, tmp_path: Path, builds: int
) -> None:
    reader = duckdb.connect(str(house.marts_path), read_only=True)
    before = reader.execute("SELECT count(*), sum(n) FROM lod_1d").fetchall()
    asset = f"through_{builds}"
    heard: list[tuple[int, int, str]] = []
    for day in range(2, 2 + builds):
        stamps = minutes(f"2024-06-{day:02d}", 4)
        land_meter(house, write_signal(tmp_path / str(day), asset, "com_ap", [(s, day) for s in stamps]))
        heard.clear()
        assert build(house, watch=lambda *told: heard.append(told)).mode == "incremental"
        total = heard[0][1]
        assert sorted({done for done, of, _ in heard if of == total}) == list(range(total + 1))
        assert "lod_1d" in {name for *_, name in heard}
        assert reader.execute("SELECT count(*), sum(n) FROM lod_1d").fetchall() == before
        assert rows(house, f"SELECT sum(n) FROM lod_1d WHERE asset_id = '{asset}'") == [(4 * (day - 1),)]
    reader.close()
    catalog = open_catalog(house)
    now = published(house)
    assert now is not None
    for mart in ("lod_5min", "lod_1d"):
        table = catalog.load_table(("marts", mart))
        snapshot = table.current_snapshot()
        assert snapshot is not None and snapshot.summary is not None
        assert snapshot.summary.additional_properties[BUILD] == now.build_id
        assert [(table.scan().to_arrow().num_rows,)] == rows(house, f"SELECT count(*) FROM {mart}")
        docs = {field.name: field.doc for field in table.schema().fields}
        commented = rows(house, f"SELECT column_name, comment FROM duckdb_columns() WHERE table_name = '{mart}'")
        assert dict(commented) == docs and None not in docs.values()


def test_iceberg_findings_follow_in_months_that_did_not_change(house: Settings, tmp_path: Path) -> None:
    days = [(f"{day} 12:00:00", 1) for day in ("2024-01-10", "2024-06-10")]
    land_meter(house, write_signal(tmp_path / "a", "sparse", "com_ap", days))
    build(house)
    land_meter(house, write_signal(tmp_path / "b", "sparse", "com_ap", [("2024-04-10 12:00:00", 1)]))
    assert build(house).mode == "incremental"
    columns = ["interval_start", "interval_end"]
    of_gaps = "asset_id == 'sparse' and rule == 'missing_days'"
    table = open_catalog(house).load_table(("marts", "quality_findings"))
    followed = table.scan(row_filter=of_gaps, selected_fields=tuple(columns)).to_arrow().to_pylist()
    published_rows = rows(
        house,
        "SELECT interval_start, interval_end FROM quality_findings "
        "WHERE asset_id = 'sparse' AND rule = 'missing_days' ORDER BY ALL",
    )
    assert len(published_rows) == 2  # of January to April, and of April to June
    assert sorted(tuple(row[column] for column in columns) for row in followed) == published_rows


def test_a_failing_check_leaves_the_last_good_marts_and_shows_the_rows(tmp_path: Path) -> None:
    house = build_house(tmp_path / "home", tmp_path / "in")
    good = published(house)
    table = open_catalog(house).load_table(("raw", "meter_observations"))
    doubled = table.scan().to_arrow().slice(0, 2)
    # Rows past the writer: the same keys a second time, said to be touched.
    snapshot = table.current_snapshot()
    assert snapshot is not None and snapshot.summary is not None
    touched = snapshot.summary.additional_properties["wattlake.touched"]
    table.append(doubled, snapshot_properties={"wattlake.touched": touched})
    with pytest.raises(ChecksFailed) as failed:
        build(house)
    assert "m1" in str(failed.value) and "last good marts stay published" in str(failed.value)
    assert published(house) == good
    statuses = Ops(house).query(sa.select(ops.BUILDS.c.status).order_by(ops.BUILDS.c.started_at))
    assert [status for (status,) in statuses] == ["done", "failed"]
    assert not (house.root / "tmp" / "build").exists()


def test_the_next_build_mends_a_crash_between_the_rename_and_the_iceberg_marts(house: Settings) -> None:
    catalog = open_catalog(house)
    catalog.drop_table(("marts", "lod_1d"))
    with Ops(house).engine.begin() as connection:
        connection.execute(ops.BUILDS.update().values(status="published"))
    now = published(house)
    build(house)
    assert published(house) == now
    assert catalog.load_table(("marts", "lod_1d")).scan().to_arrow().num_rows > 0


def test_a_check_of_sound_marts_passes_and_is_recorded(house: Settings) -> None:
    results = check(house)
    assert {result.engine for result in results} == {"dbt", "gx"}
    assert not [result for result in results if result.blocks]
    recorded = Ops(house).query(sa.select(sa.func.count()).select_from(ops.CHECKS))
    assert recorded[0][0] >= len(results)


def test_dbt_finds_the_age_of_a_source_and_holds_it_against_the_contract(house: Settings) -> None:
    with workspace(house, registry().contracts, "freshness") as work:
        with pytest.raises(TerminalError, match=r"ERROR STALE freshness of raw\.meter_observations"):
            work.dbt(["source", "freshness", "--select", "source:raw.meter_observations"])
        (found,) = json.loads((work.folder / "target" / "sources.json").read_text())["results"]
    # Tests that share the house land days of their own.
    observed = open_catalog(house).load_table(("raw", "meter_observations")).scan(selected_fields=("ts",)).to_arrow()
    assert datetime.fromisoformat(found["max_loaded_at"]) == max(observed["ts"].to_pylist())
    assert found["criteria"]["error_after"] == {"count": 2880, "period": "minute"}


def test_sql_reads_raw_marts_and_ops_side_by_side(house: Settings) -> None:
    session = open_session(house, registry().contracts)
    try:
        found = session.execute(
            """
            SELECT (SELECT count(*) FROM raw.meter_observations WHERE asset_id = 'm1'),
                (SELECT sum(n) FROM marts.lod_1d WHERE asset_id = 'm1'),
                (SELECT sum(rows_new) FROM ops.slices WHERE file LIKE '%/m1/%'),
                (SELECT max(status) FROM ops.runs WHERE kind = 'land')
            """
        ).fetchall()
    finally:
        session.close()
    assert found == [(192, 192, 192, "done")]


def test_a_changed_declaration_rebuilds_the_assets_whole_history(house: Settings, tmp_path: Path) -> None:
    def local_days() -> list[tuple[object, ...]]:
        return rows(house, "SELECT local_date::VARCHAR, n FROM lod_1d WHERE asset_id = 'm20' ORDER BY 1")

    stamps = minutes("2024-06-01", 96)
    land_meter(house, write_signal(tmp_path / "in", "m20", "com_ap", [(stamp, 1) for stamp in stamps]))
    build(house)
    assert local_days() == [("2024-06-01", 96)]
    late = write_signal(tmp_path / "late", "m20", "com_ap", [("2024-06-01 12:00:00", 1)])
    land_meter(house, late, site_timezone="Asia/Tokyo")
    build(house)
    assert local_days() == [("2024-06-01", 68), ("2024-06-02", 28)]
