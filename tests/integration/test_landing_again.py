"""What a landing must never do: mix two readings of the same bytes, lose rows, or be stopped by one cell."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.errors import TerminalError
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.device_files import write_signal
from tests.support.house import land, land_meter, query, replay

ROWS = [("2024-06-01 12:00:00", 1), ("2024-06-01 13:00:00", 2), ("2024-06-01 14:00:00", 4)]
UTC_HOURS = [datetime(2024, 6, 1, hour, tzinfo=UTC) for hour in (12, 13, 14)]
BERLIN_HOURS = [datetime(2024, 6, 1, hour, tzinfo=UTC) for hour in (10, 11, 12)]


def stamps(settings: Settings, asset: str) -> list[object]:
    return [
        ts for (ts,) in query(settings, f"SELECT ts FROM raw.meter_observations WHERE asset_id = '{asset}' ORDER BY 1")
    ]


@pytest.mark.parametrize("asset", ["Zähler 1", 'm"2', "m\\3"])
def test_bytes_read_anew_leave_no_earlier_reading_whatever_their_folder_is_called(
    settings: Settings, tmp_path: Path, asset: str
) -> None:
    path = write_signal(tmp_path, asset, "pos_ae", ROWS)
    land_meter(settings, path)
    land_meter(settings, path, timezone="UTC")
    assert stamps(settings, asset) == UTC_HOURS


@pytest.mark.parametrize("asset", ["Zähler 1", 'm"2'])
def test_landing_again_is_unchanged_whatever_the_folder_is_called(
    settings: Settings, tmp_path: Path, asset: str
) -> None:
    path = write_signal(tmp_path, asset, "pos_ae", ROWS)
    land_meter(settings, path)
    assert [outcome.status for outcome in land_meter(settings, path).files] == ["unchanged"]


def test_going_back_to_the_first_time_zone_brings_the_first_reading_back(settings: Settings, tmp_path: Path) -> None:
    path = write_signal(tmp_path, "m1", "pos_ae", ROWS)
    land_meter(settings, path)
    land_meter(settings, path, timezone="UTC")
    land_meter(settings, path)
    assert stamps(settings, "m1") == BERLIN_HOURS
    assert {table.outcome for table in replay(settings, dry_run=True).tables} == {"equal"}


def test_a_copy_in_another_folder_read_in_another_zone_leaves_no_earlier_reading(
    settings: Settings, tmp_path: Path
) -> None:
    first = write_signal(tmp_path, "downloads", "pos_ae", ROWS)
    second = write_signal(tmp_path, "sorted", "pos_ae", ROWS)
    land_meter(settings, first, asset="m1")
    land_meter(settings, second, asset="m1", timezone="UTC")
    assert stamps(settings, "m1") == UTC_HOURS


def test_reading_one_file_anew_leaves_the_rows_of_a_register_with_the_same_bytes(
    settings: Settings, tmp_path: Path
) -> None:
    names = [f"elec_quantity_{r}_orig_CurrentElectricityQuantity_5yrhours" for r in ("lt", "nt")]
    paths = []
    for name in names:
        path = tmp_path / "toon" / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("1717236000,0\n1717239600,0\n1717243200,0\n")
        paths.append(path)
    land_meter(settings, *paths)
    land_meter(settings, paths[1], site_timezone="UTC")
    found = query(settings, "SELECT signal, count(*) FROM raw.meter_observations GROUP BY 1 ORDER BY 1")
    assert found == [(name, 3) for name in names]


def test_reading_one_file_anew_leaves_what_another_file_states_too(settings: Settings, tmp_path: Path) -> None:
    first = write_signal(tmp_path / "a", "m1", "pos_ae", ROWS[:2])
    second = write_signal(tmp_path / "b", "m1", "pos_ae", ROWS[1:])
    land_meter(settings, first, timezone="UTC")
    land_meter(settings, second, timezone="UTC")
    land_meter(settings, first, timezone="Asia/Tokyo")
    assert UTC_HOURS[1] in stamps(settings, "m1")  # the second file says so still


@pytest.mark.parametrize("stamp", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_an_impossible_year_refuses_its_row_and_not_the_landing(settings: Settings, tmp_path: Path, stamp: str) -> None:
    bad = write_signal(tmp_path, "bad", "pos_ae", [(stamp, 1), *ROWS])
    good = write_signal(tmp_path, "good", "pos_ae", ROWS)
    assert land_meter(settings, bad, good, timezone="America/New_York" if stamp > "1" else "Europe/Berlin").ok
    assert len(stamps(settings, "good")) == 3
    assert {table.outcome for table in replay(settings, dry_run=True).tables} == {"equal"}


def test_a_file_name_that_is_no_unicode_lands_or_is_refused_alone(settings: Settings, tmp_path: Path) -> None:
    good = write_signal(tmp_path, "good", "pos_ae", ROWS)
    odd = Path(str(tmp_path / "odd") + "\udcff") / "pos_ae.csv"
    odd.parent.mkdir()
    odd.write_bytes(good.read_bytes())
    land_meter(settings, good, odd)
    assert len(stamps(settings, "good")) == 3


def test_a_signal_does_not_change_its_unit_under_rows_that_have_landed(settings: Settings, tmp_path: Path) -> None:
    folder = settings.root / "layouts"
    folder.mkdir(parents=True)
    (folder / "w.toml").write_text(
        'name = "wattmeter"\ndomain = "meter"\ndescription = "the same signal in W"\n'
        '[recognise]\nheader = ["time", "com_ap"]\n[stamps]\ncolumns = ["time"]\ntimezone = "Europe/Berlin"\n'
        '[asset]\nsource = "folder"\n[[signal]]\nname = "com_ap"\nkind = "instant"\nunit = "W"\n'
    )
    land_meter(settings, write_signal(tmp_path / "kilo", "m1", "com_ap", [("2024-06-01 12:00:00", 5)]))
    watts = tmp_path / "watt" / "m1" / "com_ap.csv"
    watts.parent.mkdir(parents=True)
    watts.write_text("time,com_ap\n2024-06-02 12:00:00,5000\n")
    land_meter(settings, watts)
    found = query(
        settings,
        "SELECT count(DISTINCT CASE unit WHEN 'W' THEN value / 1000 ELSE value END) "
        "FROM raw.meter_observations JOIN raw.signals USING (asset_id, signal)",
    )
    assert found == [(1,)]


def test_a_refusal_names_its_file(settings: Settings, tmp_path: Path) -> None:
    empty = tmp_path / "m7" / "pos_ae.csv"
    empty.parent.mkdir()
    empty.write_text("")
    report = land(settings, "meter", [empty], LandOptions())
    assert "m7" in str(report.files[0].reason)


@pytest.mark.parametrize("limit", [-5.0, 0.0, float("nan")])
def test_a_connection_limit_that_is_none_is_refused(settings: Settings, tmp_path: Path, limit: float) -> None:
    path = write_signal(tmp_path, "m1", "pos_ae", ROWS)
    with pytest.raises(TerminalError, match="max_power_kw must be a positive number"):
        land_meter(settings, path, max_power_kw=limit)
