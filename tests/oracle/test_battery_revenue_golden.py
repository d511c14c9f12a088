"""Revenue and state of charge of recorded batteries, against figures that were computed elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest
from market_reader import batcave_rows, dam_rows

from tests.support.market_lake import MarketLake

pytestmark = pytest.mark.real_data

DAY = date(2025, 12, 6)
#: Battery → day-ahead energy and ancillary services in $ on 2025-12-06, from gridstatus' own parser.
GOLDEN = {
    "ALP_BESS_ESR1": ("-24.56", "6730.30"), "ANDMDSLR_ESR1": ("-58.21", "1829.63"), "ANDMDSLR_ESR2": ("0", "5357.52"),
    "ANEM_ESS_ESR1": ("0", "11790.63"), "ANG_SLR_ESR1": ("0", "2069.86"), "ANOL_ESS_ESR1": ("0", "5692.80"),
    "ANTL_ESS_ESR1": ("702.53", "7127.65"), "AVIL_ESS_ESR1": ("6067.31", "12220.68"), "ADL_ESR1": ("0", "0"),
    "AE_ESR1": ("0", "0"), "ALAMO_ST_ESR1": ("0", "0"), "ANGLETON_ESR1": ("0", "0"), "BAY_CITY_ESR1": ("0", "0"),
    "BEXAR_ES_ESR1": ("0", "0"),
}  # fmt: skip
HALF_A_CENT = Decimal("0.005")


@pytest.fixture(scope="module")
def dam(recorded: Path) -> list[dict[str, Any]]:
    return dam_rows(recorded / "iso/ercot/60d_dam_np3-966-er/60d_DAM_ESR_Data_opday_20251206_14resources.csv")


@pytest.fixture(scope="module")
def runs(recorded: Path) -> list[dict[str, Any]]:
    return batcave_rows(recorded / "iso/ercot/batcave_esr1_sced_2026")


@pytest.fixture(scope="module")
def lake(
    tmp_path_factory: pytest.TempPathFactory, dam: list[dict[str, Any]], runs: list[dict[str, Any]]
) -> Iterator[MarketLake]:
    lake = MarketLake(tmp_path_factory.mktemp("golden"))
    lake.land("ercot_dam_esr_resources", dam)
    lake.land("ercot_sced_esr_resources", runs)
    lake.build_markets()
    yield lake


def test_day_ahead_dollars_of_fourteen_batteries_agree_to_the_cent(lake: MarketLake) -> None:
    found = lake.rows("select resource, dam_energy_usd, dam_as_usd from bess_revenue_1d where operating_day = ?", [DAY])
    assert {resource for resource, _, _ in found} == set(GOLDEN)
    for resource, energy, services in found:
        assert abs(energy - Decimal(GOLDEN[resource][0])) <= HALF_A_CENT, resource
        assert abs(services - Decimal(GOLDEN[resource][1])) <= HALF_A_CENT, resource


def test_day_ahead_dollars_are_exact_to_the_last_digit_at_every_level(
    lake: MarketLake, dam: list[dict[str, Any]]
) -> None:
    shares = {"regup": ("regup",), "regdown": ("regdown",), "rrs": ("rrspfr", "rrsffr", "rrsufr"),
              "ecrs": ("ecrssd",), "nonspin": ("nonspin",)}  # fmt: skip
    expected: dict[str, Fraction] = {}
    for row in dam:
        usd = Fraction(row["awarded_mw"] or 0) * Fraction(row["spp_usd_mwh"] or 0)
        for service, parts in shares.items():
            awarded = sum(Fraction(row[f"{part}_awarded_mw"] or 0) for part in parts)
            usd += awarded * Fraction(row[f"{service}_mcpc_usd_mw"] or 0)
        expected[row["resource_name"]] = expected.get(row["resource_name"], Fraction(0)) + usd
    for mart in ("bess_revenue_15min", "bess_revenue_1d", "bess_revenue_1mo"):
        found = lake.rows(
            f"select resource, sum(known_usd) from {mart} where resource <> 'BATCAVE_ESR1' group by resource"
        )
        assert {resource: Fraction(usd) for resource, usd in found} == expected, mart


def test_without_telemetry_real_time_is_unknown_and_not_zero(lake: MarketLake) -> None:
    rows = lake.dicts("select * from bess_revenue_1d where operating_day = ?", [DAY])
    for row in rows:
        assert row["rt_energy_usd"] is None and row["rt_as_usd"] is None and row["total_usd"] is None
        assert row["discharged_mwh"] is None and row["coverage"] == 0
        assert row["known_usd"] == row["dam_energy_usd"] + row["dam_as_usd"]
        assert "telemetry_missing" in row["caveats"].split(", ")


def test_forty_days_of_telemetry_give_the_known_energy_and_state_of_charge(lake: MarketLake) -> None:
    (discharged, charged, days), *_ = lake.rows(
        "select sum(discharged_mwh), sum(charged_mwh), count(*) from bess_revenue_1d where resource = 'BATCAVE_ESR1'"
    )
    assert days == 40
    assert round(discharged, 1) == Decimal("3119.3")
    assert round(charged, 1) == Decimal("4363.6")
    (first, last), *_ = lake.rows(
        """select arg_min(soc_first_mwh, operating_day), arg_max(soc_last_mwh, operating_day) from bess_soc_1d
        where resource = 'BATCAVE_ESR1'"""
    )
    assert first == 49.126
    assert round(last, 3) == 11.515


def test_energy_of_every_quarter_equals_a_plain_integration(lake: MarketLake, runs: list[dict[str, Any]]) -> None:
    ordered = sorted(runs, key=lambda row: row["sced_at"])
    expected: dict[int, Fraction] = {}
    for row, after in zip(ordered, [*ordered[1:], None], strict=True):
        start = int(row["sced_at"].timestamp())
        end = min(start + 900, int(after["sced_at"].timestamp()) if after else start + 900)
        while start < end:
            until = min(end, (start // 900 + 1) * 900)
            energy = Fraction(str(row["telemetered_net_output_mw"])) * (until - start) / 3600
            expected[start // 900] = expected.get(start // 900, Fraction(0)) + energy
            start = until
    found = lake.rows(
        """select epoch(interval_start)::bigint // 900, net_mwh from bess_revenue_15min
        where resource = 'BATCAVE_ESR1' and net_mwh is not null"""
    )
    assert len(found) >= 40 * 96 - 4
    for quarter, net in found:
        assert abs(Fraction(net) - expected[quarter]) <= Fraction(1, 10**9), quarter


def test_deviation_from_the_base_point_is_the_known_one(lake: MarketLake) -> None:
    with duckdb.connect(str(lake.folder / "scratch.duckdb"), read_only=True) as scratch:
        median, mean = scratch.execute(
            "select median(d), avg(d) from (select abs(mw - base_point_mw) as d from int_bess_runs)"
        ).fetchall()[0]
    assert round(median, 2) == 0.77
    assert round(mean, 1) == 3.9
    (weighted, runs), *_ = lake.rows(
        """select sum(base_point_deviation_mean_mw * base_point_deviation_n) / sum(base_point_deviation_n),
        sum(base_point_deviation_n) from bess_soc_1d"""
    )
    assert weighted == pytest.approx(mean) and runs > 11_000


def test_round_trip_efficiency_is_that_of_the_whole_recording(lake: MarketLake) -> None:
    (mean,), *_ = lake.rows(
        """select sum(implied_round_trip_efficiency * charged_mwh) / sum(charged_mwh) from bess_soc_1d
        where implied_round_trip_efficiency is not null"""
    )
    assert mean == pytest.approx(0.707, abs=0.01)
