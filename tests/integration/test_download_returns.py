"""Operators that roll back: bytes that were downloaded before, and are published again after others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from ingest.simulate.fleet.dam_disclosure import dam_members
from ingest.simulate.fleet.fleet import simulate_fleet
from ingest.simulate.markets import nyiso
from lakehouse.settings import Settings
from tests.support.documents import zipped
from tests.support.market import NOW, Market
from tests.support.servers.market_server import market_server

HOURS = "nyiso-rth-lbmp-zone"


@pytest.fixture
def market(settings: Settings) -> Iterator[Market]:
    with market_server(now=NOW) as server:
        yield Market(settings, server)


@pytest.mark.parametrize("age_days", [0, 8])
def test_a_file_that_reverts_is_fetched_and_is_the_latest(market: Market, age_days: int) -> None:
    """Also where its header carries the time of the first version, and the day is final meanwhile."""
    day = date(2026, 11, 20)
    whole = nyiso.daily(1, "rtlbmp_zone", day).content.decode().splitlines()
    row = next(line for line in whole if "N.Y.C." in line).split(",")
    path = f"/nyiso/public/csv/rtlbmp/{day:%Y%m%d}rtlbmp_zone.csv"

    def serve(price: str, changed: datetime) -> None:
        content = "\n".join([whole[0], ",".join([*row[:3], price, "0", "0"]), ""])
        market.server.place(path, content.encode(), changed=changed)

    for number, price in enumerate(("10", "99", "10")):
        changed = NOW if price == "10" else NOW + timedelta(hours=1)
        serve(price, changed)
        market.at(NOW + timedelta(hours=2 * number, days=age_days if number == 2 else 0))
        report = market.get(HOURS, "2026-11-20", "2026-11-21")
        assert report.documents["done"] == 1, report
        assert (report.files[0].status, report.superseded) == ("landed", 0)
    assert market.sql("SELECT lmp_usd_mwh::INT FROM raw.iso_prices ORDER BY published_at") == [(10,), (99,), (10,)]
    again = market.get(HOURS, "2026-11-20", "2026-11-21")
    assert again.documents["skipped" if age_days else "unchanged"] == 1
    assert [status for _, status in market.outcomes(HOURS)] == ["done"] * 3 + ([] if age_days else ["unchanged"])


@pytest.mark.parametrize("account", [False, True])
def test_bytes_that_a_listing_gives_again_under_a_new_number_are_its_latest(market: Market, account: bool) -> None:
    market.account = account
    header = "DeliveryDate,DeliveryHour,SettlementPoint,SPPOriginal,SPPCorrected,PriceCorrectionTime,DSTFlag\n"
    name = "pricecorrection_DAM_SPP_20261107_to_20261107_NP4196"
    posted = [datetime(2026, 11, 9, hour, tzinfo=UTC) for hour in (16, 18, 20)]
    for at, price in zip(posted, ("46.62", "50.00", "46.62"), strict=True):
        text = f"{header}11/07/2026,1,ASTRA_RN,46.61,{price},11/09/2026 10:00:00,N\n"
        market.server.ercot.give("np4-196-m", f"{name}.zip", zipped({f"{name}.csv": text}), at)
    report = market.get("ercot-dam-spp-corrections", "2026-11-09", "2026-11-10")
    assert (report.ok, report.documents["done"], report.superseded) == (True, 3, 0)
    said = market.sql("SELECT published_at, lmp_usd_mwh::DOUBLE FROM raw.iso_prices ORDER BY 1")
    assert said == list(zip(posted, (46.62, 50.0, 46.62), strict=True))


def test_a_supplemental_that_restates_the_first_disclosure_leaves_what_was_known_before(market: Market) -> None:
    day, first = date(2026, 9, 10), datetime(2026, 11, 9, 10, tzinfo=UTC)
    disclosures = [zipped(dam_members(simulate_fleet(day, 1, count=1, seed=seed), 0)) for seed in (7, 8)]
    names = ("60_Day_DAM_Disclosure.zip", *("60_Day_DAM_Disclosure_SUPPLEMENTAL.zip",) * 2)
    posted = [first + timedelta(days=n) for n in (0, 4, 8)]
    for at, name, number in zip(posted, names, (0, 1, 0), strict=True):
        market.server.ercot.give("np3-966-er", name, disclosures[number], at)
        report = market.get("ercot-60d", "2026-09-10", "2026-09-11")
        assert (report.documents["done"], report.superseded) == (1, 0)
    found = market.sql(
        "SELECT published_at, source_object, count(*), sum(awarded_mw) FROM raw.ercot_dam_esr_resources"
        " GROUP BY ALL ORDER BY 1"
    )
    assert [row[0].astimezone(UTC) for row in found] == posted
    (_, *before), (_, *between), (_, *after) = found
    assert before == after != between
