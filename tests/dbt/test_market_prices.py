"""Marts of prices: the latest statement, what was known at an instant, and each operator's own terms."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from flows.explain import statements as statements_of
from flows.explain.chain import Explanation, House
from tests.support.market_lake import MarketLake, load, price, service_price

START = datetime(2026, 3, 1, tzinfo=UTC)
#: Runs of SCED, in seconds: one comes early, and one so late that the one before does not hold until then.
SCED_RUNS = (12, 190, 505, 1505)
#: (minute, minutes, price, vintage, hours after which it was published)
FORECAST = (
    (0, 15, "31", "advisory", -1),
    (0, 5, "30", "posted", 0),
    (0, 15, "32", "advisory", 1),
    (15, 15, "33", "advisory", 0),
    (15, 15, "34", "advisory", 1),
)


def statements(seed: int) -> list[dict[str, Any]]:
    """Prices of a few hours, each stated one to five times, in no order of publication."""
    rng = random.Random(seed)
    rows = []
    for hour in range(30):
        for location in ("4000", "4001"):
            for number in range(rng.randint(1, 5)):
                rows.append(
                    price(
                        location, START + timedelta(hours=hour), 60, str(rng.randint(-500, 900) / 100), iso="ISONE",
                        location_type="HUB", price_type="LMP", vintage=rng.choice(["posted", "prelim", "final"]),
                        published_at=START + timedelta(hours=hour, minutes=rng.randint(-300, 300)),
                        source_object=f"{number}{location}{hour}",
                    )
                )  # fmt: skip
    return rows


def order(row: dict[str, Any]) -> tuple[bool, datetime, str]:
    return row["vintage"] != "prelim", row["published_at"], row["source_object"]


def known_at(rows: list[dict[str, Any]], instant: datetime) -> dict[tuple[str, datetime], dict[str, Any]]:
    """The statement of every price that counted at an instant, by plain comparison."""
    found: dict[tuple[str, datetime], dict[str, Any]] = {}
    for row in rows:
        key = row["location"], row["interval_start"]
        if row["published_at"] <= instant and (key not in found or order(row) > order(found[key])):
            found[key] = row
    return found


#: A forecast that CAISO's schedule dates, and its revision, which nobody dates: it arrived two days later.
DAY_BEFORE = START - timedelta(hours=14)
SCHEDULED = [
    load(
        "CA ISO-TAC", START, mw, iso="CAISO", report="SLD_FCST", model="DAM", published_at=DAY_BEFORE,
        published_basis="schedule", received_at=START + timedelta(days=days), source_object=digest,
    )
    for mw, days, digest in (("21000", 1, "z"), ("21500", 3, "a"))
]  # fmt: skip


def forecasts(seed: int) -> list[dict[str, Any]]:
    """Load of a few hours, each forecast one to five times before and after it began, in no order of publication."""
    rng = random.Random(seed)
    rows = []
    for hour in range(30):
        for area, report in (("NEPOOL AREA", "hourlyloadforecast"), (".Z.MAINE", "reliabilityregionloadforecast")):
            for number in range(rng.randint(1, 5)):
                start = START + timedelta(hours=hour)
                published_at = start + timedelta(minutes=rng.randint(-3000, 300))
                rows.append(
                    load(
                        area, start, rng.randint(900, 20_000), iso="ISONE", report=report, published_at=published_at,
                        received_at=published_at + timedelta(minutes=1), source_object=f"{number}{area}{hour}",
                    )
                )  # fmt: skip
    rng.shuffle(rows)
    return rows


@pytest.fixture(scope="module")
def stated() -> list[dict[str, Any]]:
    return statements(5)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, stated: list[dict[str, Any]]) -> MarketLake:
    lake = MarketLake(tmp_path_factory.mktemp("prices"))
    lake.land("iso_prices", stated)
    lake.land("iso_prices", [
        price("N.Y.C.", START, 60, "44.10", iso="NYISO", location_type="ZONE", location_id="61761", price_type="LBMP",
              energy_usd_mwh=Decimal("40"), loss_usd_mwh=Decimal("1.1"), congestion_usd_mwh=Decimal("3"),
              congestion_published_usd_mwh=Decimal("-3")),
        price("LZ_WEST", START, 15, "20", location_type="LZ"),
        price("LZ_WEST", START, 15, "21", location_type="LZEW"),
        *(price("HB_WEST", START + timedelta(seconds=second), 5, "25", market="SCED", price_type="LMP")
          for second in SCED_RUNS),
        price("TH_SP15", START, 60, "30.5", iso="CAISO", price_type="LMP", energy_usd_mwh=Decimal("30"),
              congestion_usd_mwh=Decimal("1"), loss_usd_mwh=Decimal("-0.6"), ghg_usd_mwh=Decimal("0.1")),
    ])  # fmt: skip
    # A node goes by its number in the public report, by its name in the web service.
    node: dict[str, Any] = {"iso": "ISONE", "price_type": "LMP", "market": "RT5", "location_id": "4816"}
    lake.land("iso_prices", [
        price("4816", START, 5, "50", vintage="prelim", location_type="", published_at=START, **node),
        price("UN.NODE", START, 5, "51", vintage="final", location_type="NETWORK NODE",
              published_at=START + timedelta(days=5), **node),
    ])  # fmt: skip
    # Dispatch has priced the first five minutes; forecasts of them came before and after.
    lake.land(
        "iso_prices",
        [
            price(
                "WEST",
                START + timedelta(minutes=minute),
                minutes,
                usd_mwh,
                iso="NYISO",
                market="RT5",
                location_type="ZONE",
                price_type="LBMP",
                vintage=vintage,
                source_object=f"{vintage}{hours}",
                published_at=START + timedelta(hours=hours),
            )
            for minute, minutes, usd_mwh, vintage, hours in FORECAST
        ],
    )
    lake.land("as_prices", [
        service_price("10 Min Spin", START, 15, "9", iso="NYISO", vintage="advisory", published_at=START),
        service_price("RRS", START, 60, "1.5", published_at=START, source_object="a"),
        service_price("RRS", START, 60, "2.5", published_at=START + timedelta(days=2), source_object="b",
                      vintage="correction"),
    ])  # fmt: skip
    lake.land("system_load", forecasts(5))
    lake.land("system_load", SCHEDULED)
    lake.build_markets()
    return lake


def test_the_latest_statement_of_every_price_counts(lake: MarketLake, stated: list[dict[str, Any]]) -> None:
    expected = known_at(stated, START + timedelta(days=99))
    found = lake.dicts("select * from iso_prices where iso = 'ISONE' and market = 'DAM'")
    assert len(found) == len(expected)
    for row in found:
        want = expected[row["location"], row["interval_start"]]
        same = [r for r in stated if (r["location"], r["interval_start"]) == (row["location"], row["interval_start"])]
        assert (row["lmp_usd_mwh"], row["vintage"], row["published_at"], row["source_object"], row["statements"]) == (
            want["lmp_usd_mwh"], want["vintage"], want["published_at"], want["source_object"], len(same)
        )  # fmt: skip


def test_a_node_has_one_price_whether_it_goes_by_its_number_or_its_name(lake: MarketLake) -> None:
    known = "select location, lmp_usd_mwh from {} where location_id = '4816'"
    assert lake.rows(known.format("iso_prices")) == [("UN.NODE", Decimal(51))]
    at_first = f"iso_prices_as_of('{START + timedelta(hours=1)}'::timestamptz)"
    assert lake.rows(known.format(at_first)) == [("4816", Decimal(50))]


def test_no_statement_is_lost(lake: MarketLake, stated: list[dict[str, Any]]) -> None:
    found = lake.rows(
        """select location, interval_start, source_object from iso_prices where iso = 'ISONE' and market = 'DAM'
        union all select location, interval_start, source_object from iso_prices_superseded
        where iso = 'ISONE' and market = 'DAM'"""
    )
    assert sorted(found) == sorted((r["location"], r["interval_start"], r["source_object"]) for r in stated)


@pytest.mark.parametrize("hours", [-6, 0, 3, 9.5, 17, 29, 40])
def test_prices_can_be_asked_as_they_were_known(lake: MarketLake, stated: list[dict[str, Any]], hours: float) -> None:
    instant = START + timedelta(hours=hours)
    expected = {key: row["source_object"] for key, row in known_at(stated, instant).items()}
    with duckdb.connect() as reader:
        # As a reader sees it: the published file attached under its name.
        reader.execute("SET TimeZone='UTC'")
        reader.execute(f"ATTACH '{lake.marts}' AS marts (READ_ONLY)")
        rows = reader.execute(
            "SELECT location, interval_start, source_object FROM marts.iso_prices_as_of(?) "
            "WHERE iso = 'ISONE' AND market = 'DAM'",
            [instant],
        ).fetchall()
    assert {(location, start): source for location, start, source in rows} == expected
    assert len(rows) == len(expected)


def test_a_forecast_is_no_price_whenever_it_was_made(lake: MarketLake) -> None:
    known = [("30", START, 1)]
    of_west = "where market = 'RT5' and location = 'WEST'"
    found = lake.rows(f"select lmp_usd_mwh, published_at, statements from iso_prices {of_west}")
    assert found == [(Decimal(usd_mwh), at, n) for usd_mwh, at, n in known]
    assert lake.rows(f"select * from iso_prices_superseded {of_west}") == []
    for hours, count in ((-1, 0), (0, 1), (9, 1)):
        at = START + timedelta(hours=hours)
        assert lake.rows(f"select count(*) from iso_prices_as_of(?) {of_west}", [at]) == [(count,)]
    forecasts = lake.rows(
        f"""select epoch(interval_start - ?)::int // 60, epoch(interval_end - interval_start)::int // 60,
        lmp_usd_mwh, epoch(published_at - ?)::int // 3600 from iso_prices_advisory {of_west}""",
        [START, START],
    )
    expected = [
        (minute, minutes, Decimal(p), hours) for minute, minutes, p, kind, hours in FORECAST if kind != "posted"
    ]
    assert sorted(forecasts) == sorted(expected)
    assert lake.rows("select product, mcpc_usd_mw from as_prices_advisory") == [("10 Min Spin", Decimal(9))]


