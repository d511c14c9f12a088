"""Small inputs rebuilt from public reports, through the house: `wattlake land`, `build`, `sql` as users type them.

Each folder of ../shared/cases holds its input and, in `expected.txt`, the right answer and why; the figures are those.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flows.cli.main import main

Sql = Callable[[str], list[tuple[Any, ...]]]

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside this checkout (../shared/cases)")

#: What a user would write for the cases that have no layout beside them; docs/layouts.md has every key.
LAYOUTS = {
    "day_values": """
        description = "A value a local day"
        recognise = {header = ["Tag", "kWh"]}
        stamps = {columns = ["Tag"], format = "%Y-%m-%d", interval_s = 86400, timezone = "Europe/Berlin"}
        [[signal]]
        name = "kWh"
        kind = "interval_energy"
        unit = "kWh"
    """,
    "offset_stamps": """
        description = "Stamps with their offset, at the end of the quarter"
        recognise = {header = ["datum_tijd", "levering"]}
        stamps = {columns = ["datum_tijd"], format = "%d-%m-%Y %H:%M:%S %z", marks = "end", interval_s = 900}
        dialect = {delimiter = ";", decimal = ","}
        [[signal]]
        name = "levering"
        kind = "interval_energy"
        unit = "kWh"
    """,
    "relayout": """
        description = "One column of two"
        recognise = {header = ["stamp", "A", "B"]}
        ignore = ["%s"]
        stamps = {columns = ["stamp"], format = "iso", interval_s = 900, timezone = "UTC"}
        dialect = {delimiter = ";"}
        [[signal]]
        name = "%s"
        kind = "interval_energy"
        unit = "kWh"
    """,
}


def wattlake(home: Path, *arguments: str) -> Result:
    return CliRunner(env={"WATTLAKE_HOME": str(home)}).invoke(main, arguments, catch_exceptions=False)


def land(home: Path, source: str, case: str, *options: str) -> Result:
    """Land the input of a case: all of its folder but the answer."""
    inputs = [str(path) for path in sorted((CASES / case).iterdir()) if path.name != "expected.txt"]
    return wattlake(home, "land", source, *inputs, *options)


def write_layout(home: Path, name: str, *columns: str) -> None:
    path = home / "layouts" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = LAYOUTS[name] % columns if columns else LAYOUTS[name]
    path.write_text(f'name = "{name}"\ndomain = "meter"\n{text}')


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built house that holds the cases of meters and markets."""
    home = tmp_path_factory.mktemp("cases") / "home"

    def land_case(case: str) -> None:
        done = land(home, "meter", f"meter/{case}", "--asset", case)
        assert done.exit_code == 0, done.output

    for case in ("spring_end_stamp", "zero_then_counting", "rollover_99999", "p1mon_hour_is_end", "espi_xml"):
        land_case(case)
    write_layout(home, "day_values")
    write_layout(home, "offset_stamps")
    for case in ("daily_dst", "offset_in_pattern"):
        land_case(case)
    for ignored, kept in (("B", "A"), ("A", "B")):
        write_layout(home, "relayout", ignored, kept)
        land_case("relayout")
    land(home, "meter", "meter/nem12_twice_the_values")
    land(home, "nyiso-rt5-lbmp-zone", "iso/nyiso-one-rtc-row")
    land(home, "ercot-rt15-spp", "iso/ercot-spp-contradicts")
    done = wattlake(home, "build")
    assert done.exit_code == 0, done.output
    return home


@pytest.fixture(scope="module")
def sql(home: Path) -> Sql:
    def query(text: str) -> list[tuple[Any, ...]]:
        shown = wattlake(home, "sql", text, "--format", "json")
        assert shown.exit_code == 0, shown.output
        return [tuple(row.values()) for row in json.loads(shown.stdout)]

    return query


def test_a_load_profile_with_ends_in_true_local_time_keeps_its_spring_day(sql: Sql) -> None:
    where = "asset_id = 'spring_end_stamp'"
    assert sql(f"SELECT local_date::VARCHAR, energy_kwh FROM marts.energy_1d WHERE {where}") == [("2024-03-31", 6.0)]
    starts = f"SELECT min(ts)::VARCHAR, max(interval_end)::VARCHAR, count(*) FROM raw.meter_observations WHERE {where}"
    assert sql(starts) == [("2024-03-31 00:00:00+00", "2024-03-31 01:30:00+00", 6)]
    assert sql("SELECT count(*) FROM raw.quarantine WHERE file LIKE '%load.csv'") == [(0,)]


def test_a_register_that_counts_from_0_for_a_while_and_is_restored_counts_what_it_counted(sql: Sql) -> None:
    assert sql("SELECT sum(energy_kwh) FROM marts.energy_1d WHERE asset_id = 'zero_then_counting'") == [(1.0,)]


def test_a_fall_of_a_register_of_unknown_width_is_one_reset(sql: Sql) -> None:
    where = "asset_id = 'rollover_99999'"
    assert sql(f"SELECT sum(energy_kwh) FROM marts.energy_1d WHERE {where}") == [(1.0,)]
    assert sql(f"SELECT kind FROM marts.counter_events WHERE {where}") == [("reset",)]


