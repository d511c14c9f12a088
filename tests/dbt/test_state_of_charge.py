"""States of charge that a test can work out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from math import sqrt
from typing import Any

import pytest

from tests.support.market_days import midnight, runs
from tests.support.market_lake import MarketLake

DAY = date(2026, 1, 10)
EFFICIENCY = 0.9
LIMITS: dict[str, Any] = {"hsl_mw": 20.0, "base_point_mw": 1.0, "min_soc_mwh": 0.0, "max_soc_mwh": 40.0}

#: Before RTC+B nothing states a state of charge.
LIMITS_OF_A_HALF = {"hsl_mw": 20.0, "base_point_mw": 1.0}
#: The battery charges on while telemetry fails.
UNTOLD = midnight(DAY) + timedelta(hours=5)


def day_of(resource: str, efficiency: float, **more: Any) -> list[dict[str, Any]]:
    """Charges for twelve hours, discharges for twelve; what is stored and taken out loses the same both ways."""
    noon = midnight(DAY) + timedelta(hours=12)
    soc, rows = 4.0, []
    for run in runs(resource, DAY, lambda at: -3.0 if at < noon else 2.0, **LIMITS, **more):
        rows.append({**run, "soc_mwh": soc})
        mw = run["telemetered_net_output_mw"]
        soc += -mw * efficiency / 12 if mw < 0 else -mw / efficiency / 12
    return rows


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> MarketLake:
    lake = MarketLake(tmp_path_factory.mktemp("soc"))
    table = "ercot_sced_esr_resources"
    lake.land(table, day_of("LOSSY_ESR1", EFFICIENCY))
    # Ten MW of ECRS need ten MWh above the minimum; ten of non-spinning reserve forty; FFR a quarter of an hour.
    lake.land(table, day_of("ECRS_ESR1", EFFICIENCY, as_award_ecrs_mw=10.0, as_capability_ecrs_mw=20.0))
    lake.land(table, day_of("FFR_ESR1", EFFICIENCY, as_award_rrsffr_mw=12.0))
    lake.land(table, day_of("DOWN_ESR1", EFFICIENCY, as_award_regdn_mw=20.0))
    idle = [{**row, "soc_mwh": 41.0 if i == 5 else -1.0 if i == 6 else 20.0, "max_soc_mwh": 0.0 if i == 7 else 40.0}
            for i, row in enumerate(runs("IDLE_ESR1", DAY, 0.0, **LIMITS))]  # fmt: skip
    lake.land(table, idle)
    again = UNTOLD + timedelta(hours=2)
    lake.land(table, [row for row in day_of("GAP_ESR1", EFFICIENCY) if not UNTOLD <= row["sced_at"] < again])
    lake.land("ercot_sced_gen_resources", runs("OLD_BES1", DAY, 5.0, resource_type="PWRSTR", **LIMITS_OF_A_HALF))
    lake.build_markets()
    return lake


def day(lake: MarketLake, resource: str) -> dict[str, Any]:
    (row,) = lake.dicts("select * from bess_soc_1d where resource = ?", [resource])
    return row


def test_the_efficiency_of_a_day_is_found_from_its_telemetry(lake: MarketLake) -> None:
    row = day(lake, "LOSSY_ESR1")
    assert sqrt(row["implied_round_trip_efficiency"]) == pytest.approx(EFFICIENCY)
    assert row["efficiency_basis"] == "of the day"
    assert row["charged_mwh"] == pytest.approx(36) and row["discharged_mwh"] == pytest.approx(24 - 2 / 12)
    assert row["lost_mwh"] == pytest.approx(36 - row["discharged_mwh"] - row["soc_change_mwh"])
    assert row["full_cycles"] == pytest.approx(row["discharged_mwh"] / 40)


def test_the_state_of_charge_added_up_from_output_is_that_of_the_telemetry(lake: MarketLake) -> None:
    rows = lake.dicts("select * from bess_soc where resource = 'LOSSY_ESR1'")
    assert len(rows) == 96
    assert max(abs(row["soc_difference_mwh"]) for row in rows) < 1e-9


def test_a_day_that_says_too_little_of_losses_is_taken_as_lossless(lake: MarketLake) -> None:
    row = day(lake, "IDLE_ESR1")
    assert row["implied_round_trip_efficiency"] is None
    assert (row["efficiency_basis"], row["one_way_efficiency_used"]) == ("lossless", 1)


def test_runs_outside_of_their_limits_are_counted_and_an_outages_zero_is_no_limit(lake: MarketLake) -> None:
    row = day(lake, "IDLE_ESR1")
    assert (row["runs_above_max_soc"], row["runs_below_min_soc"]) == (1, 1)
    quarters = lake.rows("select is_above_max or is_below_min from bess_soc where resource = 'IDLE_ESR1'")
    assert sum(outside for (outside,) in quarters) == 2


def expected_short(needed: float, room: float = 0.0) -> int:
    socs = [row["soc_mwh"] for row in day_of("ANY", EFFICIENCY)]
    return sum(soc < needed - 0.1 or 40 - soc < room - 0.1 for soc in socs)


@pytest.mark.parametrize(
    ("resource", "needed", "room"), [("ECRS_ESR1", 10.0, 0.0), ("FFR_ESR1", 3.0, 0.0), ("DOWN_ESR1", 0.0, 10.0)]
)
def test_runs_whose_charge_cannot_carry_their_awards_are_counted(
    lake: MarketLake, resource: str, needed: float, room: float
) -> None:
    row = day(lake, resource)
    assert row["runs_short_for_awards"] == expected_short(needed, room)
    ((most,),) = lake.rows(
        "select max(greatest(needed_mwh, needed_room_mwh)) from bess_soc where resource = ?", [resource]
    )
    assert most == pytest.approx(max(needed, room))


def test_a_file_without_awards_says_nothing_of_them(lake: MarketLake) -> None:
    assert lake.rows("select distinct needed_mwh, is_short_for_awards from bess_soc where resource = 'IDLE_ESR1'") == [
        (None, False)
    ]


def test_what_moved_while_telemetry_failed_is_no_loss_and_no_efficiency(lake: MarketLake) -> None:
    row = day(lake, "GAP_ESR1")
    hours = 24 - 1 / 12
    assert row["coverage"] == pytest.approx((hours - 2 + 1 / 6) / hours)
    assert row["implied_round_trip_efficiency"] is None and row["lost_mwh"] is None
    assert row["efficiency_basis"] == "lossless"


def test_without_a_state_of_charge_no_energy_stands_beside_it(lake: MarketLake) -> None:
    row = day(lake, "OLD_BES1")
    assert row["sced_runs"] == 288 and row["base_point_deviation_mean_mw"] == 4
    names = ("coverage", "discharged_mwh", "charged_mwh", "lost_mwh", "full_cycles")
    assert {row[name] for name in names} == {None}


def test_deviation_from_the_base_point_is_told(lake: MarketLake) -> None:
    row = day(lake, "LOSSY_ESR1")
    assert row["base_point_deviation_n"] == 288
    assert (row["base_point_deviation_mean_mw"], row["base_point_deviation_max_mw"]) == (2.5, 4.0)
