"""A user teaches Wattlake a format with a file, and corrects it, without touching code."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.catalog import open_catalog
from lakehouse.errors import TerminalError
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.house import build, land, query, replay

LAYOUT = """
name = "greenhouse"
domain = "meter"
description = "Log of the greenhouse heater"

[recognise]
header = ["when", "heater"]

[stamps]
columns = ["when"]
format = "%d.%m.%Y %H:%M"
timezone = "UTC"

[[signal]]
name = "heater"
kind = "instant"
unit = "{unit}"
factor = "{factor}"
"""


def test_a_layout_in_the_home_is_used_and_a_changed_one_reads_the_bytes_anew(
    settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("when;heater\n01.02.2024 10:00;1500\n01.02.2024 10:01;1600\n")
    assert not land(settings, "meter", [log], LandOptions()).ok

    layout = settings.root / "layouts" / "greenhouse.toml"
    layout.parent.mkdir(parents=True)
    layout.write_text(LAYOUT.format(unit="kW", factor="1"))
    assert land(settings, "meter", [log], LandOptions()).files[0].layout == "greenhouse"

    layout.write_text(LAYOUT.format(unit="kW", factor="0.001"))
    assert land(settings, "meter", [log], LandOptions()).files[0].status == "landed"
    assert land(settings, "meter", [log], LandOptions()).files[0].status == "unchanged"
    observed = open_catalog(settings).load_table(("raw", "meter_observations")).scan().to_arrow()
    assert sorted(observed["value"].to_pylist()) == [1.5, 1.6]


def test_a_file_that_its_layout_reads_no_more_is_told_by_replay_and_comes_back_with_the_layout(
    settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("when;heater\n01.02.2024 10:00;1500\n")
    layout = settings.root / "layouts" / "greenhouse.toml"
    layout.parent.mkdir(parents=True)
    sound = LAYOUT.format(unit="W", factor="1")
    layout.write_text(sound)
    assert land(settings, "meter", [log], LandOptions()).ok

    values = "SELECT value FROM raw.meter_observations"
    layout.write_text(sound.replace('name = "heater"', 'nmae = "heater"'))
    with pytest.raises(TerminalError, match="nmae"):
        replay(settings)
    assert query(settings, values) == [(1500.0,)]

    layout.write_text(sound.replace('"when", "heater"', '"when", "cooler"'))
    assert land(settings, "meter", [log], LandOptions()).files[0].status == "refused"
    assert query(settings, values) == [(1500.0,)]
    report = replay(settings)
    assert report.incomplete is not None and "log.csv" in str(report.incomplete)
    assert query(settings, "SELECT status FROM ops.runs WHERE kind = 'replay' ORDER BY started_at DESC LIMIT 1") == [
        ("failed",)
    ]
    assert query(settings, values) == []

    layout.write_text(sound)
    assert replay(settings).incomplete is None
    assert query(settings, values) == [(1500.0,)]


SUBMETERS = """
name = "submeters"
domain = "meter"
description = "Two meters in one file"

[recognise]
header = ["stamp", "A", "B"]

[stamps]
columns = ["stamp"]
format = "%Y-%m-%d %H:%M"
interval_s = 900
timezone = "UTC"

[[signal]]
match = "{signals}"
kind = "interval_energy"
unit = "kWh"
"""
LEVELS = ("lod_5min", "lod_15min", "lod_1h", "lod_1d", "energy_15min", "energy_1d", "signals")


def test_a_signal_that_a_mended_layout_does_not_declare_is_gone_from_tables_and_marts(
    settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "f.csv"
    log.write_text("stamp;A;B\n2024-06-01 00:00;1.0;0.25\n2024-06-01 00:15;;0.25\n")
    layout = settings.root / "layouts" / "submeters.toml"
    layout.parent.mkdir(parents=True)
    layout.write_text(SUBMETERS.format(signals="[AB]"))
    land(settings, "meter", [log], LandOptions())
    build(settings)
    assert query(settings, "SELECT signal, energy_kwh FROM marts.energy_1d ORDER BY 1") == [("A", 1.0), ("B", 0.5)]

    layout.write_text(SUBMETERS.format(signals="B"))
    assert land(settings, "meter", [log], LandOptions()).superseded == 1
    assert query(settings, "SELECT DISTINCT signal FROM raw.signals") == [("B",)]
    raw = "SELECT signal, count(*), sum(value) FROM raw.meter_observations GROUP BY 1"
    assert query(settings, raw) == [("B", 2, 0.5)]
    build(settings)
    for mart in LEVELS:
        assert query(settings, f"SELECT DISTINCT signal FROM marts.{mart}") in ([("B",)], []), mart
    assert query(settings, "SELECT signal, energy_kwh FROM marts.energy_1d") == [("B", 0.5)]

    layout.write_text(SUBMETERS.format(signals="B").replace('unit = "kWh"', 'unit = "kWh"\nminimum = 9'))
    land(settings, "meter", [log], LandOptions())
    assert query(settings, "SELECT count(*) FROM raw.meter_observations") == [(0,)]
    build(settings)
    for mart in LEVELS:
        assert query(settings, f"SELECT count(*) FROM marts.{mart}") == [(0,)], mart


def test_a_file_that_cannot_be_read_anew_keeps_its_rows_and_is_told(settings: Settings, tmp_path: Path) -> None:
    first, second = tmp_path / "one" / "f.csv", tmp_path / "two" / "f.csv"
    for path, day, column in ((first, "01", "A"), (second, "02", "A")):
        path.parent.mkdir()
        path.write_text(f"stamp;{column};B\n2024-06-{day} 00:00;1.0;0.25\n")
    layout = settings.root / "layouts" / "submeters.toml"
    layout.parent.mkdir(parents=True)
    layout.write_text(SUBMETERS.format(signals="[AB]"))
    land(settings, "meter", [first, second], LandOptions(asset="house"))

    layout.write_text(SUBMETERS.format(signals="[B]").replace("[recognise]", '[recognise]\nfirst_lines = "2024-06-01"'))
    report = land(settings, "meter", [first], LandOptions(asset="house"))
    assert len(report.kept) == 1 and report.kept[0].startswith("two/f.csv: ")
    found = query(settings, "SELECT day(ts), signal FROM raw.meter_observations ORDER BY 1, 2")
    assert found == [(1, "B"), (2, "A"), (2, "B")]
    assert query(settings, "SELECT signal FROM raw.signals ORDER BY 1") == [("A",), ("B",)]
