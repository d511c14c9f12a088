"""What changes in an asset's declaration must reach every number made with it, as a full refresh would."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.device_files import minutes, write_signal
from tests.support.house import build, land, land_meter, rows

DAYS = "SELECT signal, local_date, interval_start, energy_kwh FROM energy_1d WHERE asset_id = 'm1' ORDER BY ALL"
LEVELS = "SELECT signal, local_date, bucket_start, n FROM lod_1d WHERE asset_id = 'm1' ORDER BY ALL"
FIGURES = "SELECT local_date, round(coverage, 9) FROM bess_kpis WHERE asset_id = 'b1' ORDER BY ALL"

Rows = list[tuple[object, ...]]
#: A house, and the rows of a query after the second build and after the full refresh.
Declared = tuple[Settings, Callable[[str], tuple[Rows, Rows]]]


@pytest.fixture(scope="module")
def declared_anew(tmp_path_factory: pytest.TempPathFactory) -> Declared:
    """A house in which declarations of m1 and b1 changed between two builds, and then everything was built anew."""
    folder = tmp_path_factory.mktemp("declared")
    settings = Settings(home=folder / "home", threads=2)
    stamps = [f"2024-06-0{day} {hour}:{minute:02d}:00" for day in (3, 4) for hour in (12, 13) for minute in (0, 30)]
    moved = write_signal(folder, "m1", "pos_ae", [(s, i) for i, s in enumerate(stamps)])
    land_meter(settings, moved, timezone="UTC", site_timezone="Europe/Berlin")
    early = write_signal(folder, "b1", "bms1_soc", [(s, 50) for s in minutes("2024-06-01", 96)])
    land(settings, "bess", [early], LandOptions())
    values = ["1000", "1000.1", "0", "0", "1000.2", "1000.3"]
    dropped = write_signal(folder, "m2", "pos_ae", list(zip(minutes("2024-06-01", 6, 5), values, strict=True)))
    land_meter(settings, dropped)
    build(settings)

    land_meter(settings, moved, timezone="UTC", site_timezone="America/Los_Angeles")
    late = write_signal(folder, "b1", "bms1_soh", [(s, 99) for s in minutes("2024-06-10", 96)])
    land(settings, "bess", [late], LandOptions())
    assert build(settings).mode == "incremental"
    found = {query: rows(settings, query) for query in (DAYS, LEVELS, FIGURES)}
    build(settings, full_refresh=True)
    return settings, lambda query: (found[query], rows(settings, query))


def test_another_calendar_leaves_no_day_of_the_one_before(declared_anew: Declared) -> None:
    _, of = declared_anew
    for query in (DAYS, LEVELS):
        found, anew = of(query)
        assert found == anew and found


def test_a_signal_that_comes_later_counts_in_the_coverage_of_every_day(declared_anew: Declared) -> None:
    found, anew = declared_anew[1](FIGURES)
    assert found == anew and found


def test_a_battery_without_alarm_signals_has_no_alarm_seconds_and_no_availability_from_them(
    declared_anew: Declared,
) -> None:
    found = rows(declared_anew[0], "SELECT DISTINCT alarm_seconds, alarm_any_seconds FROM bess_kpis")
    assert found == [(None, None)]


def test_a_dropout_of_several_samples_adds_no_energy(declared_anew: Declared) -> None:
    ((kwh,),) = rows(declared_anew[0], "SELECT sum(energy_kwh)::DOUBLE FROM energy_1d WHERE asset_id = 'm2'")
    assert kwh < 1