def test_prices_of_services_have_statements_too(lake: MarketLake) -> None:
    assert lake.rows("select mcpc_usd_mw, vintage, statements from as_prices") == [(Decimal("2.5"), "correction", 2)]
    ((superseded,),) = lake.rows("select superseded_at from as_prices_superseded")
    assert superseded == START + timedelta(days=2)
    before = START + timedelta(days=1)
    assert lake.rows("select mcpc_usd_mw from as_prices_as_of(?)", [before]) == [(Decimal("1.5"),)]


def test_views_speak_each_operators_terms(lake: MarketLake) -> None:
    ((congestion, losses, lbmp),) = lake.rows(
        "select marginal_cost_congestion_usd_mwh, marginal_cost_losses_usd_mwh, lbmp_usd_mwh from nyiso_lbmps"
        " where market = 'DAM'"
    )
    assert Decimal(40) + losses - congestion == lbmp
    zones = lake.rows("select settlement_point_type, settlement_point_price_usd_mwh from ercot_settlement_point_prices")
    assert sorted(zones) == [("LZ", Decimal(20)), ("LZEW", Decimal(21))]
    ((mce, mcc, mcl, ghg, lmp),) = lake.rows(
        "select mce_usd_mwh, mcc_usd_mwh, mcl_usd_mwh, mghg_usd_mwh, lmp_usd_mwh from caiso_lmps"
    )
    assert mce + mcc + mcl + ghg == lmp
    held = lake.rows("select epoch(sced_at - ?)::int, epoch(held_until - ?)::int from ercot_sced_lmps", [START, START])
    assert sorted(held) == [(12, 190), (190, 505), (505, 505 + 900), (1505, 1505 + 300)]
    ((count,),) = lake.rows("select count(*) from isone_lmps where market = 'DAM'")
    assert count == 60


