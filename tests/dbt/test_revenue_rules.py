"""Revenue of batteries that a test can work out by hand: every component, what is unknown, what is assumed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from flows.explain.chain import Explanation, House
from flows.explain.revenue import quarter as revenue_quarter
from tests.support.market_days import HOUR, dam, hours, midnight, quarters, rt_prices, rt_services, runs
from tests.support.market_lake import MarketLake, price, service_price

DAY, ODD_DAY = date(2026, 1, 10), date(2026, 1, 12)
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)
BEFORE = date(2025, 6, 10)
CHANGE = date(2025, 12, 5)
#: Of numbers that cannot be, and of a battery beside them.
ABSURD = date(2026, 2, 3)
MOST = Decimal("999999999999.999999")
#: When rows are published that do not say otherwise, and corrections of them.
STATED, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)

#: Sells 8 MW at 20 $/MWh and 5 MW of regulation up at 3 $/MW; puts out 10 MW, holds 4 MW of regulation up.
OFFERED: dict[str, Any] = {
    "settlement_point": "N1", "hsl_mw": 20.0, "lsl_mw": -20.0, "awarded_mw": Decimal(8), "spp_usd_mwh": Decimal(20),
    "regup_awarded_mw": Decimal(5), "regup_mcpc_usd_mw": Decimal(3),
}  # fmt: skip
HELD: dict[str, Any] = {"hsl_mw": 20.0, "base_point_mw": 9.5, "as_award_regup_mw": 4.0, "as_capability_regup_mw": 9.0}
#: Dollars of each of its quarters: 8 · 20 / 4; 5 · 3 / 4; (10/4 - 8/4) · 50; (4 - 5) / 4 · 2.
QUARTER = {
    "dam_energy_usd": Decimal(40), "dam_as_regup_usd": Decimal("3.75"), "rt_energy_usd": Decimal(25),
    "rt_as_regup_usd": Decimal("-0.5"),
}  # fmt: skip
TOTAL = sum(QUARTER.values())


def without(rows: list[dict[str, Any]], *at: int, **changed: Any) -> list[dict[str, Any]]:
    """The rows, some of them changed; left out where nothing is said."""
    return [row if i not in at else {**row, **changed} for i, row in enumerate(rows) if i not in at or changed]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> MarketLake:
    lake = MarketLake(tmp_path_factory.mktemp("rules"))
    esr, gen, load = "ercot_dam_esr_resources", "ercot_dam_gen_resources", "ercot_dam_load_resources"
    for day in (DAY, SPRING, AUTUMN):
        lake.land(esr, dam("PLAIN_ESR1", day, **OFFERED))
        lake.land("ercot_sced_esr_resources", runs("PLAIN_ESR1", day, 10.0, **HELD))
        lake.land("iso_prices", rt_prices("N1", day, "50"))
        lake.land("as_prices", rt_services(day, "2"))
    # Hours of one battery in which something is different, and hours of its own prices.
    lake.land("as_prices", rt_services(ODD_DAY, "2"))
    odd = dam("ODD_ESR1", ODD_DAY, **{**OFFERED, "settlement_point": "N2"})
    odd = without(odd, 0, awarded_mw=None, spp_usd_mwh=None)
    odd = without(odd, 1, awarded_mw=Decimal(0), regup_awarded_mw=None, regup_mcpc_usd_mw=None)
    odd = without(odd, 2, spp_usd_mwh=None)
    odd = without(odd, 3, regup_mcpc_usd_mw=None)
    odd = without(odd, 4)
    lake.land(esr, odd)
    lake.land("ercot_sced_esr_resources", [
        row if row["sced_at"] < hours(ODD_DAY)[8] or row["sced_at"] >= hours(ODD_DAY)[9] else
        {**row, "as_award_regup_mw": None, "as_capability_regup_mw": None}
        for row in runs("ODD_ESR1", ODD_DAY, 10.0, **HELD)
        # Twenty minutes without a run, then an hour.
        if not hours(ODD_DAY)[6] < row["sced_at"] < hours(ODD_DAY)[6] + timedelta(minutes=20)
        and not hours(ODD_DAY)[10] <= row["sced_at"] < hours(ODD_DAY)[11]
    ])  # fmt: skip
    second = [
        p for p in rt_prices("N2", ODD_DAY, "50") if not hours(ODD_DAY)[7] <= p["interval_start"] < hours(ODD_DAY)[8]
    ]
    lake.land("iso_prices", second)
    # Another type under the same name does not count.
    lake.land("iso_prices", [{**row, "location_type": "PCCRN", "lmp_usd_mwh": Decimal(999)} for row in second])
    # Hour 12 is stated again with another award; hour 13 by an older file that arrived with a greater hash.
    lake.land(
        esr, [{**odd[10], "awarded_mw": Decimal(4), "published_at": LATER, "source_object": "0", "member": "again.csv"}]
    )
    lake.land(esr, [{**odd[11], "awarded_mw": Decimal(99), "published_at": LATER - timedelta(days=999),
                     "source_object": "f"}])  # fmt: skip
    # Hour 15: corrections of the day-ahead prices after the disclosure; hour 16: before it.
    for at, published in ((14, LATER), (15, LATER - timedelta(days=999))):
        lake.land(
            "iso_prices", [price("N2", hours(ODD_DAY)[at], 60, "30", vintage="correction", published_at=published)]
        )
        lake.land("as_prices", [
            service_price("REGUP", hours(ODD_DAY)[at], 60, "4", vintage="correction", published_at=published)
        ])  # fmt: skip
    # Before RTC+B: who charges what.
    for name, site, mw, charges in PAIRS:
        lake.land(gen, dam(name, BEFORE, resource_type="PWRSTR", **{**OFFERED, "settlement_point": "N3", "hsl_mw": mw,
                                                                   "rrs_awarded_mw": None}))  # fmt: skip
        lake.land("ercot_sced_gen_resources", runs(name, BEFORE, 10.0, resource_type="PWRSTR", hsl_mw=mw))
        for other, capacity, takes in charges:
            lake.land(load, dam(other, BEFORE, max_power_consumption_mw=capacity, regup_mcpc_usd_mw=Decimal(3),
                                regup_awarded_mw=Decimal(1)))  # fmt: skip
            lake.land("ercot_sced_load_resources", runs(other, BEFORE, takes, column="real_power_consumption_mw",
                                                       max_power_consumption_mw=capacity))  # fmt: skip
        assert name.startswith(site)
    lake.land(load, dam("FACTORY_LD1", BEFORE, max_power_consumption_mw=20.0, regup_awarded_mw=Decimal(9)))
    lake.land(gen, dam("PLANT_CC1", BEFORE, resource_type="CCGT90", **OFFERED))
    lake.land("iso_prices", rt_prices("N3", BEFORE, "50"))
    # The day of the change: two resources day-ahead, one in real time.
    lake.land(gen, dam("TURN_BES1", CHANGE, resource_type="PWRSTR", **OFFERED))
    lake.land("ercot_sced_esr_resources", runs("TURN_ESR1", CHANGE, 10.0, **HELD))
    # A battery that kept its name is one battery.
    lake.land(gen, dam("SAME_ESR1", CHANGE, resource_type="PWRSTR", **OFFERED))
    lake.land(load, dam("SAME_LD1", CHANGE, max_power_consumption_mw=20.0, regup_mcpc_usd_mw=Decimal(3),
                        regup_awarded_mw=Decimal(1)))  # fmt: skip
    lake.land("ercot_sced_esr_resources", runs("SAME_ESR1", CHANGE, 10.0, **HELD))
    lake.land("iso_prices", rt_prices("N1", CHANGE, "50"))
    lake.land("as_prices", rt_services(CHANGE, "2"))
    # Half an hour of telemetry of each half is missing.
    for half, hour in (("gen", 4), ("load", 9)):
        name = "GAP_BES1" if half == "gen" else "GAP_LD1"
        start = hours(BEFORE)[hour]
        span = f"sced_at >= '{start.isoformat()}' and sced_at < '{(start + HOUR / 2).isoformat()}'"
        lake.drop(f"ercot_sced_{half}_resources", f"resource_name = '{name}' and {span}")
    land_absurd(lake)
    lake.build_markets()
    return lake


def land_absurd(lake: MarketLake) -> None:
    """Numbers as large as columns hold, of one battery, one node and one product; and what a sound battery has."""
    day = hours(ABSURD)
    lake.land("ercot_dam_esr_resources", dam("SOUND_ESR1", ABSURD, **OFFERED))
    lake.land("ercot_sced_esr_resources", runs("SOUND_ESR1", ABSURD, 10.0, **HELD))
    lake.land("iso_prices", rt_prices("N1", ABSURD, "50"))
    lake.land("as_prices", [
        {**row, "mcpc_usd_mw": MOST} if row["product"] == "ECRS" else row for row in rt_services(ABSURD, "2")
    ])  # fmt: skip
    much = {name: MOST for name in OFFERED if name.endswith(("awarded_mw", "_usd_mwh"))}
    parts = {f"{part}_awarded_mw": MOST for part in ("rrspfr", "rrsffr", "rrsufr", "ecrssd", "ecrsmd")}
    lake.land("ercot_dam_esr_resources", dam("ABSURD_ESR1", ABSURD, **{
        **OFFERED, **much, **parts, "settlement_point": "N9", "hsl_mw": 1e300, "lsl_mw": -1e300,
    }))  # fmt: skip
    power = {start + n * timedelta(minutes=5): mw for start in day for n, mw in enumerate(POWERS)}
    lake.land("ercot_sced_esr_resources", runs("ABSURD_ESR1", ABSURD, power.__getitem__, **{
        **HELD, "hsl_mw": 1e300, "base_point_mw": -1e300, "as_award_regup_mw": 1e300, "soc_mwh": 1e300,
        "min_soc_mwh": -1e300, "max_soc_mwh": 1e300,
    }))  # fmt: skip
    lake.land("iso_prices", [{**row, "lmp_usd_mwh": -MOST} for row in rt_prices("N9", ABSURD, "50")])
    components = ("energy_usd_mwh", "congestion_usd_mwh", "loss_usd_mwh", "ghg_usd_mwh")
    for iso, location_type in (("CAISO", ""), ("NYISO", "ZONE"), ("ISONE", "LOAD ZONE")):
        lake.land("iso_prices", [
            price(
                "PN", day[0], 60, sign * MOST, iso=iso, location_type=f"{location_type}{sign}", price_type="LMP",
                **dict.fromkeys(components, sign * MOST),
            )
            for sign in (1, -1)
        ])  # fmt: skip


#: Telemetry of an hour, every five minutes: what can be, what 64 bits cannot multiply, what they cannot hold.
POWERS = (10.0, 10.0, 10.0, 1e4, 1e7, -1e7, 1e12, -1e13, 1e300, -1e300, 10.0, 10.0)


#: Generation half, its site, its capacity, load resources there: name, capacity, what it takes.
PAIRS = (
    ("ONE_BES1", "ONE", 20.0, [("ONE_LD1", 21.0, 4.0)]),
    ("TWO_UNIT1", "TWO", 20.0, [("TWO_LD1", 20.0, 4.0), ("TWO_LD2", 20.0, 0.0)]),
    ("TWO_UNIT2", "TWO", 20.0, []),
    ("SMALL_BES1", "SMALL", 20.0, [("SMALL_LD1", 3.0, 2.0)]),
    ("OPEN_BES1", "OPEN", 20.0, [("OPEN_LD2", 20.0, 4.0), ("OPEN_LD3", 20.0, 4.0)]),
    ("LONE_BES1", "LONE", 20.0, []),
    # Exactly a tenth apart, where doubles say more; and a little more than a tenth.
    ("TENTH_BES1", "TENTH", 9.9, [("TENTH_LD1", 8.91, 4.0)]),
    ("PAST_BES1", "PAST", 20.0, [("PAST_LD1", 17.99, 4.0)]),
    ("GAP_BES1", "GAP", 20.0, [("GAP_LD1", 20.0, 4.0)]),
)


def quarter_rows(lake: MarketLake, resource: str, hour: int | None = None) -> list[dict[str, Any]]:
    day = ODD_DAY if resource == "ODD_ESR1" else DAY
    start = hours(day)[hour - 1 if hour else 0]
    end = start + HOUR if hour else midnight(day + timedelta(days=1))
    return lake.dicts(
        """select * from bess_revenue_15min where resource = ? and interval_start >= ? and interval_start < ?
        order by interval_start""",
        [resource, start, end],
    )


def caveats(rows: list[dict[str, Any]]) -> set[str]:
    return {code for row in rows for code in row["caveats"].split(", ")}


def test_every_quarter_has_the_dollars_of_the_formulas(lake: MarketLake) -> None:
    rows = quarter_rows(lake, "PLAIN_ESR1")
    assert [row["interval_start"] for row in rows] == quarters(DAY)
    for row in rows:
        for component, usd in QUARTER.items():
            assert row[component] == usd, component
        assert row["dam_as_usd"] == QUARTER["dam_as_regup_usd"] and row["rt_as_usd"] == QUARTER["rt_as_regup_usd"]
        assert row["known_usd"] == row["total_usd"] == TOTAL
        assert (row["discharged_mwh"], row["charged_mwh"], row["net_mwh"]) == (Decimal("2.5"), 0, Decimal("2.5"))
        assert row["coverage"] == 1 and row["missing_sced_runs"] == 0
        assert row["rt_regup_award_mw"] == 4


@pytest.mark.parametrize(("day", "count"), [(DAY, 96), (SPRING, 92), (AUTUMN, 100)])
def test_days_of_clock_changes_have_the_quarters_they_have(lake: MarketLake, day: date, count: int) -> None:
    (row,) = lake.dicts("select * from bess_revenue_1d where resource = 'PLAIN_ESR1' and operating_day = ?", [day])
    assert row["intervals"] == count
    assert row["total_usd"] == count * TOTAL
    assert row["discharged_mwh"] == count * Decimal("2.5")
    assert row["interval_start"] == midnight(day) and row["interval_end"] == midnight(day + timedelta(days=1))
    assert row["sced_runs"] == count * 3 and row["missing_sced_runs"] == 0 and row["coverage"] == 1
    assert row["total_usd_kw"] == pytest.approx(float(count * TOTAL) / 20_000)


def test_a_blank_award_and_one_of_zero_earn_nothing_and_stay_apart(lake: MarketLake) -> None:
    blank, zero = quarter_rows(lake, "ODD_ESR1", 1), quarter_rows(lake, "ODD_ESR1", 2)
    assert {row["dam_awarded_mw"] for row in blank} == {None}
    assert {row["dam_awarded_mw"] for row in zero} == {Decimal(0)}
    for row in (*blank, *zero):
        assert row["dam_energy_usd"] == 0
        assert row["rt_energy_usd"] == Decimal("2.5") * 50
    assert {row["dam_as_regup_usd"] for row in zero} == {0}
    assert {row["rt_as_regup_usd"] for row in zero} == {2}
    assert "dam_price_missing" not in caveats([*blank, *zero])


@pytest.mark.parametrize(
    ("hour", "unknown", "caveat"),
    [
        (3, {"dam_energy_usd"}, "dam_price_missing"),
        (4, {"dam_as_regup_usd", "dam_as_usd"}, "dam_price_missing"),
        (5, {"dam_energy_usd", "dam_as_usd", "rt_energy_usd", "rt_as_usd"}, "dam_missing"),
        (8, {"rt_energy_usd"}, "rt_price_missing"),
        (9, {"rt_as_usd", "rt_as_regup_usd"}, "rt_as_award_missing"),
    ],
)
def test_what_is_not_known_is_null_and_the_rest_is_summed(
    lake: MarketLake, hour: int, unknown: set[str], caveat: str
) -> None:
    rows = quarter_rows(lake, "ODD_ESR1", hour)
    summed = ("dam_energy_usd", "dam_as_usd", "rt_energy_usd", "rt_as_usd")
    for row in rows:
        assert {name for name in (*summed, *QUARTER) if row[name] is None} >= unknown
        assert {name for name in summed if row[name] is None} == unknown & set(summed)
        assert row["total_usd"] is None
        assert row["known_usd"] == sum(row[name] for name in summed if row[name] is not None)
    assert caveat in caveats(rows)
    (day,) = lake.dicts("select * from bess_revenue_1d where resource = 'ODD_ESR1'")
    assert all(day[name] is None for name in unknown) and day["total_usd"] is None
    assert caveat in day["caveats"]


def test_a_run_holds_fifteen_minutes_and_no_longer(lake: MarketLake) -> None:
    first, second, *rest = quarter_rows(lake, "ODD_ESR1", 7)
    # The run at the hour's start holds until :15; the next one is at :20.
    assert first["net_mwh"] == Decimal("2.5") and first["coverage"] == 1
    assert second["net_mwh"] == Decimal("1.666666667") and second["coverage"] == pytest.approx(2 / 3)
    assert first["missing_sced_runs"] == 3 and "telemetry_gap" in caveats([second])
    assert all(row["coverage"] == 1 for row in rest)


def test_an_hour_without_runs_is_unknown_but_for_what_the_last_run_still_covers(lake: MarketLake) -> None:
    first, *others = quarter_rows(lake, "ODD_ESR1", 11)
    # The last run was five minutes before the hour.
    assert first["coverage"] == pytest.approx(2 / 3)
    for row in others:
        assert row["coverage"] == 0 and row["net_mwh"] is None and row["rt_energy_usd"] is None
        assert "telemetry_missing" in row["caveats"]
    assert sum(row["missing_sced_runs"] for row in quarter_rows(lake, "ODD_ESR1")) == 3 + 12


def test_the_statement_that_was_published_last_counts(lake: MarketLake) -> None:
    again, old = quarter_rows(lake, "ODD_ESR1", 12), quarter_rows(lake, "ODD_ESR1", 13)
    assert {row["dam_awarded_mw"] for row in again} == {Decimal(4)}
    assert {row["disclosed_at"] for row in again} == {LATER}
    of_its_file = "select hour_ending from bess_dam_hours where (source_object, member, line) = ('0', 'again.csv', 1)"
    assert lake.rows(of_its_file) == [(12,)]
    assert {row["dam_awarded_mw"] for row in old} == {Decimal(8)}


def test_a_correction_after_the_disclosure_replaces_its_price(lake: MarketLake) -> None:
    after, earlier = quarter_rows(lake, "ODD_ESR1", 15), quarter_rows(lake, "ODD_ESR1", 16)
    assert {(row["dam_energy_usd"], row["dam_as_regup_usd"]) for row in after} == {(Decimal(60), Decimal(5))}
    assert "price_corrected" in caveats(after)
    # The price is of the correction's day, the award of the disclosure's.
    assert {(row["prices_published_at"], row["disclosed_at"]) for row in after} == {(LATER, STATED)}
    assert {row["dam_energy_usd"] for row in earlier} == {Decimal(40)}
    assert "price_corrected" not in caveats(earlier)


def test_halves_are_paired_by_site_capacity_and_number_and_never_by_name_alone(lake: MarketLake) -> None:
    found = {
        resource: (pairing, net, usd, as_usd)
        for resource, pairing, net, usd, as_usd in lake.rows(
            """select resource, pairing, net_mwh, rt_energy_usd, dam_as_usd from bess_revenue_1d
            where operating_day = ?""",
            [BEFORE],
        )
    }
    quarter_usd = 96 * (Decimal(6) / 4 - Decimal(2)) * 50
    both = 24 * (5 + 1) * 3
    assert found["ONE_BES1"] == ("site and capacity", Decimal(24 * 6), quarter_usd, both)
    assert found["TWO_UNIT1"] == ("site, capacity and number", Decimal(24 * 6), quarter_usd, both)
    assert found["TWO_UNIT2"] == ("site, capacity and number", Decimal(24 * 10), 96 * Decimal("0.5") * 50, both)
    alone = 24 * 5 * 3
    assert found["TENTH_BES1"][0] == "site and capacity"
    for name in ("SMALL_BES1", "LONE_BES1", "PAST_BES1"):
        assert found[name] == ("no load resource agrees", None, None, alone), name
    assert found["OPEN_BES1"] == ("ambiguous", None, None, alone)
    # Neither a factory nor a power plant is a battery.
    assert set(found) == {name for name, *_ in PAIRS}


@pytest.mark.parametrize("hour", [4, 9])
def test_a_pair_is_covered_where_both_halves_are(lake: MarketLake, hour: int) -> None:
    """Half an hour without a run of one half, whose last run was five minutes before and holds for fifteen."""
    rows = lake.dicts(
        """select coverage, discharged_mwh, charged_mwh, caveats from bess_revenue_15min
        where resource = 'GAP_BES1' and interval_start >= ? and interval_start < ? order by interval_start""",
        [hours(BEFORE)[hour], hours(BEFORE)[hour + 1]],
    )
    assert [row["coverage"] for row in rows] == [pytest.approx(2 / 3), 0, 1, 1]
    assert "telemetry_gap" in caveats(rows[:1]) and "telemetry_missing" in caveats(rows[1:2])
    assert rows[1]["discharged_mwh"] is None and rows[1]["charged_mwh"] is None
    whole = (Decimal("2.5"), Decimal(1))
    assert [(row["discharged_mwh"], row["charged_mwh"]) for row in rows[2:]] == [whole, whole]


def test_numbers_that_cannot_be_of_one_battery_are_unknown_and_stop_no_other(lake: MarketLake) -> None:
    (sound,) = lake.dicts("select * from bess_revenue_1d where resource = 'SOUND_ESR1'")
    assert sound["total_usd"] == 96 * TOTAL and sound["coverage"] == 1
    (absurd,) = lake.dicts("select * from bess_revenue_1d where resource = 'ABSURD_ESR1'")
    assert absurd["total_usd"] is None and absurd["dam_energy_usd"] is None and absurd["rt_as_regup_usd"] is None
    assert absurd["intervals"] == 96
    first, second, third, _ = lake.dicts(
        "select * from bess_revenue_15min where resource = 'ABSURD_ESR1' order by interval_start limit 4"
    )
    assert (first["discharged_mwh"], first["coverage"]) == (Decimal("2.5"), 1)
    # 10,000 MW and 10,000,000 MW for five minutes each, and as much back: counted exactly.
    assert second["discharged_mwh"] == (Decimal(10_000) / 12 + Decimal(10_000_000) / 12).quantize(Decimal("1e-9"))
    assert second["charged_mwh"] == (Decimal(10_000_000) / 12).quantize(Decimal("1e-9"))
    # From 10^8 MW on it is no telemetry.
    assert third["coverage"] == 0 and third["net_mwh"] is None and "telemetry_missing" in third["caveats"]
    prices = lake.rows("select iso, lmp_usd_mwh from iso_prices where location = 'PN' order by all")
    assert prices == [(iso, sign * MOST) for iso in ("CAISO", "ISONE", "NYISO") for sign in (-1, 1)]
    found = lake.rows("select count(*) from market_findings where rule = 'price_components' and location = 'PN'")
    assert found == [(6,)]
    assert lake.rows("select count(*) from bess_soc_1d where resource = 'SOUND_ESR1'") == [(1,)]


def test_before_rtcb_services_have_no_real_time_and_the_total_is_known(lake: MarketLake) -> None:
    (row,) = lake.dicts("select * from bess_revenue_1d where resource = 'ONE_BES1'")
    assert row["rt_as_usd"] == 0
    assert row["total_usd"] == row["dam_energy_usd"] + row["dam_as_usd"] + row["rt_energy_usd"]
    assert {"no_rt_as_market", "dam_purchases", "pairing_inferred", "sasm"} <= set(row["caveats"].split(", "))
    assert "soc_penalties" not in row["caveats"]
    (open_,) = lake.dicts("select * from bess_revenue_1d where resource = 'OPEN_BES1'")
    assert open_["total_usd"] is None and "charging_half_unknown" in open_["caveats"]
    assert open_["discharged_mwh"] == Decimal(240) and open_["charged_mwh"] is None


def test_the_day_of_the_change_says_that_it_is_one(lake: MarketLake) -> None:
    rows = {r["resource"]: r for r in lake.dicts("select * from bess_revenue_1d where operating_day = ?", [CHANGE])}
    assert set(rows) == {"TURN_BES1", "TURN_ESR1", "SAME_ESR1"}
    assert all("change_of_model" in row["caveats"] for row in rows.values())
    # One that kept its name sold the regulation of both halves, and holds 4 MW of these 6.
    assert rows["SAME_ESR1"]["dam_as_regup_usd"] == 24 * 6 * 3
    assert rows["SAME_ESR1"]["rt_as_regup_usd"] == 24 * (4 - 6) * 2
    assert rows["SAME_ESR1"]["rt_energy_usd"] == 96 * QUARTER["rt_energy_usd"]
    assert rows["SAME_ESR1"]["pairing"] == "site and capacity" and "pairing_inferred" in rows["SAME_ESR1"]["caveats"]
    assert rows["TURN_BES1"]["total_usd"] is None and rows["TURN_ESR1"]["total_usd"] is None
    assert rows["TURN_BES1"]["dam_energy_usd"] == 24 * 160 and rows["TURN_ESR1"]["dam_energy_usd"] is None


def test_a_month_says_how_many_of_its_days_it_knows(lake: MarketLake) -> None:
    (row,) = lake.dicts("select * from bess_revenue_1mo where resource = 'PLAIN_ESR1' and month = '2026-03-01'")
    assert (row["days"], row["days_in_month"], row["total_usd"]) == (1, 31, 92 * TOTAL)
    assert "days_missing" in row["caveats"]


def test_every_caveat_in_a_row_is_explained(lake: MarketLake) -> None:
    rows = lake.dicts("select caveats from bess_revenue_15min union all select caveats from bess_revenue_1mo")
    explained = {code for (code,) in lake.rows("select caveat from revenue_caveats")}
    assert caveats(rows) <= explained


def test_an_explanation_works_every_dollar_out_again_from_raw_rows(lake: MarketLake) -> None:
    """Of pairs and of single batteries, with gaps, blanks, restatements and corrections."""
    lake.lake.execute(f"ATTACH '{lake.marts}' AS marts (READ_ONLY)")
    house = House(None, lake.lake)  # no home is asked for anything here
    try:
        rows = house.rows(
            "SELECT * FROM marts.bess_revenue_15min WHERE operating_day IN (?, ?, ?) "
            "AND resource IN ('ODD_ESR1', 'GAP_BES1', 'ONE_BES1', 'OPEN_BES1', 'SAME_ESR1') "
            "AND hash(resource, interval_start) % 4 = 0",
            [ODD_DAY, BEFORE, CHANGE],
        )
        assert len({row["resource"] for row in rows}) == 5 and len(rows) > 80
        worked_out = set()
        for row in rows:
            found = Explanation("bess_revenue_15min", {}, row, "", "", ())
            revenue_quarter(house, found)
            for step in found.steps:
                assert step.agrees, (row["resource"], row["interval_start"], step)
                if step.published is not None:
                    worked_out.add(step.column)
            assert all(part.rows for part in found.evidence if part.count), found.evidence
        assert worked_out >= {
            "dam_energy_usd", "dam_as_regup_usd", "rt_energy_usd", "rt_as_regup_usd", "charged_mwh", "discharged_mwh",
        }  # fmt: skip
    finally:
        lake.lake.execute("DETACH marts")
