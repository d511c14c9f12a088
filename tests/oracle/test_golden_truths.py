"""Known figures of recorded files, through the whole house: `wattlake land`, `build` and `sql` as a user types them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from lakehouse.writing.contradictions import CONTRADICTED

pytestmark = pytest.mark.real_data

Sql = Callable[[str], list[tuple[Any, ...]]]


#: Long recordings of which no figure is known here; tests/oracle/test_layouts_*.py read each of them, every night all
#: of them pass through the house.
LONG = (
    "p1mon_minute.csv", "opsd_residential4_60min.csv", "em_data_phase*.csv",
    "sma_tripower_5min_2025.csv", "*_produ_CurrentElectricityQuantity_5yrhours.csv", "gas_*.csv", "kokam_*.csv",
    "average_temperature.csv", "data_BESS_norm.csv", "load_w.csv", "battery_w.csv", "soc_pct.csv", "pv_w.csv",
)  # fmt: skip


@pytest.fixture(
    scope="module", params=[LONG, pytest.param((), marks=pytest.mark.nightly)], ids=["short ones", "every file"]
)
def sql(request: pytest.FixtureRequest, recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Sql:
    """`wattlake sql` over a house that holds the recorded meter and battery files."""
    folder = tmp_path_factory.mktemp("golden")
    home = folder / "home"
    for domain in ("meter", "bess"):
        shutil.copytree(recorded / domain, folder / domain, ignore=shutil.ignore_patterns(*request.param))
    runner = CliRunner(env={"WATTLAKE_HOME": str(home)})
    # The folders hold lists and prices, which are refused: the rest has landed.
    for arguments, code in (
        (["land", "meter", str(folder / "meter")], 1),
        (["land", "bess", str(folder / "bess"), "--timezone", "Africa/Johannesburg"], 1),
        (["build"], 0),
    ):
        done = runner.invoke(main, arguments, catch_exceptions=False)
        assert done.exit_code == code, done.output

    def query(text: str) -> list[tuple[Any, ...]]:
        shown = runner.invoke(main, ["sql", text, "--format", "json"], catch_exceptions=False)
        assert shown.exit_code == 0, shown.output
        return [tuple(row.values()) for row in json.loads(shown.output)]

    return query


@pytest.mark.parametrize(
    ("signal", "kwh", "spike_kwh"),
    [
        ("VERBR_KWH_181", 11707.09, 995.144),
        ("VERBR_KWH_182", 3839.34, 334.503),
        ("GELVR_KWH_282", 7669.10, 158.818),
    ],
)
def test_p1_registers_count_past_the_spike_which_is_named(sql: Sql, signal: str, kwh: float, spike_kwh: float) -> None:
    where = f"asset_id = 'p1mon_hour' AND signal = '{signal}'"
    assert sql(f"SELECT round(sum(energy_kwh), 2) FROM marts.energy_1d WHERE {where}") == [(kwh,)]
    # The row 15:00 of 4 November holds it, and an hour's register is read at its end: 16:00 CET.
    spikes = f"SELECT kind, size_kwh, occurred_at::VARCHAR FROM marts.counter_events WHERE {where} AND kind = 'spike'"
    assert sql(spikes) == [("spike", spike_kwh, "2022-11-04 15:00:00+00")]


@pytest.mark.parametrize(
    ("stem", "wh", "events"),
    [
        ("elec_solar_quantity", 15_317_680, {"reset": 1, "correction": 11}),
        ("elec_quantity_nt_orig", 8_020_769, {"freeze": 1}),
        ("elec_quantity_lt_orig", 8_272_634, {"freeze": 1}),
    ],
)
def test_toon_registers_count_what_they_count_and_each_event_is_told(
    sql: Sql, stem: str, wh: int, events: dict[str, int]
) -> None:
    where = f"asset_id = 'toon' AND signal = '{stem}_CurrentElectricityQuantity_5yrhours'"
    assert sql(f"SELECT sum(energy_kwh) * 1000 = {wh} FROM marts.energy_15min WHERE {where}") == [(True,)]
    assert dict(sql(f"SELECT kind, count(*) FROM marts.counter_events WHERE {where} GROUP BY kind")) == events


def test_the_frozen_span_of_toon_is_kept_and_marked_as_estimated(sql: Sql) -> None:
    where = "asset_id = 'toon' AND signal LIKE 'elec_quantity_nt_orig%'"
    found = sql(
        f"""
        SELECT date_diff('hour', span_start, occurred_at), size_kwh,
            (SELECT sum(energy_kwh) FROM marts.energy_15min
             WHERE {where} AND is_estimated AND interval_start >= span_start AND interval_end <= occurred_at)
        FROM marts.counter_events WHERE {where}
        """
    )
    assert found == [(26 * 24 + 22, 114.327, 114.327)]


def test_the_load_profile_is_whole(sql: Sql) -> None:
    where = "asset_id = 'lastgang_rlm_2024_15min' AND signal = 'Wirkleistung'"
    assert sql(f"SELECT sum(n), sum(sum_exact) / 4, max(max) FROM marts.lod_15min WHERE {where}") == [
        (35_136, 1_091_945.25, 319.0)
    ]
    assert sql(f"SELECT sum(energy_kwh) FROM marts.energy_1d WHERE {where}") == [(1_091_945.25,)]
    days = dict(sql(f"SELECT n, count(*) FROM marts.lod_1d WHERE {where} GROUP BY n"))
    assert days == {92: 1, 96: 364, 100: 1}


@pytest.mark.parametrize(
    ("asset", "signal", "day"),
    [
        ("123456879123456789", "Offtake Night", "2023-10-29"),
        ("123456879123456789", "Injection Night", "2023-10-29"),
        ("871717720000051862", "ellm", "2025-10-26"),
    ],
)
def test_the_repeated_hour_of_autumn_is_complete(sql: Sql, asset: str, signal: str, day: str) -> None:
    where = f"asset_id = '{asset}' AND signal = '{signal}' AND local_date = '{day}'"
    assert sql(f"SELECT n, n_expected FROM marts.lod_1d WHERE {where}") == [(100, 100.0)]


def test_a_days_mean_is_over_its_samples(sql: Sql) -> None:
    where = "asset_id = 'sunsynk_home' AND signal = 'grid_w' AND local_date = '2023-03-28'"
    assert sql(f"SELECT round(mean, 1) FROM marts.lod_1d WHERE {where}") == [(476.4,)]


def test_the_rack_system_has_its_spread_and_mean_current(sql: Sql) -> None:
    where = "asset_id = 'bess_data_task1_10s'"
    assert sql(f"SELECT round(max(cell_v_spread_max_v), 6) FROM marts.bess_kpis WHERE {where}") == [(0.375,)]
    mean = f"SELECT round(sum(sum) / sum(n), 3) FROM marts.lod_1d WHERE {where} AND signal = 'BMU1_total_current'"
    assert sql(mean) == [(112.315,)]


def test_every_refused_row_has_its_file_line_text_and_reason(sql: Sql) -> None:
    refused = sql("SELECT count(*), count(file), count(raw_text), min(length(reason)) > 10 FROM raw.quarantine")
    assert refused == [(7, 7, 7, True)]
    unread = sql(
        "SELECT parse_filename(path), error LIKE '%next:%' FROM ops.fetches WHERE status = 'refused' ORDER BY 1"
    )
    assert unread == [("PROVENANCE.csv", True), ("PROVENANCE.csv", True), ("smard_price_2024.csv", True)]


#: Instants of the GivenEnergy recordings of which a page states two values, counted in the files themselves.
CONTRADICTIONS = {"MeterData_2025-06-03.json": 2, "MeterData_2025-06-04.json": 1, "MeterData_2025-06-06.json": 1}


def test_lines_that_a_later_line_of_their_file_contradicts_are_told_by_file(sql: Sql) -> None:
    told = f"""
        SELECT parse_filename(file), count(*) FROM raw.quarantine WHERE reason = '{CONTRADICTED}' GROUP BY file
    """
    assert dict(sql(told)) == CONTRADICTIONS


def test_what_was_read_is_what_landed_was_empty_or_was_refused(sql: Sql) -> None:
    # A contradicted row is read with the others, and is in quarantine as well.
    unexplained = sql(
        f"""
        SELECT file FROM ops.slices
        WHERE rows_read <> rows_new + rows_equal + conflicts + rows_empty + rows_quarantined - (
            SELECT count(*) FROM raw.quarantine AS kept
            WHERE kept.source_object = slices.sha256 AND kept.reason = '{CONTRADICTED}'
        )
        """
    )
    assert unexplained == []
