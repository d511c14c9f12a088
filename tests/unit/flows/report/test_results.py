"""A query's rows in every format: numbers keep their digits, text stays text, what a format cannot hold is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from python_calamine import CalamineWorkbook

from flows.report import results
from flows.report.results import chosen, show, write
from lakehouse.errors import TerminalError, WrongUsage


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone='UTC'")
        yield opened


def sheet(path: Path) -> list[list[object]]:
    workbook = CalamineWorkbook.from_path(path)
    assert workbook.sheet_names == ["wattlake"]
    return workbook.get_sheet_by_index(0).to_python()


def test_a_workbook_holds_numbers_dates_and_text_as_what_they_are(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    target = tmp_path / "rows.xlsx"
    query = """
        SELECT 12.34::DECIMAL(18, 2) AS total_usd, 7.816000000::DECIMAL(38, 9) AS energy_kwh,
            TIMESTAMPTZ '2024-06-01 00:15:00+00' AS interval_start, DATE '2024-02-03' AS local_date,
            12345678901234567 AS id, 42 AS n, '=1+1' AS formula, '007' AS code, true AS is_simulated,
            'nan'::DOUBLE AS odd, DATE '1850-01-01' AS old, NULL AS missing
    """
    write(connection.sql(query), "xlsx", target, "UTC")
    header, row = sheet(target)
    assert header[2] == "interval_start (UTC)"
    assert header[:2] == ["total_usd", "energy_kwh"]
    assert row[:6] == [
        12.34,
        7.816,
        datetime.fromisoformat("2024-06-01 00:15"),
        date(2024, 2, 3),
        "12345678901234567",
        42,
    ]
    assert row[6:] == ["=1+1", "007", True, "nan", "1850-01-01", ""]


def test_a_workbook_names_the_zone_of_its_instants(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    connection.execute("SET TimeZone='Europe/Berlin'")
    target = tmp_path / "rows.xlsx"
    write(connection.sql("SELECT TIMESTAMPTZ '2024-06-01 00:15:00+00' AS t"), "xlsx", target, "Europe/Berlin")
    assert sheet(target) == [["t (Europe/Berlin)"], [datetime.fromisoformat("2024-06-01 02:15")]]


def test_a_sheet_that_cannot_hold_the_rows_is_refused_and_nothing_is_written(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert results.SHEET_ROWS == 1_048_576
    monkeypatch.setattr(results, "SHEET_ROWS", 4)
    target = tmp_path / "rows.xlsx"
    write(connection.sql("FROM range(3)"), "xlsx", target, "UTC")
    assert len(sheet(target)) == 4
    target.unlink()
    with pytest.raises(TerminalError, match="more than 3 rows"):
        write(connection.sql("FROM range(4)"), "xlsx", target, "UTC")
    with pytest.raises(TerminalError, match="40,000 characters"):
        write(connection.sql("SELECT repeat('x', 40000)"), "xlsx", target, "UTC")
    assert not target.exists()


def test_markdown_stays_a_table_whatever_the_text(
    connection: duckdb.DuckDBPyConnection, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    write(connection.sql("SELECT 'a|b' AS text, 'c\nd' AS lines, 1.50::DECIMAL(5, 2) AS n"), "markdown", None, "UTC")
    shown = capfdbinary.readouterr().out.decode()
    assert shown.splitlines() == ["| text | lines | n |", "|---|---|---:|", "| a\\|b | c<br>d | 1.50 |"]


def test_caveats_are_a_list_in_json_and_text_elsewhere(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    query = "SELECT * FROM (VALUES (1, 'ruc, sasm'), (2, ''), (3, NULL)) t(n, caveats)"
    target = tmp_path / "rows.json"
    write(connection.sql(query), "json", target, "UTC")
    assert [row["caveats"] for row in json.loads(target.read_text())] == [["ruc", "sasm"], [], None]
    write(connection.sql(query), "csv", tmp_path / "rows.csv", "UTC")
    assert '1,"ruc, sasm"' in (tmp_path / "rows.csv").read_text()


def test_a_table_shows_dollars_to_the_cent_and_says_so_and_every_other_number_whole(
    connection: duckdb.DuckDBPyConnection, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    query = """
        SELECT 52547.291367133830000::DECIMAL(38, 15) AS total_usd, 31.8349::DECIMAL(18, 4) AS lmp_usd_mwh,
            0.1 + 0.2::DOUBLE AS x, TIMESTAMPTZ '2024-06-01 00:15:00+00' AS at, NULL AS missing, true AS ok
    """
    show(connection.sql(query))
    lines = capsys.readouterr().out.splitlines()
    values = ["52547.29", "31.8349", "0.30000000000000004", "2024-06-01", "00:15:00+00", "NULL", "true"]
    assert lines[2].split() == values
    assert lines[-1] == "dollars are shown to the cent; --format csv writes all digits"


def test_a_narrow_table_leaves_out_columns_from_the_right_ends_of_intervals_first(
    connection: duckdb.DuckDBPyConnection, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    query = "SELECT 'site/m1' AS asset_id, DATE '2024-06-01' AS x_start, DATE '2024-06-02' AS x_end, 12.5 AS a, 1 AS b"
    show(connection.sql(query))
    assert capsys.readouterr().out.splitlines()[0].split() == ["asset_id", "x_start", "a", "b"]
    monkeypatch.setenv("COLUMNS", "27")
    show(connection.sql(query))
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split() == ["asset_id", "x_start", "a"]
    assert "left out at 27 characters: x_end, b; --format csv, json or xlsx, or a wider terminal" in shown


def test_a_table_says_that_there_are_more_rows(
    connection: duckdb.DuckDBPyConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    show(connection.sql(f"FROM range({results.TABLE_ROWS + 1})"))
    assert capsys.readouterr().out.endswith("the first 1,000 rows; --format csv writes all of them\n")


def test_the_end_of_an_outputs_name_says_its_format_and_no_binary_goes_to_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert chosen(None, None) == "table"
    named = {"a.csv": "csv", "a.txt": "csv", "a.JSON": "json", "a.md": "markdown", "a.parquet": "parquet"}
    assert {name: chosen(None, Path(name)) for name in named} == named
    assert chosen("csv", Path("a.xlsx")) == "csv"
    assert chosen("parquet", None) == "parquet"  # into a pipe
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for style in results.BINARY:
        with pytest.raises(WrongUsage, match="standard output is a terminal"):
            chosen(style, None)
        assert chosen(style, Path("x")) == style


def test_money_is_rounded_half_to_even_from_all_its_digits() -> None:
    assert results._cents(Decimal("0.125")) == Decimal("0.12")
    assert results._cents(Decimal("-1548.254999999999999")) == Decimal("-1548.25")
    assert results._cents(None) is None
