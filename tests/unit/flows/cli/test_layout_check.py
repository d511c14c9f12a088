"""`wattlake layout check` shows what a layout makes of a file, lands nothing and needs no home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli.main import main

OWN = """
name = "mine"
domain = "meter"
description = "A layout of a test"

[recognise]
header = ["When", "Energy [kWh]"]

[stamps]
columns = ["When"]
format = "%d.%m.%Y %H:%M"
interval_s = 3600
timezone = "Europe/Lisbon"

[[signal]]
name = "Energy"
kind = "interval_energy"
unit = "kWh"
"""


@pytest.fixture(autouse=True)
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("WATTLAKE_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "200")
    return home


def check(path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["layout", "check", str(path), *options])


def given(tmp_path: Path, text: str, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_recognised_file_shows_its_layout_dialect_and_first_values(tmp_path: Path, no_home: Path) -> None:
    (tmp_path / "pv").mkdir()
    path = given(tmp_path, "ts;com_ap\n" + "".join(f"01.07.2024 12:0{n}:00;1,{n}\n" for n in range(9)), "pv/x.csv")
    ran = check(path, "--rows", "2")
    assert ran.exit_code == 0, ran.output
    for said in ("recognised by: reference_meter", ", (comma)", "%d.%m.%Y %H:%M:%S", "Europe/Berlin"):
        assert said in ran.output
    (first, second) = [line.split() for line in ran.output.splitlines() if "2024-07-01" in line]
    # Two in the afternoon of Berlin's summer is noon, UTC.
    assert first[:6] == ["2", "2024-07-01", "10:00:00", "2024-07-01", "12:00:00", "CEST"]
    assert "com_ap" in first and second[0] == "3" and "9 values read: 9 would land" in ran.output
    assert not no_home.exists()


def test_a_layout_file_is_tried_by_its_path_before_it_is_installed(tmp_path: Path, no_home: Path) -> None:
    layout = given(tmp_path, OWN, "mine.toml")
    path = given(tmp_path, "When;Energy [kWh];Remark\n01.07.2024 00:00;1,5;-\n01.07.2024 01:00;x;-\nTotal;1,5;-\n")
    ran = check(path, "--layout", str(layout))
    assert ran.exit_code == 0, ran.output
    (row,) = [line.split() for line in ran.output.splitlines() if line.split()[1:2] == ["2024-06-30"]]
    assert row[1:7] == ["2024-06-30", "23:00:00", "2024-07-01", "00:00:00", "WEST", "1:00:00"]
    assert row[7:] == ["file", "Energy", "interval_energy", "kWh", "1.500000", "-"]
    for why in ("column 'Remark' is not declared in layout mine", "not a number", "does not read as %d.%m.%Y %H:%M"):
        assert why in ran.output
    assert "recognised by no layout" not in ran.output and not no_home.exists()


def test_a_file_that_nothing_recognises_shows_what_the_nearest_layouts_miss(tmp_path: Path) -> None:
    path = given(tmp_path, "time,Import T1 kWh\n2022-09-01 00:15,1\n")
    ran = check(path)
    assert ran.exit_code == 1 and "recognised by no layout" in ran.output
    assert "homewizard" in ran.output and "no column 'Import T2 kWh'" in ran.output


def test_a_file_that_two_layouts_recognise_names_both(tmp_path: Path, no_home: Path) -> None:
    (no_home / "layouts").mkdir(parents=True)
    for name in ("one", "two"):
        given(no_home / "layouts", OWN.replace('"mine"', f'"{name}"'), f"{name}.toml")
    path = given(tmp_path, "When;Energy [kWh]\n01.07.2024 00:00;1,5\n")
    ran = check(path)
    assert ran.exit_code == 1 and "fits the layouts one and two" in ran.output
    assert check(path, "--layout", "two").exit_code == 0


def test_a_recognised_file_that_would_be_refused_says_why(tmp_path: Path) -> None:
    path = given(tmp_path, "ts,com_ap\n")
    ran = check(path)
    assert ran.exit_code == 1 and "it would be refused: the file has a header and no rows" in ran.output


def test_names_from_the_file_obey_no_terminal(tmp_path: Path) -> None:
    path = given(
        tmp_path, "ts,com_ap,\x1b[31mred\n2024-06-01 00:00:00,1,2\n2024-06-01 00:01:00,\x1b[2J,2\n", "a\x1bb.csv"
    )
    ran = check(path)
    assert ran.exit_code == 0 and "\x1b" not in ran.output and "\\x1b[31mred" in ran.output


def test_a_wrong_layout_or_path_is_an_error_without_a_trace(tmp_path: Path) -> None:
    path = given(tmp_path, "ts,com_ap\n2024-06-01 00:00:00,1\n")
    wrong = given(tmp_path, OWN.replace("interval_energy", "interval_enargy"), "wrong.toml")
    for options, says in (
        (["--layout", "nothing_such"], "there is no"), (["--layout", str(wrong)], "unknown kind"),
        (["--layout", str(tmp_path / "gone.toml")], "gone.toml"), (["--domain", "tides"], "tides"),
    ):  # fmt: skip
        ran = check(path, *options)
        assert ran.exit_code in (1, 2) and says in ran.output and "Traceback" not in ran.output
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        ran = check(place)
        assert ran.exit_code == 1 and "is not a file" in ran.output
