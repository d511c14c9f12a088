"""The command line does what it says and says what it does; exit codes are a contract."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import click
import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from flows.cli.main import main
from tests.support.device_files import minutes, write_signal

COMMANDS = sorted(main.commands)
Wattlake = Callable[..., Result]


@pytest.fixture
def wattlake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wattlake:
    """Runs `wattlake ARGS` in an empty home."""
    monkeypatch.setenv("WATTLAKE_HOME", str(tmp_path / "home"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments)

    return run


@pytest.fixture
def meter_file(tmp_path: Path) -> Path:
    return write_signal(tmp_path / "in", "m1", "com_ap", [(s, i % 5) for i, s in enumerate(minutes("2024-06-01", 8))])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    shown = CliRunner().invoke(main, [command, "--help"])
    assert shown.exit_code == 0
    assert f"Example:\n    wattlake {command}" in shown.output


def test_the_commands_that_users_know_exist() -> None:
    known = {"demo", "land", "sources", "backfill", "replay", "build", "sql", "catalog", "check", "docs", "serve"}
    assert known <= set(COMMANDS)
    assert isinstance(main, click.Group)


def test_landing_again_is_done_not_failed(wattlake: Wattlake, meter_file: Path) -> None:
    first = wattlake("land", "meter", str(meter_file))
    assert first.exit_code == 0
    assert "1 files landed" in first.output
    again = wattlake("land", "meter", str(meter_file))
    assert again.exit_code == 0
    assert "0 files landed, 1 unchanged" in again.output


def test_a_file_that_nobody_knows_is_an_error_with_a_next_step_and_the_others_land(
    wattlake: Wattlake, meter_file: Path
) -> None:
    unknown = meter_file.parent / "unknown.csv"
    unknown.write_text("colour,taste\nred,sweet\n")
    alone = wattlake("land", "meter", str(unknown))
    assert alone.exit_code == 1
    assert "refused" in alone.output and "next:" in alone.output
    both = wattlake("land", "meter", str(meter_file.parent))
    assert both.exit_code == 1
    assert "1 files landed, 0 unchanged, 1 refused" in both.output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("land", "meter", "/no/such/file.csv"), 1, "does not exist"),
        (("land", "toaster", "."), 2, "no source 'toaster'"),
        (("land", "meter", ".", "--max-power-kw", "-5"), 2, "must be a positive number"),
        (("land", "meter", ".", "--asset", ""), 2, "asset must be a name"),
        (("land", "meter", ".", "--timezone", "localtime"), 2, "no time zone"),
        (("land", "meter"), 2, "Missing argument"),
        (("land", "meter", ".", "--timezone", "Europe/Atlantis"), 2, "no time zone"),
        (("land", "meter", ".", "--site-timezone", "Europe"), 2, "no time zone"),
        (("sql", "SELECT 1"), 1, "there is no Wattlake home in"),
        (("check",), 1, "there is no Wattlake home in"),
        (("frobnicate",), 2, "No such command"),
    ],
)
def test_wrong_use_says_what_is_wrong(wattlake: Wattlake, arguments: tuple[str, ...], code: int, message: str) -> None:
    shown = wattlake(*arguments)
    assert shown.exit_code == code
    assert message in shown.output
    assert "Traceback" not in shown.output


def test_a_build_before_anything_landed_is_a_build_of_nothing(wattlake: Wattlake) -> None:
    shown = wattlake("build")
    assert shown.exit_code == 0
    assert "nothing has landed yet" in shown.output


def test_sql_writes_the_same_rows_in_every_format(wattlake: Wattlake, meter_file: Path, tmp_path: Path) -> None:
    wattlake("land", "meter", str(meter_file))
    query = "SELECT signal, count(*) AS n, sum(value) AS total FROM raw.meter_observations GROUP BY ALL"
    expected = {"signal": "com_ap", "n": 8, "total": 13.0}
    assert json.loads(wattlake("sql", query, "--format", "json").output) == [expected]
    row = next(csv.DictReader(io.StringIO(wattlake("sql", query, "--format", "csv").output)))
    assert row == {name: str(value) for name, value in expected.items()}
    target = tmp_path / "rows.parquet"
    wattlake("sql", query, "--format", "parquet", "--output", str(target))
    assert pq.read_table(target).to_pylist() == [expected]
    assert "com_ap" in wattlake("sql", query).output


def test_a_query_that_writes_changes_nothing_in_the_home(wattlake: Wattlake, meter_file: Path, tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "x.csv"
    wattlake("land", "meter", str(meter_file))
    duckdb.connect(str(home / "marts.duckdb")).close()

    def kept() -> dict[str, object]:
        files = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".lock"]
        found: dict[str, object] = {str(p): p.read_bytes() for p in files if not p.name.startswith("catalog.db")}
        # By content: SQLite moves its log into the file whenever the last reader happens to close it.
        with contextlib.closing(sqlite3.connect(f"file:{home}/catalog.db?mode=ro", uri=True)) as catalog:
            found["catalog"] = list(catalog.iterdump())
        return found

    wattlake("sql", "FROM raw.assets")
    before = kept()
    for arguments in (
        (f"ATTACH '{home}/marts.duckdb' AS own; CREATE TABLE own.t AS SELECT 1",),
        (f"COPY (SELECT 1) TO '{home}/marts.duckdb'",),
        (f"SELECT 1) TO '{outside}' (FORMAT csv) --", "--format", "csv"),
        (f"SELECT 1) TO '{outside}' (FORMAT csv); SELECT (2", "--format", "json"),
        (f"FROM enable_logging('QueryLog', storage='file', storage_path='{home}')",),
        ("FROM raw.assets", "--format", "csv", "--output", str(home / "catalog.db")),
        ("SET lock_configuration=false; SET temp_directory='x'; SELECT 1",),
        ("USE marts; INSERT INTO t SELECT 1",),
    ):
        refused = wattlake("sql", *arguments)
        assert refused.exit_code in (1, 2) and "next:" in refused.output, arguments
        assert isinstance(refused.exception, SystemExit)
    assert kept() == before and not outside.exists()


def test_the_catalog_shows_rows_span_and_snapshot(wattlake: Wattlake, meter_file: Path) -> None:
    wattlake("land", "meter", str(meter_file))
    tables = {entry["table"]: entry for entry in json.loads(wattlake("catalog", "--format", "json").output)}
    observed = tables["raw.meter_observations"]
    assert observed["rows"] == 8
    assert observed["first"] == "2024-05-31 22:00:00+00:00"
    assert observed["snapshot_id"]
    assert tables["ops.runs"]["rows"] == 1


def test_a_home_of_real_data_refuses_simulated_files(wattlake: Wattlake, meter_file: Path) -> None:
    wattlake("land", "meter", str(meter_file))
    refused = wattlake("land", "meter", str(meter_file), "--simulated")
    assert refused.exit_code == 1
    assert "holds real assets and cannot take simulated ones" in refused.output
