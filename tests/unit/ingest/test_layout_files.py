"""Layout files: every key is checked, users' come first, and no file is read by guesswork."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ingest.layouts.engine.layout import SHIPPED, load_layout
from lakehouse.errors import TerminalError, UnreadableFile
from tests.support.parsing import parse, refused, rows, stamps, values, write_layout

SHIPPED_FILES = sorted(SHIPPED.glob("*/*.toml"))


@pytest.mark.parametrize("path", SHIPPED_FILES, ids=lambda path: path.stem)
def test_a_shipped_layout_is_valid_and_named_after_its_file(path: Path) -> None:
    layout = load_layout(path)
    assert (layout.name, layout.domain) == (path.stem, path.parent.name)
    assert layout.description


@pytest.mark.parametrize("path", SHIPPED_FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("table", ["", "recognise", "dialect", "stamps", "shape", "asset", "signal"])
def test_an_unknown_key_anywhere_is_refused_by_name(path: Path, table: str, tmp_path: Path) -> None:
    text = path.read_text()
    heading = {"": "", "signal": "[[signal]]"}.get(table, f"[{table}]")
    if heading not in text:
        text += f"\n{heading}\n"
    wrong = tmp_path / path.name
    wrong.write_text(text.replace(heading, f"{heading}\nfrobnicate = 1\n", 1))
    with pytest.raises(TerminalError, match="frobnicate") as error:
        load_layout(wrong)
    assert path.name in error.value.message and error.value.next_step


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('kind = "instant"', 'kind = "average"', "unknown kind"),
        ('kind = "instant"', 'kind = "interval_mean"', "interval_s"),
        ('name = "power"', 'match = "pow("', "regular expression"),
        ('name = "power"', "", "either name or match"),
        ('columns = ["when"]', 'columns = ["when"]\nformat = "%Q"', "stamp format"),
        ('unit = "kW"', 'unit = "kW"\nfactor = 0.001', "as text"),
        ('kind = "instant"', 'kind = "instant"\nrollover_at = 100000', "rollover_at goes with kind = 'counter'"),
        ('kind = "instant"', 'kind = "counter"\nrollover_at = 0', "above 0"),
        ('kind = "instant"', 'kind = "counter"\nrollover_at = "0.0000001"', "six decimals"),
        ('kind = "instant"', 'kind = "instant"\nmax_gap_s = inf', "less than or equal"),
        ('header = ["when", "power"]', "", "at least one of"),
        ("[[signal]]", "[[signal", "mend"),
    ],
)
def test_a_layout_that_makes_no_sense_says_why(old: str, new: str, says: str, tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "layouts")
    path = folder / "own.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(TerminalError, match=r"own\.toml") as error:
        load_layout(path)
    assert says in str(error.value)


def test_a_user_adds_a_layout_without_touching_code(tmp_path: Path) -> None:
    text = "when;power\n01.02.2024 00:00;1,5\n29.02.2024 12:00;-2,25\n"
    with pytest.raises(UnreadableFile, match="no known meter file"):
        parse(text)
    parsed = parse(text, dirs=[write_layout(tmp_path / "mine")])
    assert (parsed.layout, values(parsed)) == ("own", [1.5, -2.25])
    assert stamps(parsed) == ["2024-01-31 23:00:00", "2024-02-29 11:00:00"]


def test_the_width_of_a_register_is_declared_with_the_signal(tmp_path: Path) -> None:
    path = write_layout(tmp_path / "mine") / "own.toml"
    path.write_text(path.read_text().replace('kind = "instant"', 'kind = "counter"\nrollover_at = 100000'))
    parsed = parse("when;power\n01.02.2024 00:00;99999,6\n01.02.2024 00:15;0,1\n", dirs=[path.parent])
    assert parsed.tables["signals"]["rollover_at"].to_pylist() == [Decimal("100000.000000")]


def test_a_users_layout_comes_before_a_shipped_one(tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "mine")
    path = folder / "own.toml"
    path.write_text(path.read_text().replace('["when", "power"]', '["ts", "com_ap"]').replace("when", "ts"))
    path.write_text(path.read_text().replace('name = "power"', 'name = "com_ap"').replace('"kW"', '"W"'))
    parsed = parse("ts,com_ap\n2024-06-01 00:00:00,7\n", dirs=[folder])
    assert parsed.layout == "own" and parsed.tables["signals"]["unit"][0].as_py() == "W"


def test_two_layouts_that_fit_are_an_error_that_names_both(tmp_path: Path) -> None:
    write_layout(tmp_path / "mine", "first")
    folder = write_layout(tmp_path / "mine", "second")
    text = "when,power\n2024-06-01 00:00:00,7\n"
    with pytest.raises(UnreadableFile, match="first and second") as error:
        parse(text, dirs=[folder])
    assert "--layout" in error.value.next_step
    assert parse(text, dirs=[folder], layout="second").layout == "second"


def test_asking_for_a_layout_that_does_not_exist_lists_those_that_do() -> None:
    with pytest.raises(TerminalError, match="nonsense") as error:
        parse("ts,com_ap\n2024-06-01 00:00:00,7\n", layout="nonsense")
    assert "lastgang" in error.value.next_step


def test_asking_for_a_layout_whose_columns_are_absent_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="lastgang"):
        parse("ts,com_ap\n2024-06-01 00:00:00,7\n", layout="lastgang")


def test_an_undeclared_column_is_refused_once_and_the_rest_lands() -> None:
    parsed = parse("ts,com_ap,mystery\n2024-06-01 00:00:00,7,1\n2024-06-01 00:01:00,8,2\n")
    assert values(parsed) == [7.0, 8.0]
    assert [(line, field) for line, field, _ in refused(parsed)] == [(1, "mystery")]
    assert parsed.rows_read == 3


def test_a_file_of_only_undeclared_columns_is_reported_and_not_guessed() -> None:
    with pytest.raises(UnreadableFile, match="mystery") as error:
        parse("ts,mystery\n2024-06-01 00:00:00,7\n")
    assert "layout" in error.value.next_step


def test_a_unit_in_the_header_that_is_not_the_declared_one_is_refused() -> None:
    header = "Datum,Zeit,Wirkleistung [kW],Wirkleistung [MW]\n"
    parsed = parse(header + "31/1/2024,0:15:00,64,1\n")
    assert [row["value"] for row in rows(parsed)] == [64.0]
    assert [field for _, field, _ in refused(parsed)] == ["Wirkleistung [MW]"]


def test_another_customer_and_year_of_a_known_format_lands() -> None:
    parsed = parse("Datum;Zeit;Wirkleistung [kW]\r\n27.10.2031;00:15:00;1,5\r\n", "werk/nord_2031.csv")
    (row,) = rows(parsed)
    assert (row["asset_id"], row["signal"], row["value"]) == ("nord_2031", "Wirkleistung", 1.5)
    assert stamps(parsed) == ["2031-10-26 23:00:00"]


def test_a_wide_file_with_an_id_column_holds_a_meter_a_value(tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "mine")
    path = folder / "own.toml"
    path.write_text(
        path.read_text().replace("[[signal]]", '[asset]\nsource = "column"\ncolumn = "meter"\n\n[[signal]]', 1)
    )
    night = [f"2024-10-27 0{hour}:{minute:02}:00" for hour in (0, 1, 2, 2, 3, 4) for minute in (0, 15, 30, 45)]
    body = "".join(f"{at};{meter};{n}\n" for n, at in enumerate(night) for meter in ("A", "B"))
    parsed = parse("when;meter;power\n" + body + "2024-10-27 05:00:00;;9\n", dirs=[folder])
    found = rows(parsed)
    assert [(line, reason) for line, _, reason in refused(parsed)] == [(50, "the row names no meter")]
    for meter in ("A", "B"):
        mine = [row for row in found if row["asset_id"] == meter]
        # 25 hours a night: the repeated one is told apart meter by meter.
        assert len({row["ts"] for row in mine}) == len(mine) == 24
        assert [row["value"] for row in mine] == [float(n) for n in range(24)]
    assert {row["native_id"] for row in parsed.tables["assets"].to_pylist()} == {"A", "B"}


def test_a_layout_that_can_use_no_row_says_why() -> None:
    head = "From (date);From (time);Until (date);Until (time);EAN code;Register;Volume;Unit;Validation status\n"
    with pytest.raises(UnreadableFile, match="unit is not kWh"):
        parse(head + "03/06/2024;00:00:00;03/06/2024;00:15:00;5414;Offtake;0,1;kVArh;Read\n")


@pytest.mark.parametrize("name", ["localtime", "right/Europe/Berlin", "Europe"])
@pytest.mark.parametrize("key", ["timezone", "site_timezone"])
def test_a_zone_that_is_another_elsewhere_is_a_fault_of_the_layout(tmp_path: Path, key: str, name: str) -> None:
    folder = write_layout(tmp_path / "mine", stamps=f'{key} = "{name}"')
    with pytest.raises(TerminalError, match="no time zone"):
        parse("when;power\n2024-01-01 00:00;1\n", dirs=[folder])
