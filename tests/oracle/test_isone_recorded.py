"""Recorded documents of ISO-NE: its own hour labels and stamps land on every hour, other documents are refused."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.documents import local_grid, parse, rows
from tests.support.given import refused

pytestmark = pytest.mark.real_data

SMD = "smd_hourly_2025_CT_DSTdays.csv"
HEADER = (
    '"H","Date","Hour Ending","Location ID","Location Name","Location Type","Locational Marginal Price",'
    '"Energy Component","Congestion Component","Marginal Loss Component"'
)


@pytest.mark.parametrize(("day", "hours"), [("2025-03-08", 24), ("2025-03-09", 23), ("2025-11-02", 25)])
@pytest.mark.parametrize(
    ("market", "title"), [("DA", "Day-Ahead Energy Market Hourly LMP Report"), ("RT", "Real-Time Hourly LMP Report")]
)
def test_the_operators_own_labels_and_prices_fill_a_day(
    recorded: Path, market: str, title: str, day: str, hours: int
) -> None:
    """Rows of the yearly workbook, whose labels leave out 02 in spring, written as a daily report."""
    with (recorded / "iso" / "isone" / SMD).open(newline="") as file:
        written = [row for row in csv.DictReader(file) if row["Date"] == day]
    data = [
        f'"D","{day[5:7]}/{day[8:]}/{day[:4]}","{row["Hr_End"]}","4004",".Z.CONNECTICUT","LOAD ZONE",'
        + ",".join(row[f"{market}_{part}"] for part in ("LMP", "EC", "CC", "MLC"))
        for row in written
    ]
    text = "\n".join([f'"C","{title}"', HEADER, *data, f'"T","{len(data)} lines"'])
    pieces = parse(f"isone-{'dam' if market == 'DA' else 'rth'}-lmp", text, "lmp_final.csv")
    found = rows(pieces)
    assert len(written) == hours and not refused(pieces)
    assert [row["interval_start"] for row in found] == local_grid(day, 60, "America/New_York")
    # The workbook's numbers carry the noise of doubles; DECIMAL(18,6) rounds it away.
    assert [row["lmp_usd_mwh"] for row in found] == [
        Decimal(row[f"{market}_LMP"]).quantize(Decimal("1e-6")) for row in written
    ]
    parts = ("energy_usd_mwh", "congestion_usd_mwh", "loss_usd_mwh")
    assert all(abs(row["lmp_usd_mwh"] - sum(row[part] for part in parts)) <= Decimal("0.02") for row in found)


@pytest.mark.parametrize(("day", "hours"), [("20240309", 24), ("20240310", 23), ("20241102", 24), ("20241103", 25)])
def test_the_operators_own_stamps_fill_a_day(recorded: Path, day: str, hours: int) -> None:
    """Stamps and location of the web services' hourly load, with the load in the place of the price."""
    path = recorded / "iso" / "isone" / "webservices_v1.1" / f"hourlysysload_day_{day}.json"
    loads = json.loads(path.read_text(), parse_float=str)["HourlySystemLoads"]["HourlySystemLoad"]
    records = [
        {"BeginDate": load["BeginDate"], "Location": load["Location"], "LmpTotal": load["Load"]} for load in loads
    ]
    found = rows(parse("isone-rth-lmp", json.dumps({"HourlyLmps": {"HourlyLmp": records}}), "hourlylmp_rt_final.json"))
    iso_day = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    assert len(found) == hours
    assert [row["interval_start"] for row in found] == local_grid(iso_day, 60, "America/New_York")
    assert [row["lmp_usd_mwh"] for row in found] == [Decimal(load["Load"]) for load in loads]
    assert {(row["location"], row["location_id"], row["location_type"]) for row in found} == {("NEPOOL AREA", "32", "")}


#: File → what the refusal says of it; for the web services see below.
REFUSED = {
    SMD: "SMD workbook",
    "transform_csv_sphf_seven_day_solar_20250225.csv": "Seven Day Solar Power Forecast Report', not LMPs",
    "transform_csv_wphf_seven_day_wind_20250225.csv": "Seven Day Wind Power Forecast Report', not LMPs",
    "webservices_day_ahead_load_forecast_20250317.xml": "no answer of ISO-NE's web services about LMPs",
}
#: Begin of a recorded answer's name → the document it is.
SERVICES = {
    "dayaheadhourlydemand": "HourlyDaDemands",
    "genfuelmix": "GenFuelMixes",
    "hourlyloadforecast": "HourlyLoadForecasts",
    "hourlysysload": "HourlySystemLoads",
    "locations": "Locations",
    "morningreport": "MorningReports",
    "realtimehourlydemand": "HourlyRtDemands",
    "reliabilityregionloadforecast": "ReliabilityRegionLoadForecasts",
    "sevendayforecast": "SevenDayForecasts",
}


