"""A build with nothing to do ends before its libraries are imported, and only where there is nothing to do."""

from __future__ import annotations

import ast
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lakehouse.marts import unchanged
from lakehouse.marts.unchanged import is_current
from lakehouse.settings import Settings
from lakehouse.uris import sqlite_path
from tests.support.device_files import minutes, write_signal
from tests.support.house import build, land_meter

HEAVY = {"great_expectations", "dbt", "prefect", "pyiceberg", "pandas", "sqlalchemy", "pyarrow", "numpy", "pydantic"}
RUN = "INSERT INTO runs (id, started_at, status, kind, attempt) VALUES ('r1', '2024-01-01', '{}', '{}', 1)"
SLICE = """
INSERT INTO slices
    (id, started_at, status, run_id, source, table_name, sha256, sequence, assets, request, rows_new, rows_replaced)
VALUES ('s1', '2024-01-01', 'done', 'r1', 'meter', '{}', 'x', 0, '[]', '{{}}', 1, 0)
"""


@contextmanager
def after(settings: Settings, statement: str) -> Iterator[None]:
    """The catalog after a statement, and as it was again at the end."""
    with closing(sqlite3.connect(sqlite_path(settings.catalog_uri))) as catalog, closing(sqlite3.connect("")) as kept:
        catalog.backup(kept)
        with catalog:
            catalog.execute(statement)
        try:
            yield
        finally:
            kept.backup(catalog)


def test_the_command_imports_nothing_heavy_and_says_so(house: Settings) -> None:
    build(house)
    code = (
        "import sys; from flows.cli.main import main; main(['build'], standalone_mode=False); "
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    environment = {**os.environ, "WATTLAKE_HOME": str(house.root)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    says, imported = done.stdout.splitlines()
    assert says == "nothing has changed since the published build"
    assert HEAVY & set(ast.literal_eval(imported)) == set()


def test_landed_rows_are_something_to_build(house: Settings, tmp_path: Path) -> None:
    build(house)
    assert is_current(house)
    path = write_signal(tmp_path / "in", "of_nothing", "com_ap", [(s, 1) for s in minutes("2024-06-01", 4)])
    land_meter(house, path)
    assert not is_current(house)
    build(house)
    assert is_current(house)
    land_meter(house, path)  # the same bytes
    assert is_current(house)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            "UPDATE builds SET status = 'published'", id="the Iceberg copies of the last build are unfinished"
        ),
        pytest.param("DELETE FROM builds", id="the last build is not recorded"),
        pytest.param(RUN.format("running", "build"), id="a build runs or was killed"),
        pytest.param(RUN.format("interrupted", "build"), id="a build was interrupted"),
        pytest.param("DELETE FROM iceberg_tables WHERE table_name = 'lod_1d'", id="a mart's Iceberg table is lost"),
        pytest.param("DELETE FROM iceberg_tables WHERE table_name = 'signals'", id="a raw table is lost"),
        pytest.param(SLICE.format("lost_table"), id="rows landed in a table that is not there"),
        pytest.param(
            "UPDATE iceberg_tables SET metadata_location = '/elsewhere/a.metadata.json' WHERE table_name = 'assets'",
            id="a table lies elsewhere",
        ),
        pytest.param(
            "UPDATE iceberg_tables SET metadata_location = previous_metadata_location "
            "WHERE table_name = 'meter_observations'",
            id="a table is at another snapshot",
        ),
    ],
)
def test_whatever_is_left_to_do_or_to_say_is_for_the_build(house: Settings, statement: str) -> None:
    build(house)
    with after(house, statement):
        assert not is_current(house)
    assert is_current(house)


def test_a_run_of_another_kind_is_none_of_a_build(house: Settings) -> None:
    build(house)
    with after(house, RUN.format("running", "land")):
        assert is_current(house)


def test_another_dbt_project_is_for_the_build(house: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    build(house)
    monkeypatch.setattr(unchanged, "project_digest", lambda: "another")
    assert not is_current(house)


def test_no_published_marts_are_not_current(tmp_path: Path) -> None:
    assert not is_current(Settings(home=tmp_path / "home"))
