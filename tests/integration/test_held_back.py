"""What one asset's data break stops no other, and is not forgotten."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pytest
from click.testing import CliRunner

from flows.cli.main import main
from lakehouse.catalog import open_catalog
from lakehouse.marts.published import published
from lakehouse.settings import Settings
from tests.support.device_files import minutes, write_signal
from tests.support.house import build, build_house, land_meter, rows


def days_of(house: Settings) -> dict[object, object]:
    return dict(rows(house, "SELECT asset_id, sum(n) FROM lod_1d WHERE signal = 'com_ap' GROUP BY 1"))


def test_an_asset_whose_rows_fail_a_check_is_held_back_and_built_when_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build_house(tmp_path / "home", tmp_path / "in")
    land_meter(house, write_signal(tmp_path / "in", "m2", "com_ap", [(s, 2) for s in minutes("2024-06-01", 96)]))
    assert build(house).held_back == {}
    assert days_of(house) == {"m1": 96, "m2": 96}

    for asset in ("m1", "m2"):
        late = write_signal(tmp_path / "late", asset, "com_ap", [(s, 3) for s in minutes("2024-06-02", 90)])
        land_meter(house, late)
    # A row past the writer: one of m1 a second time, on the new day.
    table = open_catalog(house).load_table(("raw", "meter_observations"))
    landed = table.scan().to_arrow()
    new = pc.and_(pc.equal(landed["asset_id"], "m1"), pc.equal(landed["value"], 3))
    table.append(landed.filter(new).slice(0, 1), snapshot_properties={"wattlake.no-change": "true"})
    monkeypatch.setenv("WATTLAKE_HOME", str(tmp_path / "home"))
    asked = CliRunner().invoke(main, ["build"])
    assert asked.exit_code == 1
    assert "m1 is held back" in asked.output and "observations_unique" in asked.output
    assert days_of(house) == {"m1": 96, "m2": 186}
    before = published(house)
    assert before is not None and before.held_back.keys() == {"m1"}

    # Nothing else landed: nothing to try, and it is said again.
    report = build(house)
    assert not report.built and report.held_back.keys() == {"m1"}

    # Mended, and nothing says that this touched m1; what had landed of it is not lost.
    table = open_catalog(house).load_table(("raw", "meter_observations"))
    table.overwrite(landed, snapshot_properties={"wattlake.no-change": "true"})
    land_meter(house, write_signal(tmp_path / "more", "m2", "com_ap", [("2024-06-03 00:00:00", 3)]))
    assert build(house).held_back == {}
    assert days_of(house) == {"m1": 186, "m2": 187}
    after = rows(house, "SELECT * FROM lod_15min ORDER BY ALL")
    build(house, full_refresh=True)
    assert after == rows(house, "SELECT * FROM lod_15min ORDER BY ALL")