@pytest.mark.parametrize("source", ["isone-dam-lmp", "isone-rt5-lmp", "isone-rth-lmp"])
def test_every_recorded_file_is_refused_by_what_it_is(recorded: Path, source: str) -> None:
    folder = recorded / "iso" / "isone"
    reasons = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with pytest.raises(UnreadableFile) as refusal:
            parse(source, path)
        reasons[path.name] = str(refusal.value)
    for name, reason in REFUSED.items():
        assert reason in reasons.pop(name)
    for name, reason in reasons.items():
        document = SERVICES[name.split("_")[0].removesuffix(".json")]
        assert f"the document is ISO-NE's {document}, not LMPs" in reason


def test_recorded_day_ahead_reserves_are_those_that_others_derived_and_cascade(recorded: Path) -> None:
    feeds = recorded / "iso" / "feeds"
    pieces = parse("isone-dam-as", feeds / "isone_daasreservedata_day_20250624.json")
    assert refused(pieces) == []
    found: dict[str, dict[datetime, Decimal]] = {}
    for row in rows(pieces):
        found.setdefault(row["product"], {})[row["interval_start"]] = row["mcpc_usd_mw"]
    hours = local_grid("2025-06-24", 60, "America/New_York")
    assert {product: list(prices) for product, prices in found.items()} == dict.fromkeys(found, hours)
    with (feeds / "derived_isone_da_rt_tmnsr_strike_20250624.csv").open(newline="") as file:
        derived = [Decimal(next(v for k, v in row.items() if "tmnsr" in k.lower())) for row in csv.DictReader(file)]
    assert [found["TMNSR"][hour] for hour in hours] == derived
    assert all(found["TMSR"][h] >= found["TMNSR"][h] >= found["TMOR"][h] for h in hours)
    # Only the last three hours have a price of forecast energy (read by eye).
    assert [found["FER"][h] for h in hours][-4:] == [0, Decimal("22.05"), Decimal("23.16"), Decimal("32.6")]


@pytest.mark.parametrize(("day", "hours"), [("20240309", 24), ("20240310", 23), ("20241102", 24), ("20241103", 25)])
def test_recorded_load_and_forecasts_fill_the_hours_of_a_day_once_each(recorded: Path, day: str, hours: int) -> None:
    folder = recorded / "iso" / "isone" / "webservices_v1.1"
    grid = local_grid(f"{day[:4]}-{day[4:6]}-{day[6:]}", 60, "America/New_York")
    assert len(grid) == hours
    path = folder / f"hourlysysload_day_{day}.json"
    system = rows(parse("isone-load-actual", path))
    stated = json.loads(path.read_text(), parse_float=Decimal)["HourlySystemLoads"]["HourlySystemLoad"]
    assert [(r["interval_start"], r["load_mw"]) for r in system] == [
        (hour, record["Load"]) for hour, record in zip(grid, stated, strict=True)
    ]
    assert all(r["load_mw"] >= r["native_load_mw"] for r in system)
    for number in (4001, 4002):
        zone = rows(parse("isone-load-actual", folder / f"realtimehourlydemand_day_{day}_location_{number}.json"))
        assert [row["interval_start"] for row in zone] == grid and {row["area_type"] for row in zone} == {"LOAD ZONE"}
    vintages: dict[datetime, list[datetime]] = {}
    for row in rows(parse("isone-load-forecast", folder / f"hourlyloadforecast_all_day_{day}.json")):
        vintages.setdefault(row["published_at"], []).append(row["interval_start"])
    # Six and more a day, each of all hours, also of those that were over when it was made.
    assert len(vintages) >= 6 and all(sorted(each) == grid for each in vintages.values())


@pytest.mark.parametrize(
    ("name", "day", "vintages"),
    [
        ("feeds/isone_reliabilityregionloadforecast_day_20240310_all_2regions_DSTstart.json", "2024-03-10", 6),
        ("isone/webservices_v1.1/reliabilityregionloadforecast_day_20241103_all.json", "2024-11-03", 6),
    ],
)
def test_a_recorded_forecast_of_regions_that_is_made_on_its_day_holds_the_hours_to_come(
    recorded: Path, name: str, day: str, vintages: int
) -> None:
    pieces = parse("isone-load-forecast", recorded / "iso" / name)
    assert refused(pieces) == []
    made: dict[datetime, set[datetime]] = {}
    for row in rows(pieces):
        made.setdefault(row["published_at"], set()).add(row["interval_start"])
    grid = local_grid(day, 60, "America/New_York")
    assert len(made) >= vintages
    for at, hours in made.items():
        assert sorted(hours) == (grid if at < grid[0] else grid[-len(hours) :])
    assert sorted(len(hours) for at, hours in made.items() if at >= grid[0]) == [14, 19]
