"""What changes in an asset's declaration must reach every number made with it, as a full refresh would."""

from __future__ import annotations

from pathlib import Path

from flows.land import land
from flows.transform import build
from ingest.source import LandOptions
from lakehouse.settings import Settings

from .conftest import land_meter, minutes, rows, write_signal

DAYS = "SELECT signal, local_date, interval_start, energy_kwh FROM energy_1d ORDER BY ALL"
LEVELS = "SELECT signal, local_date, bucket_start, n FROM lod_1d ORDER BY ALL"
FIGURES = "SELECT local_date, round(coverage, 9) FROM bess_kpis ORDER BY ALL"


def test_another_calendar_leaves_no_day_of_the_one_before(settings: Settings, tmp_path: Path) -> None:
    stamps = [f"2024-06-0{day} {hour}:{minute:02d}:00" for day in (3, 4) for hour in (12, 13) for minute in (0, 30)]
    path = write_signal(tmp_path, "m1", "pos_ae", [(s, i) for i, s in enumerate(stamps)])
    land_meter(settings, path, timezone="UTC", site_timezone="Europe/Berlin")
    build(settings)
    land_meter(settings, path, timezone="UTC", site_timezone="America/Los_Angeles")
    build(settings)
    found = rows(settings, DAYS), rows(settings, LEVELS)
    build(settings, full_refresh=True)
    assert found == (rows(settings, DAYS), rows(settings, LEVELS))


def test_a_signal_that_comes_later_counts_in_the_coverage_of_every_day(settings: Settings, tmp_path: Path) -> None:
    early = write_signal(tmp_path, "b1", "bms1_soc", [(s, 50) for s in minutes("2024-06-01", 96)])
    late = write_signal(tmp_path, "b1", "bms1_soh", [(s, 99) for s in minutes("2024-06-10", 96)])
    land(settings, "bess", [early], LandOptions())
    build(settings)
    land(settings, "bess", [late], LandOptions())
    build(settings)
    found = rows(settings, FIGURES)
    build(settings, full_refresh=True)
    assert found == rows(settings, FIGURES)


def test_a_battery_without_alarm_signals_has_no_alarm_seconds_and_no_availability_from_them(
    settings: Settings, tmp_path: Path
) -> None:
    path = write_signal(tmp_path, "b1", "bms1_soc", [(s, 50) for s in minutes("2024-06-01", 96)])
    land(settings, "bess", [path], LandOptions())
    build(settings)
    assert rows(settings, "SELECT DISTINCT alarm_seconds, alarm_any_seconds FROM bess_kpis") == [(None, None)]


def test_a_dropout_of_several_samples_adds_no_energy(settings: Settings, tmp_path: Path) -> None:
    values = ["1000", "1000.1", "0", "0", "1000.2", "1000.3"]
    path = write_signal(tmp_path, "m1", "pos_ae", list(zip(minutes("2024-06-01", 6, 5), values, strict=True)))
    land_meter(settings, path)
    build(settings)
    ((kwh,),) = rows(settings, "SELECT sum(energy_kwh)::DOUBLE FROM energy_1d")
    assert kwh < 1
