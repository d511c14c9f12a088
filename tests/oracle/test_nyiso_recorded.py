"""Recorded files of NYISO land as they stand, or are refused by what they are."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.documents import parse, rows
from tests.support.given import refused

pytestmark = pytest.mark.real_data

#: File → (source, hours of its day, first hour).
DAYS = {
    "20251102damlbmp_zone_trim3zones_DSTend.csv": ("nyiso-dam-lbmp-zone", 25, datetime(2025, 11, 2, 4, tzinfo=UTC)),
    "20251102rtlbmp_zone_trim3zones_DSTend.csv": ("nyiso-rth-lbmp-zone", 25, datetime(2025, 11, 2, 4, tzinfo=UTC)),
    "20250309rtlbmp_zone_trim3zones_DSTstart.csv": ("nyiso-rth-lbmp-zone", 23, datetime(2025, 3, 9, 5, tzinfo=UTC)),
}


@pytest.mark.parametrize("name", DAYS)
def test_a_day_of_changing_clocks_lands_hour_by_hour_in_the_files_order(recorded: Path, name: str) -> None:
    source, hours, first = DAYS[name]
    path = recorded / "iso" / "nyiso" / name
    pieces = parse(source, path)
    assert not refused(pieces)
    with path.open(newline="") as file:
        written = list(csv.reader(file))[1:]
    found = rows(pieces)
    for zone in ("N.Y.C.", "PJM", "WEST"):
        # Every zone has one row an hour, in order: the n-th one is of the n-th hour of the day.
        expected = [
            (first + timedelta(hours=number), Decimal(row[3]), Decimal(row[4]), -Decimal(row[5]), row[2])
            for number, row in enumerate(row for row in written if row[1] == zone)
        ]
        assert len(expected) == hours
        assert expected == [
            (
                row["interval_start"],
                row["lmp_usd_mwh"],
                row["loss_usd_mwh"],
                row["congestion_usd_mwh"],
                row["location_id"],
            )
            for row in found
            if row["location"] == zone
        ]


@pytest.mark.parametrize("name", DAYS)
def test_the_energy_component_of_an_hour_is_one_price_for_all_zones(recorded: Path, name: str) -> None:
    energies: dict[object, set[object]] = {}
    for row in rows(parse(DAYS[name][0], recorded / "iso" / "nyiso" / name)):
        energies.setdefault(row["interval_start"], set()).add(row["energy_usd_mwh"])
    spread = [max(found) - min(found) for found in energies.values()]
    assert len(spread) == DAYS[name][1]
    # Three numbers in cents are rounded each by itself.
    assert max(spread) <= Decimal("0.02")


def test_a_document_that_only_holds_rows_ahead_of_its_time_is_of_forecasts(recorded: Path) -> None:
    found = rows(parse("nyiso-rt5-lbmp-zone", recorded / "iso" / "nyiso" / "20160218realtime_zone_partial.csv"))
    assert len(found) == 45 and {row["vintage"] for row in found} == {"advisory"}
    assert {(row["interval_start"], row["interval_end"]) for row in found} == {
        (
            datetime(2016, 2, 18, 5, tzinfo=UTC) + timedelta(minutes=15 * number),
            datetime(2016, 2, 18, 5, 15, tzinfo=UTC) + timedelta(minutes=15 * number),
        )
        for number in range(3)
    }


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("20160401rtfuelmix.csv.zip", "fuel mix"),
        ("20250201rtfuelmix_csv.zip", "fuel mix"),
        ("20171122rtfuelmix.csv", "fuel mix"),
        ("20171122ExternalLimitsFlows.csv", "interface limits and flows"),
        ("20171122isolf.csv", "load forecast"),
        ("20250219isolf.csv", "load forecast"),
        ("20171122pal.csv", "load"),
    ],
)
@pytest.mark.parametrize("source", ["nyiso-dam-lbmp-zone", "nyiso-rt5-as"])
def test_other_documents_are_refused_by_what_they_are(recorded: Path, source: str, name: str, what: str) -> None:
    with pytest.raises(UnreadableFile, match=f"NYISO's {what}, not prices"):
        parse(source, recorded / "iso" / "nyiso" / name)


def test_every_recorded_file_is_tested_here(recorded: Path) -> None:
    others = {"20160218realtime_zone_partial.csv", "20160401rtfuelmix.csv.zip", "20250201rtfuelmix_csv.zip"}
    others |= {f"20171122{kind}.csv" for kind in ("rtfuelmix", "ExternalLimitsFlows", "isolf", "pal")}
    others |= {"20250219isolf.csv"}
    assert {path.name for path in (recorded / "iso" / "nyiso").iterdir()} == others | DAYS.keys()


@pytest.mark.parametrize(
    "name", ["nyiso_20250309palIntegrated_sample_DSTstart.csv", "nyiso_20251102palIntegrated_sample_DSTend.csv"]
)
def test_recorded_integrated_load_is_on_consecutive_hours_across_both_changes(recorded: Path, name: str) -> None:
    pieces = parse("nyiso-load-actual", recorded / "iso" / "feeds" / name)
    assert refused(pieces) == []
    capital = [r for r in rows(pieces) if r["area"] == "CAPITL"]
    first = datetime(2025, 3, 9, 5, tzinfo=UTC) if "0309" in name else datetime(2025, 11, 2, 4, tzinfo=UTC)
    assert [r["interval_start"] for r in capital] == [first + timedelta(hours=n) for n in range(len(capital))]
    assert (len(capital), capital[2]["load_mw"]) == (
        (4, Decimal("1242.5531")) if "0309" in name else (6, Decimal("1062.1101"))
    )


@pytest.mark.parametrize(("name", "first"), [("20171122isolf.csv", 13962), ("20250219isolf.csv", 18054)])
def test_a_recorded_forecast_has_six_days_and_its_zones_add_up(recorded: Path, name: str, first: int) -> None:
    pieces = parse("nyiso-load-forecast", recorded / "iso" / "nyiso" / name)
    assert refused(pieces) == []
    hours: dict[datetime, dict[str, Decimal]] = {}
    for row in rows(pieces):
        hours.setdefault(row["interval_start"], {}).setdefault(row["area_type"], Decimal(0))
        hours[row["interval_start"]][row["area_type"]] += row["load_mw"]
    assert len(hours) == 6 * 24 and all(each["ZONE"] == each["SYSTEM"] for each in hours.values())
    assert hours[min(hours)]["SYSTEM"] == first
    assert min(hours) == datetime.strptime(name[:8] + "05+0000", "%Y%m%d%H%z")