def test_an_hour_of_the_p1_monitor_is_read_at_its_end(sql: Sql) -> None:
    where = "asset_id = 'p1mon_hour_is_end' AND signal = 'VERBR_KWH_181'"
    days = f"SELECT local_date::VARCHAR, energy_kwh FROM marts.energy_1d WHERE {where} ORDER BY 1"
    assert sql(days)[:2] == [("2024-01-10", 21.0), ("2024-01-11", 12.0)]
    hour = "interval_start >= '2024-01-10 22:00:00+00' AND interval_end <= '2024-01-10 23:00:00+00'"
    assert sql(f"SELECT sum(energy_kwh) FROM marts.energy_15min WHERE {where} AND {hour}") == [(10.0,)]


def test_green_button_values_have_their_power_of_ten(sql: Sql) -> None:
    where = "asset_id = 'espi_xml'"
    assert sql(f"SELECT sum(energy_kwh), min(interval_start)::VARCHAR FROM marts.energy_15min WHERE {where}") == [
        (2.0, "2024-01-01 05:00:00+00")
    ]


def test_a_value_a_local_day_is_that_days_whole_whatever_its_length(sql: Sql) -> None:
    where = "asset_id = 'daily_dst'"
    dates = ("2024-03-29", "2024-03-30", "2024-03-31", "2024-04-01", "2024-10-26", "2024-10-27", "2024-10-28")
    days = f"SELECT local_date::VARCHAR, energy_kwh, coverage FROM marts.energy_1d WHERE {where} ORDER BY 1"
    assert sql(days) == [(date, 24.0, 1.0) for date in dates]
    assert sql(f"SELECT local_date::VARCHAR, n, coverage FROM marts.lod_1d WHERE {where} ORDER BY 1") == [
        (date, 1, 1.0) for date in dates
    ]
    assert sql(f"SELECT rule FROM marts.quality_findings WHERE {where} AND rule NOT IN ('gap', 'missing_days')") == []


def test_stamps_with_an_offset_are_instants(sql: Sql) -> None:
    rows = "SELECT ts::VARCHAR, interval_end::VARCHAR, value FROM raw.meter_observations"
    assert sql(f"{rows} WHERE asset_id = 'offset_in_pattern' ORDER BY ts") == [
        ("2022-12-31 23:00:00+00", "2022-12-31 23:15:00+00", 0.11),
        ("2023-06-30 22:00:00+00", "2023-06-30 22:15:00+00", 0.12),
    ]


def test_a_changed_layout_leaves_nothing_of_the_earlier_reading(sql: Sql) -> None:
    where = "asset_id = 'relayout'"
    assert sql(f"SELECT signal, count(*) FROM raw.meter_observations WHERE {where} GROUP BY 1") == [("B", 2)]
    assert sql(f"SELECT signal FROM marts.signals WHERE {where}") == [("B",)]
    assert sql(f"SELECT signal, sum(energy_kwh) FROM marts.energy_1d WHERE {where} GROUP BY 1") == [("B", 0.5)]


def test_half_hours_with_twice_the_values_give_none(sql: Sql) -> None:
    assert sql("SELECT count(*) FROM raw.meter_observations WHERE asset_id LIKE '4102000000%'") == [(0,)]
    reason = "error LIKE '%has 96 values, and its interval length asks for 48%'"
    assert sql(f"SELECT status, {reason} FROM ops.fetches WHERE path LIKE '%nem.csv'") == [("refused", True)]


def test_one_row_of_the_commitment_at_the_end_of_a_file_is_no_dispatch_price(sql: Sql) -> None:
    late = "iso = 'NYISO' AND interval_start < '2026-08-14 01:45:00+00' AND interval_end > '2026-08-14 01:40:00+00'"
    assert sql(f"SELECT lmp_usd_mwh FROM marts.iso_prices WHERE market = 'RT5' AND {late}") == []
    assert sql("SELECT count(*) FROM marts.iso_prices WHERE iso = 'NYISO' AND market = 'RT5'") == [(6,)]


def test_an_ercot_price_that_its_document_states_twice_is_none_of_both(sql: Sql) -> None:
    assert sql("SELECT count(*) FROM raw.iso_prices WHERE location = 'TST_RN'") == [(0,)]
    refused = sql("SELECT line, raw_text FROM raw.quarantine WHERE source = 'ercot-rt15-spp' ORDER BY line")
    assert [line for line, _ in refused] == [2, 3]


def test_a_layout_that_names_a_part_twice_is_an_error_of_that_layout_and_other_files_land(tmp_path: Path) -> None:
    case = CASES / "meter" / "crash_format_twice"
    (tmp_path / "home" / "layouts").mkdir(parents=True)
    (tmp_path / "home" / "layouts" / "upow.toml").write_bytes((case / "layout.toml").read_bytes())
    (tmp_path / "in" / "m1").mkdir(parents=True)
    (tmp_path / "in" / "f.csv").write_bytes((case / "f.csv").read_bytes())
    (tmp_path / "in" / "m1" / "com_ap.csv").write_text("ts,com_ap\n2024-06-01 00:00:00,1\n")
    done = wattlake(tmp_path / "home", "land", "meter", str(tmp_path / "in"))
    assert "upow.toml" in done.output
    shown = wattlake(tmp_path / "home", "sql", "SELECT count(*) AS n FROM raw.meter_observations", "--format", "json")
    assert json.loads(shown.stdout) == [{"n": 1}]
