"""Downloads of ancillary services and of load, over the day on which clocks go back: each hour lands once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lakehouse.settings import Settings
from tests.support.market import NOW, Market
from tests.support.servers.market_server import market_server

#: Sunday 2026-11-01 has 25 hours at every operator.
DAY = ("2026-11-01", "2026-11-02")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with market_server(now=NOW) as server:
        settings = Settings(home=tmp_path_factory.mktemp("feeds") / "home", threads=2)
        yield Market(settings, server, account=True)


@pytest.mark.parametrize(
    ("source", "requests", "hours", "first"),
    [
        ("caiso-dam-as", 1, 25, "2026-11-01 07:00"),
        ("caiso-rt15-as", 25, 25, "2026-11-01 07:00"),
        ("isone-dam-as", 1, 25, "2026-11-01 04:00"),
        ("isone-rth-as", 2, 25, "2026-11-01 04:00"),
    ],
)
def test_prices_of_services_come_with_every_hour_of_the_day(
    market: Market, source: str, requests: int, hours: int, first: str
) -> None:
    report = market.get(source, *DAY)
    assert report.ok, report.problems
    assert report.documents["done"] == requests
    iso, name = source.split("-")[0].upper(), source.split("-")[1].upper()
    where = f"FROM raw.as_prices WHERE iso = '{iso}' AND market = '{name}'"
    assert market.sql(f"SELECT count(DISTINCT date_trunc('hour', interval_start)) {where}") == [(hours,)]
    ((begins,),) = market.sql(f"SELECT min(interval_start) {where}")
    assert f"{begins:%Y-%m-%d %H:%M}" == first
    twice = f"SELECT 1 {where} GROUP BY location, product, interval_start, vintage HAVING count(*) > 1"
    assert market.sql(twice) == []
    asked = len(market.server.requests)
    again = market.get(source, *DAY)
    assert (again.ok, len(market.server.requests)) == (True, asked), "final documents are not asked for again"


@pytest.mark.parametrize(
    ("source", "area", "first"),
    [
        ("caiso-load-actual", "CA ISO-TAC", "2026-11-01 07:00"),
        ("caiso-load-forecast", "CA ISO-TAC", "2026-11-01 07:00"),
        ("isone-load-actual", "NEPOOL AREA", "2026-11-01 04:00"),
        ("isone-load-forecast", "NEPOOL AREA", "2026-11-01 04:00"),
        ("nyiso-load-actual", "SIM CAPITL", "2026-11-01 04:00"),
        ("nyiso-load-forecast", "NYISO", "2026-11-01 04:00"),
        ("ercot-load-actual", "ERCOT", "2026-11-01 05:00"),
        ("ercot-load-forecast", "ERCOT", "2026-11-01 05:00"),
    ],
)
def test_load_comes_with_every_hour_of_the_day(market: Market, source: str, area: str, first: str) -> None:
    report = market.get(source, *DAY)
    assert report.ok, report.problems
    assert report.documents["done"] >= 1
    iso, kind = source.split("-")[0].upper(), source.split("-")[2]
    where = f"FROM raw.system_load WHERE iso = '{iso}' AND kind = '{kind}' AND area = '{area}'"
    day = f"{where} AND interval_start >= '{first}:00+00' AND interval_start < '{first}:00+00'::TIMESTAMPTZ + '25h'"
    assert market.sql(f"SELECT count(DISTINCT interval_start) {day}") == [(25,)]
    twice = "GROUP BY report, model, area_type, interval_start, published_at HAVING count(*) > 1"
    assert market.sql(f"SELECT 1 {where} {twice}") == []


def test_forecasts_know_when_they_were_published(market: Market) -> None:
    """By the operators' own words, at CAISO by its schedule; NYISO's archive says it of each of its files."""
    found = market.sql(
        "SELECT iso, published_basis, count(DISTINCT published_at) > 1, min(published_at) < max(interval_start) "
        "FROM raw.system_load WHERE kind = 'forecast' GROUP BY ALL ORDER BY ALL"
    )
    assert found == [
        ("CAISO", "schedule", True, True), ("ERCOT", "operator", True, True), ("ISONE", "operator", True, True),
        ("NYISO", "operator", True, True),
    ]  # fmt: skip
    # The file of the day was written at 07:45 in New York on the day before, by summer time.
    written = market.sql(
        "SELECT min(published_at)::VARCHAR FROM raw.system_load WHERE iso = 'NYISO' AND kind = 'forecast' "
        "AND interval_start = '2026-11-01 06:00:00+00' AND area = 'NYISO' AND published_at > '2026-10-31'"
    )
    assert written == [("2026-10-31 11:45:00+00",)]


def test_without_an_account_load_of_iso_ne_is_denied_and_the_account_named(market: Market) -> None:
    market.account = False
    try:
        report = market.get("isone-load-actual", "2026-11-10", "2026-11-12")
    finally:
        market.account = True
    assert not report.ok
    assert "WATTLAKE_ISONE_USERNAME" in str(report)
