"""Recorded documents of ISO-NE: its own hour labels and stamps land on every hour, other documents are refused."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.documents import local_grid, parse, refused, rows

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
