"""A simulated fleet is physical, repeats from its seed, and its documents have the operator's own layouts."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ingest.simulate.fleet import Fleet, layouts, simulate_fleet
from ingest.simulate.fleet.dam_disclosure import dam_members
from ingest.simulate.fleet.day_ahead import BLANK, TICKS
from ingest.simulate.fleet.price_postings import spp_postings
from ingest.simulate.fleet.publish import write_documents
from ingest.simulate.fleet.sced_disclosure import sced_members

SPRING, AUTUMN = date(2026, 3, 8), date(2024, 11, 3)


@cache
def fleet(rtcb: bool) -> Fleet:
    """Eight days around a clock change: of single resources in spring, of pairs in autumn."""
    return simulate_fleet(SPRING - timedelta(days=4) if rtcb else AUTUMN - timedelta(days=4), days=8, count=10)


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


@pytest.mark.parametrize("rtcb", [True, False])
def test_stored_energy_follows_output_with_its_losses_and_stays_within_the_battery(rtcb: bool) -> None:
    simulated = fleet(rtcb)
    real, calendar = simulated.real, simulated.calendar
    hours = np.diff(np.append(calendar.runs, calendar.period.end)) / 3600
    for number, battery in enumerate(simulated.batteries):
        moved = real.true_output[number]
        change = np.where(moved > 0, -moved / battery.discharge_efficiency, -moved * battery.charge_efficiency) * hours
        assert np.allclose(np.diff(real.true_soc[number]), change[:-1], atol=1e-9)
        assert real.true_soc[number].min() > 0 and real.true_soc[number].max() <= battery.energy_mwh + 1e-9
        assert np.abs(moved).max() <= battery.power_mw
        assert np.ptp(moved) > battery.power_mw, "it charges and discharges"


@pytest.mark.parametrize("rtcb", [True, False])
def test_energy_and_services_sold_ahead_fit_into_the_power_of_the_battery(rtcb: bool) -> None:
    simulated = fleet(rtcb)
    power = np.array([round(battery.power_mw * TICKS) for battery in simulated.batteries])[:, None]
    everything = [*simulated.ahead.services.items(), *simulated.ahead.load_services.items()]
    upward = sum(np.maximum(award, 0) for name, award in everything if name != "regdown")
    downward = sum(np.maximum(award, 0) for name, award in everything if name == "regdown")
    assert (np.maximum(simulated.ahead.plan, 0) + upward <= power).all()
    assert (-np.minimum(simulated.ahead.plan, 0) + downward <= power).all()


def test_awards_of_a_run_fit_into_what_the_base_point_leaves() -> None:
    simulated = fleet(True)
    power = np.array([battery.power_mw for battery in simulated.batteries])[:, None]
    upward = sum(np.maximum(award, 0) for name, award in simulated.real.awards.items() if name != "regdn") / TICKS
    assert (simulated.real.base_point + upward <= power + 1e-9).all()
    assert (np.maximum(simulated.real.awards["regdn"], 0) / TICKS - simulated.real.base_point <= power + 1e-9).all()


def test_nothing_offered_is_blank_and_nothing_awarded_is_zero() -> None:
    for simulated in (fleet(True), fleet(False)):
        awards = np.concatenate([award.ravel() for award in simulated.ahead.services.values()])
        assert (awards == BLANK).any() and (awards == 0).any() and (awards > 0).any()
        assert (simulated.ahead.energy == BLANK).any() and (simulated.ahead.energy == 0).any()


@pytest.mark.parametrize(("rtcb", "hours", "labels"), [(True, 23, range(1, 24)), (False, 25, range(1, 26))])
def test_the_day_of_a_clock_change_has_its_hours_counted_in_order(rtcb: bool, hours: int, labels: range) -> None:
    simulated = fleet(rtcb)
    day = simulated.calendar.period.dates.index(SPRING if rtcb else AUTUMN)
    sheet = next(content for name, content in dam_members(simulated, day).items() if "Gen_Resource" in name)
    assert [int(row[1]) for row in rows(sheet)[1:] if row[4] == "SIM_SUN_UNIT1"] == list(labels)
    quarters = np.flatnonzero(simulated.calendar.period.day_index(simulated.calendar.quarters) == day)
    postings = spp_postings(simulated, quarters)
    assert len(postings) == hours * 4
    clock = [tuple(rows(posting.content)[1][at] for at in (1, 2, 6)) for posting in postings]
    assert len(set(clock)) == hours * 4, "date, hour, interval and flag tell every interval apart"
    assert {hour for hour, _, _ in clock} == {str(hour) for hour in range(1, 25)} - ({"3"} if rtcb else set())
    assert sorted(interval for hour, interval, flag in clock if flag == "Y") == ([] if rtcb else ["1", "2", "3", "4"])


def test_runs_are_irregular_and_the_repeated_hour_is_flagged_run_by_run() -> None:
    simulated = fleet(False)
    period = simulated.calendar.period
    per_day = np.bincount(period.day_index(simulated.calendar.runs), minlength=period.days)
    usual = [count for day, count in zip(period.dates, per_day, strict=True) if day != AUTUMN]
    assert min(usual) >= 288 and max(usual) <= 312
    day = period.dates.index(AUTUMN)
    sheet = next(content for name, content in sced_members(simulated, day).items() if "SCED_Gen" in name)
    solar = [row for row in rows(sheet)[1:] if row[4] == "SIM_SUN_UNIT1"]
    assert all("01:00" <= row[0][11:16] < "02:00" for row in solar if row[1] == "Y")
    assert sum(row[1] == "Y" for row in solar) >= 10
    assert [row[0] for row in solar] != sorted(row[0] for row in solar), "the clock goes back once"


def test_a_gap_of_more_than_fifteen_minutes_is_in_the_published_runs() -> None:
    calendar = fleet(True).calendar
    assert np.diff(calendar.runs[calendar.published]).max() > 900
    assert np.diff(calendar.runs).max() <= 320


def test_equal_arguments_give_equal_documents(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        simulated = simulate_fleet(SPRING, days=4, count=2, seed=3)
        documents = write_documents(simulated, tmp_path / name)
        paths = [
            path for of_source in (documents.files, documents.later) for found in of_source.values() for path in found
        ]
        written.append({path.name: path.read_bytes() for path in paths})
    assert written[0] == written[1]
    assert len(written[0]) == 4 * 4 + 2, "two disclosures and two days of postings a day, and what corrects them"


def test_a_period_across_the_change_to_single_resources_is_refused() -> None:
    with pytest.raises(ValueError, match="2025-12-05"):
        simulate_fleet(date(2025, 12, 1), days=8)


def test_every_resource_says_that_it_is_simulated(tmp_path: Path) -> None:
    documents = write_documents(simulate_fleet(AUTUMN, days=1, count=2), tmp_path)
    seen = set()
    for path in documents.files["ercot-60d"]:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                header, *found = rows(archive.read(name))
                columns = [at for at, column in enumerate(header) if column.strip() in NAMES]
                seen |= {row[at] for row in found for at in columns}
    assert seen and all(name.startswith("SIM_") for name in seen)


NAMES = {"Resource Name", "Load Resource Name", "Resource Code", "Settlement Point Name"}


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "header"),
    [
        ("60d_dam_np3-966-er/60d_DAM_ESR_Data_opday_20251206_14resources.csv", layouts.DAM_RESOURCES),
        ("60d_dam_np3-966-er/60d_DAM_Gen_Resource_Data_opday_20260709_head3.csv", layouts.DAM_RESOURCES),
        (
            "60d_sced_np3-965-er/60d_ESR_Data_in_SCED_opday_20260708_head3.csv",
            layouts.sced_storage(date(2026, 7, 8)),
        ),
        ("60d_sced_np3-965-er/60d_SCED_SMNE_GEN_RES_opday_20140302_head3.csv", layouts.SMNE),
        (
            "60d_sced_np3-965-er_pub_20250410_opday_20250209/60d_HDL_LDL_ManOverride-10-APR-25.csv",
            layouts.OVERRIDES,
        ),
    ],
)  # fmt: skip
def test_headers_are_those_of_recorded_disclosures(recorded: Path, file: str, header: list[str]) -> None:
    assert rows((recorded / "iso" / "ercot" / file).read_bytes())[0] == header


@pytest.mark.real_data
def test_the_header_of_generators_is_that_of_2014_with_what_was_added_since(recorded: Path) -> None:
    folder = recorded / "iso" / "ercot" / "60d_sced_np3-965-er"
    found = rows((folder / "60d_SCED_Gen_Resource_Data_opday_20140302_head3.csv").read_bytes())
    added = {"QSE", "DME", "Ancillary Service RRSFFR", "Ancillary Service ECRS"}
    assert [column for column in layouts.SCED_GENERATORS if column not in added] == found[0]
    assert len(layouts.SCED_GENERATORS) == 188
