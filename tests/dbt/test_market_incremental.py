"""Builds of what changed in market tables leave the marts of one build of everything, and touch nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.support.market_days import dam, rt_prices, rt_services, runs
from tests.support.market_lake import CONTRACTS, MarketLake, load

#: Around the change of model, over a change of clocks and a change of month.
DAYS = [date(2025, 12, 3) + timedelta(days=i) for i in range(5)] + [date(2026, 3, 7), date(2026, 3, 8)]
CALENDAR = [date(2026, 2, 28), date(2026, 3, 1)]
MARTS = (
    "iso_prices", "iso_prices_superseded", "iso_prices_advisory", "as_prices", "as_prices_superseded",
    "as_prices_advisory", "system_load", "system_load_superseded", "bess_dam_hours",
    "bess_revenue_15min", "bess_revenue_1d", "bess_revenue_1mo", "bess_soc",
    "bess_soc_1d", "market_findings",
)  # fmt: skip

Batch = dict[str, list[dict[str, Any]]]


def everything(seed: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """What the operator publishes, document by document, for a battery at each of two sites in each era."""
    rng = random.Random(seed)
    found = []
    for day in DAYS + CALENDAR:
        for site in ("A", "B"):
            found += disclosed(rng, site, day, seed)
        for version in range(rng.choice([1, 1, 2])):
            said = {"published_at": datetime(2026, 5, 1 + version, tzinfo=UTC), "source_object": f"p{day}/{version}"}
            found.append(("iso_prices", rt_prices("N1", day, str(rng.randint(-20, 80)), **said)))
            missed = {**said, "iso": "CAISO", "price_type": "LMP", "energy_usd_mwh": Decimal(rng.randint(20, 22)),
                      "congestion_usd_mwh": Decimal(0), "loss_usd_mwh": Decimal(0)}  # fmt: skip
            found.append(("iso_prices", rt_prices("P1", day, "21", **missed)))
            found.append(("as_prices", rt_services(day, str(rng.randint(0, 9)), **said)))
            noon = datetime(day.year, day.month, day.day, 18, tzinfo=UTC)
            for report, hours in (("NP6-345-CD", 24), ("NP3-565-CD", -24)):
                of_report = {"report": report, "published_at": noon + timedelta(hours=hours + version)}
                more = {**of_report, "source_object": said["source_object"]}
                found.append(("system_load", [load("ERCOT", noon, rng.randint(30_000, 80_000), **more)]))
        found.append(("iso_prices", rt_prices("N1", day, "7", vintage="advisory", **said)))
        found.append(("as_prices", rt_services(day, "7", vintage="advisory", **said)))
    return found


def disclosed(rng: random.Random, site: str, day: date, seed: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """What is disclosed of a battery and a day."""
    found = []
    for version in range(rng.choice([1, 1, 2])):
        said = {"published_at": datetime(2026, 6, 1 + version, tzinfo=UTC), "source_object": f"{site} {day}/{version}"}
        awards = {
            "settlement_point": "N1", "hsl_mw": 20.0, "lsl_mw": -20.0, "spp_usd_mwh": Decimal(rng.randint(-9, 90)),
            "awarded_mw": Decimal(rng.randint(-9, 19)), "regup_awarded_mw": Decimal(5),
            "regup_mcpc_usd_mw": Decimal(3),
        }  # fmt: skip
        model = [("ercot_dam_esr_resources", f"{site}_ESR1", {})]
        if day <= date(2025, 12, 5):
            model = [("ercot_dam_gen_resources", f"{site}_BES1", {"resource_type": "PWRSTR"})]
        for table, name, more in model:
            rows = [row for row in dam(name, day, **awards, **said, **more) if rng.random() < 0.95]
            found.append((table, rows))
    walk = random.Random(f"{seed} {site} {day}")
    if day < date(2025, 12, 5):
        for table, name, column, capacity in (
            ("ercot_sced_gen_resources", f"{site}_BES1", "telemetered_net_output_mw", "hsl_mw"),
            ("ercot_sced_load_resources", f"{site}_LD1", "real_power_consumption_mw", "max_power_consumption_mw"),
        ):
            more = {"resource_type": "PWRSTR"} if "gen" in table else {}
            rows = list(runs(name, day, 5.0, column=column, **{capacity: 20.0}, **more))
            found.append((table, rows))
    else:
        soc = 10.0
        rows = []
        for run in runs(f"{site}_ESR1", day, lambda at, walk=walk: round(walk.uniform(-20, 20), 3), hsl_mw=20.0,
                        base_point_mw=1.0, as_award_regup_mw=3.5, min_soc_mwh=0.0, max_soc_mwh=40.0):  # fmt: skip
            if walk.random() < 0.9:
                soc -= run["telemetered_net_output_mw"] / 12
                rows.append({**run, "soc_mwh": soc})
        found.append(("ercot_sced_esr_resources", rows))
    return found


def changed(batch: Iterable[tuple[str, list[dict[str, Any]]]]) -> list[tuple[str, str | None, str | None, date, date]]:
    """What a build is told of landed rows."""
    spans: dict[tuple[str, str | None, str | None], list[date]] = {}
    for table, rows in batch:
        contract = CONTRACTS[table]
        for row in rows:
            keys = [row.get(name, "ERCOT") for name in contract.touch]
            day = row[contract.time_column or ""].astimezone(UTC).date()
            spans.setdefault((table, *(*keys, None)[:2]), []).append(day)
    # A run of days without a gap is one row, as in a commit's properties.
    found = []
    for key, days in spans.items():
        ordered = sorted(set(days))
        first = ordered[0]
        for day, following in zip(ordered, [*ordered[1:], None], strict=True):
            if following != day + timedelta(days=1):
                found.append((*key, first, day))
                if following:
                    first = following
    return found


def contents(lake: MarketLake) -> dict[str, list[dict[str, Any]]]:
    return {mart: lake.dicts(f"select * from {mart} order by all") for mart in MARTS}


def assert_same(found: dict[str, list[dict[str, Any]]], expected: dict[str, list[dict[str, Any]]]) -> None:
    for mart, rows in expected.items():
        assert len(found[mart]) == len(rows), mart
        for row, want in zip(found[mart], rows, strict=True):
            for column, value in want.items():
                same = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
                assert row[column] == same, (mart, column, row, want)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> MarketLake:
    """All documents, landed and built in parts."""
    documents = everything(3)
    rng = random.Random(8)
    rng.shuffle(documents)
    lake = MarketLake(tmp_path_factory.mktemp("markets"))
    # A long history is built in pieces after a build of nothing; here the edge lies between two days with documents.
    lake.build_markets()
    half, late = documents[: len(documents) // 2], documents[len(documents) // 2 :]
    for table, rows in half:
        lake.land(table, rows)
    edge = DAYS[3]
    for first, last in ((date(2025, 12, 1), edge - timedelta(days=1)), (edge, date(2026, 3, 31))):
        lake.build_markets([(table, None, None, first, last) for table in CONTRACTS])
    of_one_site = [document for document in late if document[1][0].get("resource_name", "").startswith("A")]
    for batch in (of_one_site, [document for document in late if document not in of_one_site]):
        for table, rows in batch:
            lake.land(table, rows)
        lake.build_markets(changed(batch))
    return lake


def test_what_lands_late_again_and_out_of_order_gives_the_marts_of_one_build(lake: MarketLake) -> None:
    found = contents(lake)
    lake.build_markets()
    assert_same(found, contents(lake))
    assert all(found[mart] for mart in MARTS), "a mart was empty: nothing was compared"


def test_a_late_run_rebuilds_its_site_on_the_operating_days_it_can_lie_in(lake: MarketLake) -> None:
    day, before = date(2026, 3, 1), date(2026, 2, 28)
    # A mark on every row shows which ones a build writes anew.
    with duckdb.connect(str(lake.marts)) as marts:
        for mart in ("bess_revenue_15min", "bess_revenue_1d", "bess_revenue_1mo"):
            marts.execute(f"UPDATE {mart} SET pairing = 'marked'")
        marts.execute("UPDATE iso_prices SET vintage = 'marked'")
    counted = "select count(*) from bess_revenue_15min"
    rows = lake.rows(counted)
    late = [{**next(iter(runs("A_ESR1", day, 7.0))), "sced_at": datetime(2026, 3, 1, 18, 2, tzinfo=UTC)}]
    lake.land("ercot_sced_esr_resources", late)
    lake.build_markets(changed([("ercot_sced_esr_resources", late)]))
    rebuilt = "select distinct resource, {} from {} where pairing <> 'marked' order by all"
    for mart in ("bess_revenue_15min", "bess_revenue_1d"):
        assert lake.rows(rebuilt.format("operating_day", mart)) == [("A_ESR1", before), ("A_ESR1", day)]
    months = [("A_ESR1", date(2026, 2, 1)), ("A_ESR1", date(2026, 3, 1))]
    assert lake.rows(rebuilt.format("month", "bess_revenue_1mo")) == months
    assert lake.rows(counted) == rows
    assert lake.rows("select count(*) from iso_prices where vintage <> 'marked'") == [(0,)]