@pytest.mark.parametrize("hours", [-60, -20, 0, 12, 99])
def test_load_as_of_an_instant_is_the_last_forecast_that_was_published_by_then(lake: MarketLake, hours: int) -> None:
    instant = START + timedelta(hours=hours)
    expected: dict[tuple[str, datetime], dict[str, Any]] = {}
    for row in sorted(forecasts(5), key=lambda row: (row["published_at"], row["received_at"], row["source_object"])):
        if row["published_at"] <= instant:
            expected[row["area"], row["interval_start"]] = row
    found = lake.dicts("select * from system_load_as_of(?) where iso = 'ISONE'", [instant])
    assert {(r["area"], r["interval_start"]): r["load_mw"] for r in found} == {
        key: row["load_mw"] for key, row in expected.items()
    }
    assert len(found) == len(expected)
    assert all(row["is_ahead"] == (row["published_at"] < row["interval_start"]) for row in found)
    if hours == 99:
        latest = lake.dicts("select * from system_load where iso = 'ISONE'")
        assert {(r["area"], r["interval_start"], r["load_mw"], r["published_at"]) for r in latest} == {
            (*key, row["load_mw"], row["published_at"]) for key, row in expected.items()
        }


def test_a_revision_that_no_schedule_dates_counts_from_when_it_was_received(lake: MarketLake) -> None:
    (latest,) = lake.dicts("select * from system_load where iso = 'CAISO'")
    received = START + timedelta(days=3)
    assert (latest["load_mw"], latest["published_at"], latest["published_basis"]) == (21500, received, "received")
    assert (latest["statements"], latest["is_ahead"]) == (2, False)
    known = "select load_mw, is_ahead from system_load_as_of(?) where iso = 'CAISO'"
    assert lake.rows(known, [DAY_BEFORE - timedelta(seconds=1)]) == []
    assert lake.rows(known, [DAY_BEFORE]) == [(Decimal(21000), True)]
    assert lake.rows(known, [received - timedelta(seconds=1)]) == [(Decimal(21000), True)]
    assert lake.rows(known, [received]) == [(Decimal(21500), False)]


