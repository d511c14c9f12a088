"""`wattlake sql` as people use it: bare names, a file, a pipe, a shell, and hints that fit what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from flows.cli.main import main
from flows.cli.query import session_for
from flows.cli.sql_shell import HISTORY, is_whole, offered, shell
from lakehouse.settings import Settings
from tests.support.device_files import write_signal
from tests.support.house import land_meter

ROWS = "SELECT asset_id, signal, energy_kwh::DECIMAL(9, 3) AS kwh FROM {} WHERE asset_id = 'm1' ORDER BY ALL"
Sql = Callable[..., Result]


@pytest.fixture
def sql(house: Settings, monkeypatch: pytest.MonkeyPatch) -> Sql:
    monkeypatch.setenv("WATTLAKE_HOME", str(house.root))

    def run(*arguments: str, given: str | None = None) -> Result:
        return CliRunner().invoke(main, ["sql", *arguments], input=given)

    return run


def test_a_mart_is_found_with_and_without_its_schema_and_the_query_comes_from_anywhere(
    sql: Sql, tmp_path: Path
) -> None:
    expected = sql(ROWS.format("marts.energy_1d"), "--format", "csv").output
    # 0.5 kWh a quarter from 100 on: the last interval ends with the last sample.
    assert expected.startswith("asset_id,signal,kwh\nm1,pos_ae,47.500\n")
    query = ROWS.format("Energy_1d")
    (tmp_path / "q.sql").write_text(query)
    assert sql(query, "--format", "csv").output == expected
    assert sql("-f", str(tmp_path / "q.sql"), "--format", "csv").output == expected
    assert sql("-", "--format", "csv", given=query).output == expected
    assert sql("--format", "csv", given=query).output == expected
    both = sql("SELECT 1", "-f", str(tmp_path / "q.sql"))
    assert both.exit_code == 2 and "either QUERY or --file" in both.output


def test_a_bare_name_works_beside_raw_and_ops(sql: Sql) -> None:
    joined = sql(
        "SELECT count(*) AS n FROM assets JOIN raw.assets USING (asset_id) WHERE asset_id = 'm1'", "--format", "csv"
    )
    assert joined.output == "n\n1\n"
    assert sql("SELECT count(*) > 0 AS ran FROM ops.runs", "--format", "csv").output == "ran\ntrue\n"


def test_show_tables_lists_what_there_is_and_what_it_is(sql: Sql) -> None:
    shown = sql("show tables;", "--format", "csv").output.splitlines()
    tables = [line.split(",")[0] for line in shown[1:]]
    assert {"marts.energy_1d", "raw.assets", "ops.builds"} <= set(tables)
    assert tables[0].startswith("marts.") and not any("wattlake" in name for name in tables)
    assert any(line.startswith("raw.assets,8,Every asset that has landed") for line in shown)
    assert any(line.startswith("marts.energy_1d,8,Energy by local day") for line in shown)
    described = sql("DESCRIBE energy_1d", "--format", "csv").output
    assert 'energy_kwh,"DECIMAL(38,9)"' in described


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("FROM enery_1d", "next: did you mean marts.energy_1d"),
        ("FROM marts.enery_1d", "next: did you mean marts.energy_1d"),
        ("FROM meter_observations", "next: it is raw.meter_observations"),
        ("FROM runs", "next: it is ops.runs"),
        ("FROM toaster", "next: SHOW TABLES lists the tables"),
        (
            "SELECT enrgy_kwh FROM energy_1d",
            "did you mean energy_kwh? DESCRIBE marts.energy_1d lists its columns",
        ),
        ("SELECT soc_min_pct FROM energy_1d", "next: soc_min_pct is a column of marts.bess_days or marts.bess_kpis;"),
        ("SELECT nofun(1)", "next: nofun is not a function of DuckDB"),
        ("SELCT 1", "next: mend the SQL at the ^"),
        ("SELECT 'x'::INTEGER", "next: mend the query; SHOW TABLES lists the tables"),
    ],
)
def test_a_hint_fits_what_went_wrong(sql: Sql, query: str, says: str) -> None:
    shown = sql(query)
    assert shown.exit_code == 1
    assert says in shown.output


def test_without_marts_the_hint_is_to_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    land_meter(Settings(home=tmp_path / "home"), write_signal(tmp_path, "m1", "com_ap", [("2024-06-01 00:00:00", 1)]))
    monkeypatch.setenv("WATTLAKE_HOME", str(tmp_path / "home"))
    for query in ("FROM energy_1d", "FROM marts.energy_1d"):
        shown = CliRunner().invoke(main, ["sql", query])
        assert "next: nothing is published yet: run `wattlake build`" in shown.output, shown.output


def test_the_shell_answers_goes_on_after_an_error_and_remembers(
    house: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = (
        "SELECT count(*) AS n\rFROM energy_1d\rWHERE asset_id = 'm1';\rFROM nowhere;\rSELECT 6 * 7 AS answer;\r.quit\r"
    )
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text(typed)
        shell(house, "csv")
    shown = capsys.readouterr()
    assert "did you mean" in shown.err or "SHOW TABLES lists" in shown.err
    assert "answer\n42\n" in shown.out
    history = house.root / HISTORY
    assert "FROM energy_1d" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_the_shell_offers_tables_columns_and_keywords_and_waits_for_a_semicolon(house: Settings) -> None:
    with session_for(house, None) as connection:
        words = offered(connection)
    assert {"energy_1d", "marts.energy_1d", "raw.assets", "ops.runs", "energy_kwh", "SELECT"} <= set(words)
    assert is_whole("SELECT 1;") and is_whole(".quit") and is_whole("exit")
    assert not is_whole("SELECT 1") and not is_whole("SELECT 1; SELECT 2")
