"""Battery layouts against a plain reading of the recorded files with csv and json."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from test_layouts_read import observed, read, rows, signals

pytestmark = pytest.mark.real_data


def test_the_home_battery_is_read_in_its_own_zone(recorded: Path) -> None:
    path = recorded / "bess/sunsynk_home/grid_w.csv"
    parsed = read(path, timezone="Africa/Johannesburg")
    found = rows(parsed, "sunsynk_home", "grid_w")
    with path.open(newline="") as lines:
        plain = list(csv.DictReader(lines))
    two = timedelta(hours=2)
    assert [(row["ts"], row["value"]) for row in found] == [
        (datetime.fromisoformat(row["ts"] + "+00:00") - two, float(row["grid_w"])) for row in plain
    ]
    day = [row["value"] for row in found if (row["ts"] + two).date().isoformat() == "2023-03-28"]
    assert round(sum(day) / len(day), 1) == 476.4
    (asset,) = parsed.tables["assets"].to_pylist()
    assert (asset["asset_id"], asset["time_zone"], asset["domain"]) == ("sunsynk_home", "Africa/Johannesburg", "bess")


def test_the_home_battery_in_the_wrong_zone_loses_only_what_does_not_exist(recorded: Path) -> None:
    parsed = read(recorded / "bess/sunsynk_home/grid_w.csv")
    reasons = {row["reason"] for row in parsed.rejects.to_pylist()}
    # Africa has no spring night: read as Berlin, an hour of 2023-03-26 does not exist and one of 2022-10-30 is unclear.
    assert len(reasons) == 2
    assert {row["raw_text"][:13] for row in parsed.rejects.to_pylist()} == {"2023-03-26 02", "2022-10-30 02"}


def test_the_battery_sign_balances_the_home(recorded: Path) -> None:
    folder = recorded / "bess/sunsynk_home"
    series = {
        name: {
            row["ts"]: row["value"]
            for row in rows(read(folder / f"{name}.csv", timezone="Africa/Johannesburg"), "sunsynk_home", name)
        }
        for name in ("battery_w", "grid_w", "load_w", "pv_w")
    }
    rest = [
        load - series["pv_w"][ts] - series["grid_w"][ts] - series["battery_w"][ts]
        for ts, load in series["load_w"].items()
    ]
    assert abs(sum(rest) / len(rest)) < 40  # W; the converter's own use
    roles = {
        name: next(iter(signals(read(folder / f"{name}.csv", timezone="UTC")).values()))["role"] for name in series
    }
    assert roles == {
        "battery_w": "battery_discharge_power",
        "grid_w": "grid_power",
        "load_w": "load_power",
        "pv_w": "pv_power",
    }


def test_the_day_files_of_the_home_battery_agree_with_its_table(recorded: Path) -> None:
    pairs = {"battery": "battery_w", "grid_usage": "grid_w", "consumption": "load_w"}
    tables = {
        name: {
            row["ts"]: row["value"]
            for row in rows(
                read(recorded / f"bess/sunsynk_home/{name}.csv", timezone="Africa/Johannesburg"), "sunsynk_home", name
            )
        }
        for name in pairs.values()
    }
    for path in sorted((recorded / "bess/sunsynk_home_raw").glob("*.txt")):
        parsed = read(path, timezone="Africa/Johannesburg")
        for block, name in pairs.items():
            found = rows(parsed, "sunsynk_home_raw", block)
            assert len(found) >= 285
            assert all(tables[name][row["ts"]] == row["value"] for row in found)


def test_racks_keep_their_extremes_and_mean_current(recorded: Path) -> None:
    path = recorded / "bess/rack_bms/bess_data_task1_10s.csv"
    parsed = read(path)
    asset = path.stem
    current = [row["value"] for row in rows(parsed, asset, "BMU1_total_current")]
    assert round(sum(current) / len(current), 3) == 112.315
    high, low = (rows(parsed, asset, f"BMU1_{which}_cell_volt") for which in ("max", "min"))
    spread = max(Decimal(str(h["value"])) - Decimal(str(v["value"])) for h, v in zip(high, low, strict=True))
    assert spread == Decimal("0.375")
    declared = signals(parsed)
    assert sum(row["role"] == "rack_current" for row in declared.values()) == 12
    assert declared[asset, "BMU1_SOC"]["kind"] == "soc"
    assert high[0]["ts"] == datetime(2024, 10, 11, 4, 20, 54, 63764, tzinfo=UTC)
    charge = [row["value"] for row in rows(parsed, asset, "BMU1_SOC")]
    moving = [(c, b - a) for c, a, b in zip(current[1:], charge, charge[1:], strict=False) if abs(c) > 500 and a != b]
    assert sum(c * step < 0 for c, step in moving) > 0.98 * len(moving)  # + is discharge


def test_normalised_temperatures_are_no_degrees(recorded: Path) -> None:
    for name in ("average_temperature", "data_BESS_norm", "kokam_norm"):
        path = recorded / f"bess/cell_temp/{name}.csv"
        parsed = read(path)
        assert {row["unit"] for row in signals(parsed).values()} == {"1"}
        assert {row["role"] for row in signals(parsed).values()} == {None}
        with path.open(newline="") as lines:
            plain = list(csv.DictReader(lines))
        for column in list(plain[0])[1:]:
            found = rows(parsed, name, column)
            assert [row["value"] for row in found] == [float(row[column]) for row in plain]
    fault = read(recorded / "bess/cell_temp/kokam_ground_truth.csv")
    (declared,) = signals(fault).values()
    assert (declared["kind"], declared["role"]) == ("alarm", "alarm")


def test_the_same_header_with_degrees_is_refused(recorded: Path) -> None:
    path = recorded / "bess/cell_temp/average_temperature.csv"
    parsed = read(
        path, b"time,Average Cell Temperature\n2022-02-21 00:01:00+00:00,23.5\n2022-02-21 00:02:00+00:00,0.5\n"
    )
    assert observed(parsed).num_rows == 1
    assert "other units" in parsed.rejects["reason"][0].as_py()


def test_givenergy_points_are_flattened_with_exact_counters(recorded: Path) -> None:
    for path in sorted((recorded / "bess/givenergy").glob("*.json")):
        parsed = read(path)
        points = json.loads(path.read_bytes(), parse_float=Decimal)["data"]
        found = rows(parsed, "givenergy", "today.battery.discharge")
        assert [(row["ts"], row["value_exact"], row["line"]) for row in found] == [
            (datetime.fromisoformat(point["time"]), Decimal(point["today"]["battery"]["discharge"]), number)
            for number, point in enumerate(points, 1)
        ]
        second = rows(parsed, "givenergy", "power.solar.arrays.2.voltage")
        assert [Decimal(str(row["value"])) for row in second] == [
            Decimal(point["power"]["solar"]["arrays"][1]["voltage"]) for point in points
        ]
        (asset,) = parsed.tables["assets"].to_pylist()
        assert (asset["asset_id"], asset["native_id"], asset["time_zone"]) == (
            "givenergy",
            "ABCDEFGHIJ",
            "Europe/London",
        )
    declared = signals(parsed)
    assert declared["givenergy", "today.battery.charge"]["role"] == "charge_energy"
    assert declared["givenergy", "total.battery.charge"]["role"] is None  # it equals the discharge register: dead
    assert declared["givenergy", "status"]["kind"] == "category"
