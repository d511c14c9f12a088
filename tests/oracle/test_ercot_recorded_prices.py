"""Recorded prices of ERCOT against a plain reading of the files with csv and zoneinfo."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support import documents
from tests.support.ercot_documents import read
from tests.support.given import refused

pytestmark = pytest.mark.real_data

CENTRAL = ZoneInfo("America/Chicago")
QUARTER = timedelta(minutes=15)
MONTHS = {"July_2024": 7, "December_2024": 12, "January_2025": 1, "February_2025": 2, "August_2025": 8}


@pytest.fixture(scope="module")
def ercot(recorded: Path) -> Path:
    return recorded / "iso/ercot"


def wall(row: dict[str, str], day: str, hour: str, quarter: int = 1) -> datetime:
    """Start of an interval on a day without a change of clocks."""
    midnight = datetime.strptime(row[day], "%m/%d/%Y").replace(tzinfo=CENTRAL)
    start = midnight + timedelta(hours=int(row[hour].split(":")[0]) - 1) + (quarter - 1) * QUARTER
    return start.astimezone(UTC)


@pytest.mark.parametrize("month", MONTHS)
def test_a_month_of_hubs_has_every_quarter_once_at_its_price(ercot: Path, month: str) -> None:
    path = ercot / f"rtm_spp_15min_hubs_{month}.csv"
    rows = read("ercot-rt15-spp-year", path).rows("iso_prices")
    first = datetime(int(month[-4:]), MONTHS[month], 1, tzinfo=CENTRAL)
    after = (first + timedelta(days=32)).replace(day=1)
    count = (after.astimezone(UTC) - first.astimezone(UTC)) // QUARTER
    quarters = [first.astimezone(UTC) + n * QUARTER for n in range(count)]
    hubs = Counter(row["location"] for row in rows)
    assert set(hubs.values()) == {count} and len(hubs) == 4
    for hub in hubs:
        assert sorted(row["interval_start"] for row in rows if row["location"] == hub) == quarters
    with path.open(newline="") as lines:
        plain = list(csv.DictReader(lines))
    assert [(row["interval_start"], row["location"], row["lmp_usd_mwh"]) for row in rows] == [
        (
            wall(row, "Delivery Date", "Delivery Hour", int(row["Delivery Interval"])),
            row["Settlement Point Name"],
            Decimal(row["Settlement Point Price"]),
        )
        for row in plain
    ]
    assert all(row["interval_end"] - row["interval_start"] == QUARTER for row in rows)


def test_day_ahead_prices_are_those_of_the_file(ercot: Path) -> None:
    path = ercot / "np4-190-cd_dam_spp_20260929_trim.csv"
    rows = read("ercot-dam-spp", path).rows("iso_prices")
    with path.open(newline="") as lines:
        plain = [
            (wall(row, "DeliveryDate", "HourEnding"), row["SettlementPoint"], row["SettlementPointPrice"].strip())
            for row in csv.DictReader(lines)
        ]
    assert len(plain) == 40 and [(row["interval_start"], row["location"], row["lmp_usd_mwh"]) for row in rows] == [
        (start, point, Decimal(price)) for start, point, price in plain
    ]


def test_real_time_prices_are_those_of_the_file_and_of_the_page(ercot: Path) -> None:
    path = ercot / "np6-905-cd_rt_spp_15min_20260929_1200_trim.csv"
    rows = read("ercot-rt15-spp", path).rows("iso_prices")
    with path.open(newline="") as lines:
        names = ("SettlementPointName", "SettlementPointType", "SettlementPointPrice")
        plain = [tuple(row[name] for name in names) for row in csv.DictReader(lines)]
    assert [(row["location"], row["location_type"], row["lmp_usd_mwh"]) for row in rows] == [
        (name, kind, Decimal(price)) for name, kind, price in plain
    ]
    zones = Counter(row["location"] for row in rows)
    assert all(count == 2 for name, count in zones.items() if name.startswith("LZ_"))
    page = ercot / "public_api/np6-905-cd_spp_node_zone_hub_page_20260928.json"
    landed = read("ercot-rt15-spp", page).rows("iso_prices")
    data = json.loads(page.read_text(), parse_float=Decimal)["data"]
    assert [(row["location"], row["location_type"], row["lmp_usd_mwh"]) for row in landed] == [
        (row[3], row[4], Decimal(row[5])) for row in data
    ]
    assert {row["interval_start"] for row in landed} == {
        datetime(2026, 9, 28, 5, minute, tzinfo=UTC) for minute in (0, 15)
    }


@pytest.mark.parametrize(
    ("source", "name", "table", "column", "price", "start"),
    [
        ("ercot-sced-lmp", "np6-788-cd_sced_lmp_20260929_1125_trim.csv", "iso_prices", "lmp_usd_mwh", "LMP",
         datetime(2026, 9, 29, 16, 25, 17, tzinfo=UTC)),
        ("ercot-rt15-mcpc", "np6-331-cd_rt_mcpc_15min_20260929_1200.csv", "as_prices", "mcpc_usd_mw", "MCPC",
         datetime(2026, 9, 29, 16, tzinfo=UTC)),
        ("ercot-dam-mcpc", "np4-188-cd_dam_mcpc_20260929_trim.csv", "as_prices", "mcpc_usd_mw", "MCPC",
         datetime(2026, 9, 29, 5, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_other_prices_are_those_of_their_files(
    ercot: Path, source: str, name: str, table: str, column: str, price: str, start: datetime
) -> None:
    rows = read(source, ercot / name).rows(table)
    with (ercot / name).open(newline="") as lines:
        plain = [Decimal(row[price].strip()) for row in csv.DictReader(lines)]
    assert [row[column] for row in rows] == plain and rows[0]["interval_start"] == start


def test_recorded_load_and_forecasts_land_with_zones_that_add_up(recorded: Path) -> None:
    feeds = recorded / "iso" / "feeds"
    zonal = recorded / "iso" / "ercot" / "mis_np3-560-cd_load_forecast_by_forecast_zone_posting.zip"
    for source, path, hours, models, limit in (
        ("ercot-load-actual", feeds / "ercot_np6-345-cd_actual_load_wzn_20260928_first2h.csv", 2, 1, Decimal("0.01")),
        (
            "ercot-load-forecast",
            feeds / "ercot_np3-565-cd_load_forecast_by_model_20260929_first2h.csv",
            2,
            8,
            Decimal(0),
        ),
        ("ercot-load-forecast", zonal, 8 * 24, 1, Decimal("0.001")),
    ):
        pieces = documents.parse(source, path)
        assert refused(pieces) == []
        totals: dict[tuple[object, object], dict[bool, Decimal]] = {}
        for row in documents.rows(pieces):
            of_hour = totals.setdefault((row["model"], row["interval_start"]), {True: Decimal(0), False: Decimal(0)})
            of_hour[row["area"] == "ERCOT"] += row["load_mw"]
        assert len(totals) == hours * models
        assert all(abs(each[True] - each[False]) <= limit for each in totals.values())
    # The archive's file is named 20250313.123000, which is 17:30Z.
    assert {row["published_at"] for row in documents.rows(pieces)} == {datetime(2025, 3, 13, 17, 30, tzinfo=UTC)}
