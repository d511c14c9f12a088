"""Figures that are known of recorded files, read here by plain SQL and not by the sources."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.lake import Lake

pytestmark = pytest.mark.real_data

TOON = ("elec_solar_quantity", "elec_quantity_nt", "elec_quantity_nt_orig", "elec_quantity_lt_orig")
P1 = ("VERBR_KWH_181", "VERBR_KWH_182", "GELVR_KWH_281", "GELVR_KWH_282")
SUNSYNK = {
    "grid_w": "grid_power",
    "load_w": "load_power",
    "pv_w": "pv_power",
    "battery_w": "battery_discharge_power",
    "soc_pct": "soc",
}
RACK = {
    "BMU1_total_current [A]": "pack_current",
    "BMU1_SOC [%]": "soc",
    "BMU1_max_cell_volt": "cell_v_max",
    "BMU1_min_cell_volt": "cell_v_min",
    **{f"BMU1_SBMU{rack}_current [A]": "rack_current" for rack in range(1, 13)},
}


def load(lake: Lake, domain: str, asset_id: str, signal: str, select: str) -> None:
    """Land what a query gives as (ts, interval_end, value)."""
    lake.lake.execute(
        f"""INSERT INTO landed.{domain}_observations
        SELECT '{asset_id}', '{signal}', ts, interval_end, v::DOUBLE, v::DECIMAL(18,6), NULL, 'hash', 1
        FROM ({select}) AS read (ts, interval_end, v) WHERE v IS NOT NULL"""
    )


def load_meters(lake: Lake, folder: Path) -> None:
    lake.add_asset("toon", "Europe/Amsterdam")
    for signal in TOON:
        lake.add_signal("toon", signal, "counter", "Wh", 3600, 10_800)
        file = folder / "toon" / f"{signal}_CurrentElectricityQuantity_5yrhours.csv"
        load(
            lake, "meter", "toon", signal,
            f"""SELECT to_timestamp(column0::BIGINT), NULL, try_cast(column1 AS DECIMAL(18,6))
            FROM read_csv('{file}', header=false, all_varchar=true)""",
        )  # fmt: skip
    for asset_id, max_gap_s in (("p1mon_hour", 10_800), ("p1mon_minute", 300)):
        lake.add_asset(asset_id, "Europe/Amsterdam")
        for signal in P1:
            lake.add_signal(asset_id, signal, "counter", "kWh", None, max_gap_s)
            file = folder / "p1mon" / f"{asset_id}.csv"
            load(
                lake, "meter", asset_id, signal,
                f"SELECT TIMESTAMP AT TIME ZONE 'UTC', NULL, {signal}::DECIMAL(18,6) FROM read_csv('{file}')",
            )  # fmt: skip
    lake.add_asset("lastgang", "Europe/Berlin", max_power_kw=400)
    lake.add_signal("lastgang", "Wirkleistung", "interval_mean", "kW", 900, 900)
    # Stamps end their quarters in wall-clock time; in file order none is missing, so the row number gives the instant.
    load(
        lake, "meter", "lastgang", "Wirkleistung",
        f"""SELECT ts, ts + INTERVAL 15 MINUTE, v FROM (
            SELECT timestamptz '2023-12-31 23:00:00+00' + (row_number() OVER () - 1) * INTERVAL 15 MINUTE AS ts,
                "Wirkleistung [kW]"::DECIMAL(18,6) AS v
            FROM read_csv('{folder / "lastgang_rlm_2024_15min.csv"}', all_varchar=true))""",
    )  # fmt: skip


def load_batteries(lake: Lake, folder: Path) -> None:
    lake.add_asset("sunsynk_home", "Africa/Johannesburg", "bess")
    for signal, role in SUNSYNK.items():
        kind, unit = ("soc", "%") if role == "soc" else ("instant", "W")
        lake.add_signal("sunsynk_home", signal, kind, unit, 300, 600, role)
        load(
            lake, "bess", "sunsynk_home", signal,
            f"""SELECT ts AT TIME ZONE 'Africa/Johannesburg', NULL, {signal}::DECIMAL(18,6)
            FROM read_csv('{folder / "sunsynk_home" / signal}.csv')""",
        )  # fmt: skip
    lake.add_asset("rack", "UTC", "bess")
    file = folder / "rack_bms" / "bess_data_task1_10s.csv"
    for header, role in RACK.items():
        kind = {"soc": "soc", "cell_v_max": "max", "cell_v_min": "min"}.get(role, "instant")
        unit = {"soc": "%", "cell_v_max": "V", "cell_v_min": "V"}.get(role, "A")
        signal = header.split(" [")[0]
        lake.add_signal("rack", signal, kind, unit, 10, 30, role)
        load(
            lake,
            "bess",
            "rack",
            signal,
            f"""SELECT timestamp, NULL, "{header}"::DECIMAL(18,6) FROM read_csv('{file}')""",
        )


@pytest.fixture(scope="module")
def built(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("golden"))
    load_meters(lake, recorded / "meter")
    load_batteries(lake, recorded / "bess")
    lake.build()
    return lake


@pytest.mark.parametrize(
    ("asset_id", "signal", "kwh"),
    [
        ("p1mon_hour", "VERBR_KWH_181", "11707.09"),
        ("p1mon_hour", "VERBR_KWH_182", "3839.34"),
        ("p1mon_hour", "GELVR_KWH_282", "7669.10"),
        ("toon", "elec_solar_quantity", "15317.68"),
        ("toon", "elec_quantity_nt_orig", "8020.769"),
        ("toon", "elec_quantity_lt_orig", "8272.634"),
        ("lastgang", "Wirkleistung", "1091945.25"),
    ],
)
@pytest.mark.parametrize("mart", ["energy_15min", "energy_1d"])
def test_energy_is_what_the_register_says(mart: str, asset_id: str, signal: str, kwh: str, built: Lake) -> None:
    [(found,)] = built.rows(f"select sum(energy_kwh) from {mart} where asset_id = ? and signal = ?", [asset_id, signal])
    assert found.quantize(Decimal(kwh)) == Decimal(kwh)


def test_counter_faults_are_told_apart(built: Lake) -> None:
    found = built.rows("select asset_id, signal, kind, count(*) from counter_events group by all")
    counts = {(asset_id, signal, kind): n for asset_id, signal, kind, n in found}
    assert counts["toon", "elec_solar_quantity", "reset"] == 1
    assert counts["toon", "elec_solar_quantity", "correction"] == 11
    assert ("toon", "elec_solar_quantity", "spike") not in counts
    assert counts["toon", "elec_quantity_nt", "correction"] == 11
    assert counts["toon", "elec_quantity_nt_orig", "freeze"] == 1
    assert counts["toon", "elec_quantity_lt_orig", "freeze"] == 1
    assert [counts["p1mon_hour", signal, "spike"] for signal in P1] == [1, 1, 1, 1]
    assert counts["p1mon_minute", "VERBR_KWH_181", "spike"] == 1


def test_events_have_their_time_and_size(built: Lake) -> None:
    events = {
        (asset_id, signal, kind): (occurred_at, span_start, size_kwh)
        for asset_id, signal, kind, occurred_at, span_start, size_kwh in built.rows(
            """select asset_id, signal, kind, occurred_at, span_start, size_kwh from counter_events
            where kind <> 'correction'"""
        )
    }
    spike = events["p1mon_hour", "VERBR_KWH_181", "spike"]
    assert (spike[0], spike[2]) == (datetime(2022, 11, 4, 15, tzinfo=UTC), Decimal("995.144"))
    assert events["toon", "elec_quantity_nt_orig", "freeze"] == (
        datetime(2018, 5, 31, 20, tzinfo=UTC), datetime(2018, 5, 4, 22, tzinfo=UTC), Decimal("114.327"),
    )  # fmt: skip
    assert events["toon", "elec_solar_quantity", "reset"][2] == Decimal("4424.261")


def test_no_quarter_of_the_load_profile_is_lost(built: Lake) -> None:
    for mart in ("lod_15min", "lod_1h", "lod_1d"):
        [(n, total, highest)] = built.rows(
            f"select sum(n), sum(sum_exact) / 4, max(max) from {mart} where asset_id = 'lastgang'"
        )
        assert (n, float(total), highest) == (35_136, 1_091_945.25, 319.0), mart
    days = dict(built.rows("select local_date, n from lod_1d where asset_id = 'lastgang'"))
    assert (days[date(2024, 3, 31)], days[date(2024, 10, 27)], days[date(2024, 6, 1)]) == (92, 100, 96)
    assert built.rows("select * from lod_5min where asset_id = 'lastgang'") == []


def test_a_day_mean_weighs_samples_and_not_hours(built: Lake) -> None:
    [(mean, weighted, n)] = built.rows(
        "select mean, mean_time_weighted, n from lod_1d where signal = 'grid_w' and local_date = '2023-03-28'"
    )
    assert (round(mean, 1), n) == (476.4, 281)
    # A value holds for ten minutes at most, so of the quarter of an hour without samples at 22:35 a third has no value.
    assert abs(weighted - 473.06) < 0.01


def test_the_rack_keeps_its_spread_and_its_mean_current(built: Lake) -> None:
    assert built.rows("select cell_v_spread_max_v from bess_kpis where asset_id = 'rack'") == [(0.375,)]
    [(mean,)] = built.rows("select mean from lod_1d where signal = 'BMU1_total_current'")
    assert round(mean, 3) == 112.315


def test_rules_find_what_is_known_to_be_wrong(built: Lake) -> None:
    found = {(rule, asset_id) for rule, asset_id in built.rows("select distinct rule, asset_id from quality_findings")}
    assert {
        ("spike", "p1mon_hour"), ("counter_step", "toon"), ("rack_sum", "rack"), ("soc_flat_under_current", "rack"),
        ("gap", "sunsynk_home"), ("missing_days", "toon"),
    } <= found  # fmt: skip
    [(largest,)] = built.rows("select value from quality_findings where rule = 'rack_sum'")
    assert round(largest) == 517
    # Home and battery agree well enough with each other: no false alarms.
    assert not {("night_pv", "sunsynk_home"), ("timezone_proof", "sunsynk_home"), ("unit_jump", "sunsynk_home")} & found
