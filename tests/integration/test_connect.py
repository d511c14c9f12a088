"""What docs/connect.md shows runs, on a house and a server of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lakehouse.settings import DBT_PROJECT, Settings

from .test_serve_sql import TOKEN, serve

PAGE = (DBT_PROJECT.parent / "docs" / "connect.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
SERVED = "quack:127.0.0.1:9494"


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


@pytest.fixture
def beside(house: Settings, tmp_path: Path) -> Path:
    """A folder in which `.wattlake` is the house, as the page has it."""
    (tmp_path / ".wattlake").symlink_to(house.root)
    return tmp_path


def environment(house: Settings) -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return {**os.environ, "WATTLAKE_HOME": str(house.root), "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize("text", [text for text in blocks("python") if SERVED not in text], ids=lambda text: text[-40:])
def test_what_the_page_shows_in_python_runs(house: Settings, beside: Path, text: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", text], cwd=beside, env=environment(house), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    if "to_excel" in text:
        from python_calamine import CalamineWorkbook

        rows = CalamineWorkbook.from_path(beside / "energy.xlsx").get_sheet_by_index(0).to_python()
        assert rows[0] == ["asset_id", "local_date", "interval_start", "kwh"]
        assert ["m1", 47.5] in [[row[0], row[3]] for row in rows]


def test_what_the_page_shows_of_the_server_runs_in_python_and_in_sql(house: Settings, beside: Path) -> None:
    shown = [text for text in (*blocks("python"), *blocks("sql")) if SERVED in text]
    assert len(shown) == 2
    with serve(house.root) as served:
        for text in shown:
            asked = text.replace(SERVED, served.uri).replace("the token", TOKEN)
            if "import duckdb" not in text:  # as typed into DuckDB's own command line, which downloads the extension
                asked = asked.replace("INSTALL quack; LOAD quack;", "")
                asked = (
                    "import duckdb\nfrom lakehouse.engine import load\nc = duckdb.connect()\n"
                    f"load(c, ('httpfs', 'quack'))\nfor s in c.extract_statements({asked!r}): c.execute(s).fetchall()"
                )
            ran = subprocess.run(
                [sys.executable, "-c", asked], cwd=beside, env=environment(house), capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            assert ran.returncode == 0, ran.stderr


def test_dbt_runs_by_hand_as_the_page_shows_and_publishes_nothing(house: Settings) -> None:
    (text,) = [text for text in blocks("bash") if "dbt-env" in text]
    before = house.marts_path.stat()
    ran = subprocess.run(
        ["bash", "-euc", text], cwd=DBT_PROJECT.parent, env=environment(house), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Completed successfully" in ran.stdout and "energy_1d" in ran.stdout
    after = house.marts_path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not (DBT_PROJECT / "marts.duckdb").exists() and not (DBT_PROJECT / "manifest.json").exists()
    shutil.rmtree(house.root / "dbt")


def test_a_dbt_project_of_ones_own_reads_the_marts(house: Settings, beside: Path) -> None:
    (profile,) = blocks("yaml")
    assert yaml.safe_load(profile)["mine"]["outputs"]["dev"]["type"] == "duckdb"
    (beside / "profiles.yml").write_text(profile)
    (beside / "dbt_project.yml").write_text(
        "name: mine\nversion: '1.0.0'\nconfig-version: 2\nprofile: mine\nmodel-paths: [models]\n"
    )
    (beside / "models").mkdir()
    (beside / "models" / "sources.yml").write_text(
        "sources: [{name: wattlake, database: marts, schema: main, tables: [{name: energy_1d}]}]\n"
    )
    (beside / "models" / "mine.sql").write_text(
        "SELECT sum(energy_kwh) AS kwh FROM {{ source('wattlake', 'energy_1d') }}"
    )
    variables = {**environment(house), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    ran = subprocess.run(
        ["dbt", "build", "--no-use-colors"], cwd=beside, env=variables, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout


def test_every_command_of_the_page_is_one_that_a_shell_can_read() -> None:
    for text in blocks("bash"):
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    assert {kind for kind, _ in BLOCKS} <= {"python", "bash", "sql", "yaml"}
