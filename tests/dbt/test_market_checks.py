"""Checks of market marts find what they are for, and say which row it is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.support.market_days import dam, hours, rt_prices, runs
from tests.support.market_lake import MarketLake, price

DAY = date(2026, 1, 10)
SAID: dict[str, Any] = {
    "settlement_point": "N1", "hsl_mw": 20.0, "lsl_mw": -20.0, "awarded_mw": Decimal(8), "spp_usd_mwh": Decimal(20),
    "regup_awarded_mw": Decimal(5), "regup_mcpc_usd_mw": Decimal(3),
}  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> MarketLake:
    """Two batteries and two prices, of which one each breaks a rule."""
    lake = MarketLake(tmp_path_factory.mktemp("checks"))
    lake.land("ercot_dam_esr_resources", dam("A_ESR1", DAY, **SAID))
    lake.land("ercot_dam_esr_resources", dam("B_ESR1", DAY, **{**SAID, "awarded_mw": Decimal(18)}))
    lake.land("ercot_sced_esr_resources", runs("A_ESR1", DAY, 5.0, hsl_mw=20.0))
    lake.land("iso_prices", rt_prices("N1", DAY, "10"))
    parts = {"energy_usd_mwh": Decimal(30), "congestion_usd_mwh": Decimal(1), "loss_usd_mwh": Decimal("-0.6")}
    at = datetime(2026, 1, 10, 8, tzinfo=UTC)
    for node, lmp in (("ROUNDED", "30.41"), ("WRONG", "31")):
        lake.land("iso_prices", [price(node, at, 60, lmp, iso="CAISO", price_type="LMP", **parts)])
    lake.build_markets()
    return lake


@pytest.fixture(scope="module")
def found(lake: MarketLake) -> dict[str, list[dict[str, Any]]]:
    """Failing and warning rows of every check over marts that were changed by hand."""
    with duckdb.connect(str(lake.marts)) as marts:
        marts.execute("SET TimeZone='UTC'")
        for change in (
            "UPDATE bess_dam_hours SET spp_usd_mwh = 21 WHERE resource = 'B_ESR1' AND hour_ending = 2",
            "UPDATE bess_dam_hours SET regup_mcpc_usd_mw = 4 WHERE resource = 'A_ESR1' AND hour_ending = 3",
            """UPDATE bess_revenue_15min SET dam_energy_usd = dam_energy_usd + 0.000000000000001
               WHERE resource = 'A_ESR1' AND interval_start = '2026-01-10 12:00:00+00'""",
            "UPDATE bess_revenue_1mo SET known_usd = known_usd - 1 WHERE resource = 'B_ESR1'",
            "INSERT INTO iso_prices FROM iso_prices WHERE location = 'N1' LIMIT 1",
        ):
            marts.execute(change)
    return lake.market_checks()


def test_one_price_a_point_and_hour_and_one_a_service_and_hour(found: dict[str, list[dict[str, Any]]]) -> None:
    rows = {(row["what"], row["interval_start"].hour) for row in found["market_prices_agree"]}
    assert rows == {("energy", 7), ("regup", 8)}


def test_a_digit_that_is_lost_between_quarters_and_days_is_found(found: dict[str, list[dict[str, Any]]]) -> None:
    rows = {(row["level"], row["resource"]) for row in found["revenue_conserved"]}
    assert rows == {("1d", "A_ESR1"), ("1mo", "B_ESR1")}


def test_components_that_miss_the_price_by_more_than_rounding_are_findings(lake: MarketLake) -> None:
    (finding,) = lake.dicts("select * from market_findings where rule = 'price_components'")
    assert (finding["iso"], finding["location"], finding["value"]) == ("CAISO", "WRONG", pytest.approx(0.6))
    assert finding["message"] == "WRONG is priced at 31.00 $/MWh, and its components add up to 30.40."


def test_awards_beyond_the_limits_are_findings_of_their_hours(lake: MarketLake) -> None:
    findings = lake.dicts("select * from market_findings where rule = 'award_limits' order by interval_start")
    assert {(finding["resource"], finding["value"]) for finding in findings} == {("B_ESR1", 3.0)}
    assert [finding["interval_start"] for finding in findings] == hours(DAY)
    said = "B_ESR1 was awarded up to 23 and down to 18 MW in an hour with limits of 20 and -20 MW."
    assert findings[0]["message"] == said


def test_a_price_that_stands_twice_is_found(found: dict[str, list[dict[str, Any]]]) -> None:
    (row,) = next(rows for name, rows in found.items() if name.startswith("iso_prices: key ("))
    assert (row["location"], row["found"], row["expected"]) == ("N1", 2, 1)


def test_nothing_else_is_found(found: dict[str, list[dict[str, Any]]]) -> None:
    assert len(found) == 3
