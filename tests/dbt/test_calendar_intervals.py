"""Values a local day, a month and a gas day, and registers that are read as rarely: energy, coverage and findings."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.lake import Lake

BERLIN = ZoneInfo("Europe/Berlin")
#: 23 hours on 31 March, 25 hours on 27 October.
SPRING, AUTUMN = date(2024, 3, 31), date(2024, 10, 27)
DAY_S = 86_400


def local(day: date, hour: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=BERLIN).astimezone(UTC)


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    lake.add_asset("house")

    def energy(signal: str, expected_s: float, rows: list[tuple[datetime, datetime, Decimal]]) -> None:
        lake.add_signal("house", signal, "interval_energy", "kWh", expected_s, 3 * expected_s)
        lake.add_samples("house", signal, [(start, end, value, None) for start, end, value in rows])

    whole = [*days(SPRING - timedelta(days=2), 5), *days(AUTUMN - timedelta(days=2), 5)]
    energy("daily", DAY_S, [(local(day), local(day + timedelta(days=1)), Decimal(24)) for day in whole])
    energy("gas_day", DAY_S, [(local(day, 6), local(day + timedelta(days=1), 6), Decimal(24)) for day in whole[:5]])
    firsts = [date(2024, month, 1) for month in (2, 3, 4, 5)]
    energy("monthly", 31 * DAY_S, [(local(a), local(b), Decimal(744)) for a, b in itertools.pairwise(firsts)])
    hours = [local(SPRING) + timedelta(hours=number) for number in range(23)]
    energy("hourly", 3600, [(hour, hour + timedelta(hours=1), Decimal(1)) for hour in hours])
    for signal, stamps, expected_s in (
        ("register_a_day", [local(day) for day in whole[:5]], DAY_S),
        ("register_a_month", [local(day) for day in firsts], 31 * DAY_S),
    ):
        lake.add_signal("house", signal, "counter", "kWh", expected_s, 3 * expected_s)
        lake.add_samples("house", signal, [(at, None, Decimal(100 * n), None) for n, at in enumerate(stamps)])
    lake.add_signal("house", "interpolated", "counter", "kWh", 3600, 10_800, estimated_statuses="interpolated")
    said = {3: "interpolated", 4: "read"}
    stamps = [local(SPRING) + timedelta(hours=number) for number in range(7)]
    lake.add_samples(
        "house", "interpolated", [(at, None, Decimal(number), said.get(number)) for number, at in enumerate(stamps)]
    )
    lake.build()
    return lake


def by_day(lake: Lake, signal: str, columns: str, mart: str = "energy_1d") -> dict[date, tuple[Any, ...]]:
    rows = lake.rows(f"select local_date, {columns} from {mart} where signal = ? order by 1", [signal])
    return {day: tuple(rest) for day, *rest in rows}


def test_a_days_value_is_the_energy_of_its_local_day_however_long_it_is(lake: Lake) -> None:
    found = by_day(lake, "daily", "energy_kwh, coverage, is_estimated")
    assert {SPRING, AUTUMN} < found.keys() and len(found) == 10
    assert set(found.values()) == {(Decimal(24), 1.0, False)}
    levels = by_day(lake, "daily", "n, n_expected, coverage, sum", "lod_1d")
    assert len(levels) == 10 and set(levels.values()) == {(1, 1.0, 1.0, 24.0)}


def test_a_months_value_is_an_estimate_a_day_and_no_days_sample(lake: Lake) -> None:
    found = by_day(lake, "monthly", "energy_kwh, coverage, is_estimated")
    assert len(found) == 29 + 31 + 30
    assert {row[1:] for row in found.values()} == {(1.0, True)}
    # 744 kWh over the 743 hours of March: 24 hours a day, 23 on the 31st.
    assert found[date(2024, 3, 30)][0] == pytest.approx(Decimal(744) * 24 / 743, abs=Decimal("1e-6"))
    assert found[SPRING][0] == pytest.approx(Decimal(744) * 23 / 743, abs=Decimal("1e-6"))
    for month in (2, 3, 4):
        assert sum(row[0] for day, row in found.items() if day.month == month) == 744
    assert by_day(lake, "monthly", "n", "lod_1d") == {}


def test_a_gas_day_is_parted_at_midnight_by_an_estimate(lake: Lake) -> None:
    found = by_day(lake, "gas_day", "energy_kwh, is_estimated")
    assert len(found) == 6 and all(estimated for _, estimated in found.values())
    assert sum(energy for energy, _ in found.values()) == 120
    assert found[SPRING - timedelta(days=2)][0] == 18


def test_an_hours_value_stays_known(lake: Lake) -> None:
    assert by_day(lake, "hourly", "energy_kwh, coverage, is_estimated") == {SPRING: (Decimal(23), 1.0, False)}
    assert by_day(lake, "hourly", "n, n_expected", "lod_1d") == {SPRING: (23, 23.0)}


def test_a_register_read_at_midnights_gives_whole_days_and_one_read_monthly_estimates(lake: Lake) -> None:
    daily = by_day(lake, "register_a_day", "energy_kwh, coverage, is_estimated")
    assert set(daily.values()) == {(Decimal(100), 1.0, False)} and len(daily) == 4
    monthly = by_day(lake, "register_a_month", "energy_kwh, is_estimated")
    assert len(monthly) == 90 and all(estimated for _, estimated in monthly.values())
    assert sum(energy for energy, _ in monthly.values()) == 300


def test_what_is_counted_from_and_to_an_estimated_reading_is_an_estimate(lake: Lake) -> None:
    rows = lake.rows("select interval_start, is_estimated from energy_15min where signal = 'interpolated' order by 1")
    hours = {start.astimezone(UTC): estimated for start, estimated in rows if start.minute == 0}
    assert [hours[local(SPRING) + timedelta(hours=number)] for number in range(6)] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]


def test_nothing_is_found_wrong_with_any_of_them(lake: Lake) -> None:
    # A gas day begins and ends inside of days, and summer time is missing between the values a day (below).
    found = lake.rows(
        """select distinct rule, signal from quality_findings
        where signal not in ('gas_day', 'interpolated') and (rule, signal) <> ('missing_days', 'daily')"""
    )
    assert found == [("estimated_energy", "register_a_month")]


def test_days_that_are_missing_are_still_told(lake: Lake) -> None:
    assert lake.rows("select value from quality_findings where rule = 'missing_days' and signal = 'daily'") == [
        ((AUTUMN - timedelta(days=2) - (SPRING + timedelta(days=2))).days - 1,)
    ]
