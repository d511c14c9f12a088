"""Downloads from ISO-NE: web services with an account, public files behind a cookie without one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from lakehouse.settings import Settings
from tests.support.market import NOW, Market
from tests.support.servers.market_exchange import throttled
from tests.support.servers.market_server import CREDENTIALS, market_server

FIVE, HOURS = "isone-rt5-lmp", "isone-rth-lmp"


@pytest.fixture
def market(settings: Settings) -> Iterator[Market]:
    with market_server(now=NOW) as server:
        yield Market(settings, server)


def test_public_files_come_after_one_page_for_its_cookie_six_a_day(market: Market) -> None:
    report = market.get(FIVE, "2026-11-12", "2026-11-13")
    assert report.ok, report.problems
    first, *files = [seen.path for seen in market.server.requests]
    assert first.endswith("gen-fuel-mix")
    assert sorted(path[-9:-4] for path in files) == ["00-04", "04-08", "08-12", "12-16", "16-20", "20-24"]
    assert market.sql("SELECT count(DISTINCT interval_start) FROM raw.iso_prices") == [(288,)]


def test_of_today_only_what_has_begun_is_asked_and_no_data_means_not_yet(market: Market) -> None:
    report = market.get(FIVE, "2026-11-20", "2026-11-21")
    files = sorted(seen.path[-9:-4] for seen in market.server.seen("lmp_5min"))
    assert files == ["00-04", "04-08", "08-12", "12-16"]  # it is 13:02 in Boston
    assert report.ok
    assert report.documents["not_yet"] == 1
    assert report.documents["done"] == 3
    market.at(NOW + timedelta(days=1))
    report = market.get(FIVE, mode="realtime")
    assert report.ok
    assert market.sql(
        "SELECT count(DISTINCT interval_start) FROM raw.iso_prices WHERE interval_start < '2026-11-21 05:00:00+00'"
    ) == [(288,)]


def test_an_empty_day_of_the_past_is_empty_and_not_asked_for_again(market: Market) -> None:
    report = market.get("isone-dam-lmp", "2015-06-01", "2015-06-02")
    assert (report.ok, report.documents["empty"]) == (True, 1)
    asked = len(market.server.requests)
    assert market.get("isone-dam-lmp", "2015-06-01", "2015-06-02").documents["skipped"] == 1
    assert len(market.server.requests) == asked


def test_an_account_gets_the_web_services_and_its_password_stays_in_its_header(market: Market) -> None:
    market.account = True
    report = market.get(HOURS, "2026-10-20", "2026-10-22")
    assert report.ok, report.problems
    paths = sorted(seen.path for seen in market.server.requests)
    assert paths == [f"/isone-api/hourlylmp/rt/final/day/202610{day}" for day in (20, 21)]  # preliminary ones are past
    vintages = market.sql("SELECT vintage, count(DISTINCT interval_start) FROM raw.iso_prices GROUP BY 1")
    assert vintages == [("final", 48)]
    assert CREDENTIALS["WATTLAKE_ISONE_PASSWORD"] not in market.texts()
    assert market.server.secrets_leaked() == []


def test_recent_days_are_there_twice_and_the_final_one_is_waited_for(market: Market) -> None:
    report = market.get(HOURS, "2026-11-18", "2026-11-19")
    assert report.ok
    assert (report.documents["done"], report.documents["not_yet"]) == (1, 1)
    market.at(NOW + timedelta(days=9))
    report = market.get(HOURS, mode="realtime")
    assert str(report.start) == "2026-11-18"
    vintages = market.sql(
        "SELECT DISTINCT vintage FROM raw.iso_prices WHERE interval_start < '2026-11-19 05:00:00+00' ORDER BY 1"
    )
    assert vintages == [("final",), ("prelim",)]


def test_it_backs_off_for_five_seconds_and_doubles(market: Market) -> None:
    market.server.script("lmp_rt_final", throttled(), throttled())
    assert market.get(HOURS, "2026-10-20", "2026-10-21").ok
    waits = [seconds for seconds in market.waited_s if seconds > 1]
    assert 5 <= waits[0] <= 6
    assert 10 <= waits[1] <= 12
