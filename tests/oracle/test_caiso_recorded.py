"""Recorded answers of CAISO land as they stand, or are refused by what they are."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ingest.iso.caiso.oasis import answered_at
from lakehouse.errors import UnreadableFile
from tests.support.documents import parse, rows
from tests.support.given import refused

pytestmark = pytest.mark.real_data

PRICES = "20260714_PRC_LMP_DAM_TH_SP15_excerpt5.csv"
#: File → what the refusal says of it.
REFUSED = {
    "20160519_20160520_ENE_SLRS_DAM_xml.zip": "report ENE_SLRS of OASIS as XML",
    "20160520_20160522_SLD_FCST_DAM_xml.zip": "report SLD_FCST of OASIS as XML",
    "20170312_DailyRenewablesWatch_DSTstart.txt": "Daily Renewables Watch",
    "20171105_DailyRenewablesWatch_DSTend.txt": "Daily Renewables Watch",
    "20250204_20250211_SLD_REN_FCST_DAM_20250214_04_52_10_v1.zip": "another report of OASIS (SLD_REN_FCST_DAM)",
    "20250219_20250227_SLD_FCST_7DA_20250221_01_09_58_v1.zip": "another report of OASIS (SLD_FCST_7DA)",
    "derived_rt15_STANDFD2_1_N011_2020.csv": "a third party",
    "derived_rt15_all_nodes_20241206T1300Z.csv": "a third party",
    "http_429_body.html": "CAISO Acceptable Use Policy Violation. Please retry your request after 5 seconds.",
    "oasis_ENE_SLRS_fragment.xml": "broken XML",
    "oasis_SLD_FCST_fragment.xml": "report SLD_FCST of OASIS as XML",
    "oasis_no_data_error_1000.xml": "no data for the request (1000: No data returned for the specified selection)",
    "outlook_history_20260311_rtm_forecast_7day.csv": "Today's Outlook",
}


def test_prices_land_exactly_as_written(recorded: Path) -> None:
    pieces = parse("caiso-dam-lmp", recorded / "iso" / "caiso" / PRICES)
    first = datetime(2026, 7, 14, 7, tzinfo=UTC)
    assert not refused(pieces)
    assert [(row["location"], row["interval_start"], row["lmp_usd_mwh"]) for row in rows(pieces)] == [
        ("TH_SP15_GEN-APND", first + timedelta(hours=number), Decimal(price))
        for number, price in enumerate(("55.5152", "48.61367", "46.41399", "43.25317", "43.97726"))
    ]


@pytest.mark.parametrize("source", ["caiso-rt5-lmp", "caiso-rt15-lmp", "caiso-hasp-lmp"])
def test_prices_of_another_market_are_refused(recorded: Path, source: str) -> None:
    with pytest.raises(UnreadableFile, match=r"unknown column|caiso-dam-lmp"):
        parse(source, recorded / "iso" / "caiso" / PRICES)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("source", ["caiso-dam-lmp", "caiso-rt5-lmp"])
def test_other_documents_are_refused_by_what_they_are(recorded: Path, source: str, name: str) -> None:
    with pytest.raises(UnreadableFile) as refusal:
        parse(source, recorded / "iso" / "caiso" / name)
    assert REFUSED[name] in str(refusal.value)


def test_every_recorded_file_is_tested_here(recorded: Path) -> None:
    assert {path.name for path in (recorded / "iso" / "caiso").iterdir()} == {PRICES, *REFUSED}


@pytest.mark.parametrize("name", [name for name in REFUSED if name.endswith("_xml.zip")])
def test_the_stamp_in_an_answers_name_is_the_pacific_reading_of_the_time_inside(recorded: Path, name: str) -> None:
    with zipfile.ZipFile(recorded / "iso" / "caiso" / name) as archive:
        (member,) = archive.namelist()
        root = ElementTree.fromstring(archive.read(member))
    (inside,) = [element.text for element in root.iter() if element.tag.endswith("}TimeDate")]
    assert answered_at(member) == datetime.fromisoformat(str(inside))


def test_recorded_load_around_the_repeated_hour_is_placed_by_gmt_and_the_areas_add_up(recorded: Path) -> None:
    path = recorded / "iso" / "feeds" / "caiso_sld_fcst_actual_20251102_sample_DSTend.csv"
    pieces = parse("caiso-load-actual", path)
    assert refused(pieces) == []
    system = {r["interval_start"]: r["load_mw"] for r in rows(pieces) if r["area_type"] == "SYSTEM"}
    # Read by eye: OPR_HR 1, 2, 25, 3 begin at 07:00Z, 08:00Z, 09:00Z and 10:00Z.
    assert system == {
        datetime(2025, 11, 2, 7 + n, tzinfo=UTC): mw for n, mw in enumerate((21295, 20717, 20536, 19520))
    }  # fmt: skip


def test_a_recorded_week_of_seven_day_forecasts_lands_whole_and_its_utilities_add_up_to_the_system(
    recorded: Path,
) -> None:
    name = "20250219_20250227_SLD_FCST_7DA_20250221_01_09_58_v1.zip"
    pieces = parse("caiso-load-forecast", recorded / "iso" / "caiso" / name)
    found = rows(pieces)
    assert refused(pieces) == [] and len(found) == 6432
    by_hour: dict[datetime, dict[str, Decimal]] = {}
    for row in found:
        by_hour.setdefault(row["interval_start"], {}).setdefault(row["area_type"], Decimal(0))
        by_hour[row["interval_start"]][row["area_type"]] += row["load_mw"]
    assert all(abs(each["SYSTEM"] - each["TAC"]) <= Decimal("0.02") for each in by_hour.values() if "TAC" in each)
    assert len(by_hour) == 8 * 24
    first = min(by_hour)
    issued = {r["published_at"] for r in found if r["interval_start"] == first}
    assert (first, issued) == (
        datetime(2025, 2, 19, 8, tzinfo=UTC), {datetime(2025, 2, 12, 17, 10, tzinfo=UTC)},
    )  # fmt: skip