@pytest.mark.parametrize("mart", ["iso_prices", "as_prices", "system_load"])
def test_an_explanation_finds_the_statement_that_each_row_is_among_the_raw_rows(lake: MarketLake, mart: str) -> None:
    """Of rows that count, and of those that did until another statement was known."""
    lake.lake.execute(f"ATTACH '{lake.marts}' AS marts (READ_ONLY)")
    house = House(None, lake.lake)  # no home is asked for anything here
    explain = statements_of.load if mart == "system_load" else statements_of.price
    try:
        several = 0
        for name in (mart, f"{mart}_superseded"):
            rows = house.rows(f"SELECT * FROM marts.{name}")
            assert rows
            for row in rows:
                found = Explanation(name, {}, row, "", "", ())
                explain(house, found)
                assert all(step.agrees for step in found.steps), (row, found.steps)
                worked_out = {step.column for step in found.steps if step.published is not None}
                assert worked_out >= ({"statements"} if name == mart else {"superseded_at"})
                assert len(worked_out) > 1, "the number itself"
                (raw,) = found.evidence
                several += raw.count > 1
                assert raw.table == f"raw.{mart}" and row["source_object"] in {one["source_object"] for one in raw.rows}
        assert several
    finally:
        lake.lake.execute("DETACH marts")


def test_an_explanation_of_a_row_that_no_statement_is_differs(lake: MarketLake) -> None:
    lake.lake.execute(f"ATTACH '{lake.marts}' AS marts (READ_ONLY)")
    house = House(None, lake.lake)
    try:
        (row,) = house.rows("SELECT * FROM marts.system_load_superseded WHERE iso = 'CAISO'")
        for wrong in ({"load_mw": Decimal(21001)}, {"superseded_at": START}, {"source_object": "none"}):
            found = Explanation("system_load_superseded", {}, {**row, **wrong}, "", "", ())
            statements_of.load(house, found)
            assert {step.column for step in found.steps if not step.agrees} == set(wrong)
    finally:
        lake.lake.execute("DETACH marts")
