"""NYISO's load: hours at both changes of the clock, one name a zone, and when a forecast was published."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.documents import local_grid, parse, rows
from tests.support.given import refused

INTEGRATED = '"Time Stamp","Time Zone","Name","PTID","Integrated Load"\n'
ZONES = ("Capitl", "Centrl", "Dunwod", "Genese", "Hud Vl", "Longil", "Mhk Vl", "Millwd", "N.Y.C.", "North", "West")
FORECAST = ",".join(f'"{name}"' for name in ("Time Stamp", *ZONES, "NYISO")) + "\n"


def integrated(stamp: str, zone: str, load: str, name: str = "HUD VL") -> str:
    return f'"{stamp}:00:00","{zone}","{name}",61758,{load}\n'


@pytest.mark.parametrize(
    ("hours", "instants"),
    [
        # Clocks of New York go from 02:00 EST to 03:00 EDT on 2025-03-09, and back on 2025-11-02.
        ([("03/09/2025 01", "EST"), ("03/09/2025 03", "EDT")], [(2025, 3, 9, 6), (2025, 3, 9, 7)]),
        (
            [("11/02/2025 00", "EDT"), ("11/02/2025 01", "EDT"), ("11/02/2025 01", "EST"), ("11/02/2025 02", "EST")],
            [(2025, 11, 2, 4), (2025, 11, 2, 5), (2025, 11, 2, 6), (2025, 11, 2, 7)],
        ),
    ],
)
def test_a_stamp_is_the_start_of_its_hour_and_its_zone_tells_the_repeated_one(
    hours: list[tuple[str, str]], instants: list[tuple[int, int, int, int]]
) -> None:
    text = INTEGRATED + "".join(integrated(stamp, zone, f"{n}.5") for n, (stamp, zone) in enumerate(hours))
    found = rows(parse("nyiso-load-actual", text, "20251102palIntegrated.csv"))
    assert [r["interval_start"] for r in found] == [datetime(*at, tzinfo=UTC) for at in instants]
    assert {r["interval_end"] - r["interval_start"] for r in found} == {timedelta(hours=1)}
    assert [float(r["load_mw"]) for r in found] == [n + 0.5 for n in range(len(hours))]
    assert {(r["kind"], r["report"], r["area_type"]) for r in found} == {("actual", "palIntegrated", "ZONE")}


def test_rows_off_the_hour_of_a_wrong_zone_or_without_load_do_not_land() -> None:
    text = INTEGRATED + integrated("07/01/2025 01", "EDT", "1") + integrated("07/01/2025 02", "EST", "2")
    text += '"07/01/2025 03:05:00","EDT","HUD VL",61758,3\n' + integrated("07/01/2025 04", "EDT", "")
    pieces = parse("nyiso-load-actual", text)
    assert [(line, field) for line, field, _ in refused(pieces)] == [(3, "Time Zone"), (4, "Time Stamp")]
    assert ([r["load_mw"] for r in rows(pieces)], pieces[0].rows_empty, pieces[0].rows_read) == ([1], 1, 4)


@pytest.mark.parametrize(("day", "hours"), [("2025-03-09", 23), ("2025-11-02", 25), ("2025-07-01", 24)])
def test_a_forecast_has_every_hour_of_a_change_of_the_clock_by_its_order(day: str, hours: int) -> None:
    grid = local_grid(day, 60, "America/New_York")
    assert len(grid) == hours
    wall = [at - timedelta(hours=5 if _is_winter(at) else 4) for at in grid]
    text = FORECAST + "".join(
        f'"{at:%m/%d/%Y %H:%M}",' + ",".join(str(100 * n + z) for z in range(12)) + "\n" for n, at in enumerate(wall)
    )
    found = rows(parse("nyiso-load-forecast", text, "20250701isolf.csv"))
    system = [r for r in found if r["area_type"] == "SYSTEM"]
    assert [(r["interval_start"], r["load_mw"]) for r in system] == [(at, 100 * n + 11) for n, at in enumerate(grid)]
    assert {r["area"] for r in found} == {*(zone.upper() for zone in ZONES), "NYISO"}
    assert {r["load_mw"] for r in found if r["area"] == "HUD VL"} == {100 * n + 4 for n in range(hours)}


def _is_winter(at: datetime) -> bool:
    """In 2025 New York keeps EDT from 2025-03-09 07:00Z to 2025-11-02 06:00Z."""
    return not datetime(2025, 3, 9, 7, tzinfo=UTC) <= at < datetime(2025, 11, 2, 6, tzinfo=UTC)


def test_a_forecast_in_an_archive_was_published_when_it_was_written_by_new_yorks_clock() -> None:
    text = FORECAST + '"07/02/2025 00:00",' + ",".join("1" * 12) + "\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("20250702isolf.csv", (2025, 7, 1, 7, 45, 2)), text)
    found = rows(parse("nyiso-load-forecast", buffer.getvalue(), "20250701isolf_csv.zip"))
    assert {(r["published_at"], r["published_basis"]) for r in found} == {
        (datetime(2025, 7, 1, 11, 45, 2, tzinfo=UTC), "operator")
    }
    received = datetime(2025, 7, 9, tzinfo=UTC)
    (row, *_) = rows(parse("nyiso-load-forecast", text, received_at=received))
    assert (row["published_at"], row["published_basis"]) == (received, "received")


def test_files_of_load_are_told_apart_and_unknown_columns_refused() -> None:
    pal = '"Time Stamp","Time Zone","Name","PTID","Load"\n"11/22/2017 00:00:00","EST","CAPITL",61757,1140.5\n'
    with pytest.raises(UnreadableFile, match="instantaneous"):
        parse("nyiso-load-actual", pal)
    with pytest.raises(UnreadableFile, match="forecast") as error:
        parse("nyiso-load-actual", FORECAST + "x")
    assert "nyiso-load-forecast" in error.value.next_step
    with pytest.raises(UnreadableFile, match="unknown column 'Losses'"):
        parse("nyiso-load-actual", INTEGRATED.replace('"PTID"', '"PTID","Losses"') + "x")
