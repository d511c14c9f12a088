"""What cannot land is told with an exit code that a script sees, and keeps nothing else from landing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli.main import main
from ingest.layouts.engine.layout import Layout
from tests.support.device_files import write_signal

Wattlake = Callable[..., Result]
ROWS = [("2024-06-01 12:00:00", 1), ("2024-06-01 13:00:00", 2)]
LAYOUT = """
name = "heater"
domain = "meter"
description = "Log of a heater"
[recognise]
header = ["when", "heater"]
[stamps]
columns = ["when"]
format = "%d.%m.%Y %H:%M"
timezone = "UTC"
[[signal]]
name = "heater"
kind = "instant"
unit = "kW"
"""


@pytest.fixture
def wattlake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wattlake:
    """Runs `wattlake ARGS` in an empty home."""
    monkeypatch.setenv("WATTLAKE_HOME", str(tmp_path / "home"))
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def layouts(tmp_path: Path) -> Path:
    """The user's layout folder, with files that are no layouts beside each other."""
    folder = tmp_path / "home" / "layouts"
    folder.mkdir(parents=True)
    (folder / "no_toml.toml").write_text("name = ")
    (folder / "typo.toml").write_text(LAYOUT.replace("heater", "typo").replace("[stamps]", "[stamps]\nzone = 1"))
    (folder / "folder.toml").mkdir()
    (folder / "gone.toml").symlink_to("nowhere")
    (folder / "deep.toml").write_text("a = " + "[" * 5000)
    os.mkfifo(folder / "pipe.toml")
    return folder


def test_a_wrong_layout_is_told_and_what_other_layouts_read_lands(
    wattlake: Wattlake, layouts: Path, tmp_path: Path
) -> None:
    good = write_signal(tmp_path / "in", "m1", "com_ap", ROWS)
    shown = wattlake("land", "meter", good)
    assert shown.exit_code == 0 and "1 files landed, 0 unchanged, 0 refused" in shown.output
    for name in ("no_toml", "typo", "folder", "gone", "deep", "pipe"):
        assert shown.output.count(f"{name}.toml: ") == 1
    assert "stamps.zone: Extra inputs are not permitted" in shown.output


def test_a_file_of_a_wrong_layout_is_refused_with_what_is_wrong_in_it(
    wattlake: Wattlake, layouts: Path, tmp_path: Path
) -> None:
    (layouts / "heater.toml").write_text(LAYOUT)
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("when,heater\n01.02.2024 10:00,1500\n")
    bad.write_text("when,typo\n01.02.2024 10:00,1500\n")
    shown = wattlake("land", "meter", good, bad)
    assert shown.exit_code == 1 and "1 files landed, 0 unchanged, 1 refused" in shown.output
    assert "bad.csv is for layout" in shown.output and "stamps.zone" in shown.output
    asked = wattlake("land", "meter", good, "--layout", "typo")
    assert asked.exit_code == 1 and "stamps.zone" in asked.output and "Traceback" not in asked.output


def test_a_layout_that_breaks_its_reader_costs_its_own_file_only(
    wattlake: Wattlake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = write_signal(tmp_path / "in", "m1", "com_ap", ROWS), tmp_path / "log.csv"
    bad.write_text("when,heater\n01.02.2024 10:00,1500\n")
    folder = tmp_path / "home" / "layouts"
    folder.mkdir(parents=True)
    (folder / "heater.toml").write_text(LAYOUT)
    real = Layout.rule

    def rule(layout: Layout, *names: str) -> object:
        return real(layout, *names) if layout.name != "heater" else 1 // 0

    monkeypatch.setattr(Layout, "rule", rule)
    shown = wattlake("land", "meter", good, bad)
    assert shown.exit_code == 1 and "1 files landed, 0 unchanged, 1 refused" in shown.output
    assert "log.csv: reading it failed: ZeroDivisionError" in shown.output


def test_files_of_other_kinds_in_a_folder_are_counted_and_named(wattlake: Wattlake, tmp_path: Path) -> None:
    write_signal(tmp_path / "in", "m1", "com_ap", ROWS)
    for number in range(7):
        (tmp_path / "in" / f"photo{number}.png").write_bytes(b"x")
    shown = wattlake("land", "meter", tmp_path / "in")
    assert shown.exit_code == 0
    assert (
        "7 files passed over by their names: photo0.png, photo1.png, photo2.png, photo3.png, photo4.png and 2 more"
        in shown.output
    )
    passed_over = "json_extract(request, '$.passed_over')"
    assert wattlake("sql", f"SELECT {passed_over} AS n FROM ops.runs", "--format", "csv").output == "n\n7\n"


def test_a_document_that_is_known_and_not_landed_is_no_refusal(wattlake: Wattlake, tmp_path: Path) -> None:
    offers = tmp_path / "60d_DAM_EnergyOnlyOffers-01-JAN-24.csv"
    offers.write_text('"Delivery Date","Hour Ending","Settlement Point","QSE Name","Energy Only Offer MW1"\n')
    shown = wattlake("land", "ercot-60d", offers)
    assert shown.exit_code == 0, shown.output
    assert "not landed on purpose" in shown.output and "0 refused" in shown.output
    found = wattlake("sql", "SELECT status FROM ops.fetches", "--format", "csv")
    assert found.output == "status\nleft out\n"
