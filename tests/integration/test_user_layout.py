"""A user teaches Wattlake a format with a file, and corrects it, without touching code."""

from __future__ import annotations

from pathlib import Path

from flows.land import land
from ingest.source import LandOptions
from lakehouse.catalog import open_catalog
from lakehouse.settings import Settings

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
