"""Downloads from ERCOT: by account in bulk, without one from the MIS; tokens, versions, and secrets."""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from ingest.iso.ercot import listings
from ingest.iso.ercot import plan as requests
from ingest.simulate.fleet.dam_disclosure import dam_members
from ingest.simulate.fleet.fleet import simulate_fleet
from ingest.simulate.markets import ercot as simulated
from lakehouse.errors import TerminalError
from lakehouse.settings import Settings
from tests.support.documents import zipped
from tests.support.market import NOW, Market
from tests.support.servers.market_exchange import failing, truncated
from tests.support.servers.market_server import CREDENTIALS, market_server

DAM = "ercot-dam-spp"
QUARTERS = "ercot-rt15-spp"


@pytest.fixture
def market(settings: Settings) -> Iterator[Market]:
    with market_server(now=NOW) as server:
        yield Market(settings, server, account=True)


def posts(market: Market) -> list[str]:
    """Paths of the POSTs to the Public API."""
    return [seen.path for seen in market.server.requests if seen.method == "POST" and "/ercot-api" in seen.target]


def test_an_account_gets_documents_in_bulk_each_with_its_own_origin(market: Market) -> None:
    report = market.get(DAM, "2026-11-01", "2026-11-06")
    assert report.ok, report.problems
    assert posts(market) == ["/ercot-api/archive/np4-190-cd/download"]
    listed = market.sql("SELECT document, published_at, first_day::VARCHAR FROM ops.downloads ORDER BY published_at")
    assert [row[2] for row in listed] == [f"2026-11-0{day}" for day in range(1, 6)]
    assert market.sql("SELECT count(DISTINCT interval_start), count(DISTINCT published_at) FROM raw.iso_prices") == [
        (5 * 24 + 1, 5)
    ]
    asked = len(market.server.requests)
    again = market.get(DAM, "2026-11-01", "2026-11-06")
    assert (again.ok, again.documents["skipped"]) == (True, 5)
    assert [seen.path for seen in market.server.requests[asked:]] == ["/ercot-token", "/ercot-api/archive/np4-190-cd"]


def test_without_an_account_the_mis_gives_its_days_and_says_what_it_does_not(market: Market) -> None:
    market.account = False
    report = market.get(DAM, "2026-10-01", "2026-11-21")
    (denied,) = report.unobtainable
    assert (denied.outcome, denied.start) == ("denied", date(2026, 10, 1))
    assert "WATTLAKE_ERCOT_SUBSCRIPTION_KEY" in denied.reason
    assert not report.ok
    first = market.sql("SELECT min(first_day), count(*) FROM ops.downloads WHERE status = 'done'")[0]
    assert first == (denied.end, (date(2026, 11, 21) - denied.end).days)
    assert market.server.seen("ercot-api") == []
    names = market.sql("SELECT DISTINCT file[:12] FROM ops.downloads WHERE file IS NOT NULL")
    assert names == [("cdr.00012331",)]


def test_days_that_the_mis_has_dropped_are_told_only_where_they_are_not_at_hand(market: Market) -> None:
    market.account = False
    assert market.get(DAM, "2026-11-10", "2026-11-12").ok
    market.at(NOW + timedelta(days=40))
    again = market.get(DAM, "2026-11-10", "2026-11-12")
    assert (again.ok, again.unobtainable) == (True, [])
    more = market.get(DAM, "2026-11-08", "2026-11-13")
    spans = [(f"{span.start}", f"{span.end}", span.outcome) for span in more.unobtainable]
    assert spans == [("2026-11-08", "2026-11-10", "denied"), ("2026-11-12", "2026-11-13", "denied")]


@pytest.mark.parametrize("account", [True, False], ids=["public api", "mis"])
def test_documents_of_the_repeated_hour_keep_their_order(market: Market, account: bool) -> None:
    market.account = account
    market.at(datetime(2026, 11, 3, 18, tzinfo=UTC))
    report = market.get("ercot-rt15-mcpc", "2026-11-01", "2026-11-02")
    assert report.ok, report.problems
    assert report.documents["done"] == 100  # a day of 25 hours
    delays = market.sql("SELECT DISTINCT epoch(published_at - interval_end) < 900 FROM raw.as_prices")
    assert delays == [(True,)]
    assert market.sql("SELECT count(*) FROM raw.as_prices WHERE published_at < interval_end") == [(0,)]
    assert market.sql("SELECT count(DISTINCT interval_start) FROM raw.as_prices") == [(100,)]


def test_listings_of_many_pages_and_bulks_of_many_parts_lose_nothing(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "PAGE", 30)
    product = requests.Product("NP6-331-CD", 24898, 7, bulk=40)
    monkeypatch.setattr(requests, "RT15_MCPC", requests.Documents((product,)))
    report = market.get("ercot-rt15-mcpc", "2026-11-18", "2026-11-19")
    assert (report.ok, report.documents["done"]) == (True, 96)
    assert len(posts(market)) == 3
    assert sum(market.waited_s) > 2 * 5  # 30 requests a minute


def test_an_expired_token_is_renewed_once_and_the_work_goes_on(market: Market) -> None:
    market.server.ercot.token_calls = 1
    assert market.get(DAM, "2026-11-01", "2026-11-06").ok
    assert market.server.ercot.tokens == 2
    market.server.script("/ercot-api", failing(401), last_for_ever=True)
    with pytest.raises(TerminalError, match="401 also to a new token"):
        market.get(DAM, "2026-11-10", "2026-11-12")


def test_a_wrong_password_is_tried_once_and_no_secret_is_written_anywhere(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    market.access = {"ercot_password": "wrong-pass-3141"}
    with pytest.raises(TerminalError, match="WATTLAKE_ERCOT_PASSWORD") as told:
        market.get(DAM, "2026-11-01", "2026-11-06")
    assert len(market.server.seen("/ercot-token")) == 1
    market.access = {}
    market.get(DAM, "2026-11-01", "2026-11-06")
    market.server.script("/ercot-api", failing(400, b"no sim-subscription-key and no sim-token-2, sim-password"))
    with pytest.raises(TerminalError, match=r"no \*\*\* and no \*\*\*, \*\*\*"):
        market.get(DAM, "2026-11-10", "2026-11-12")
    written = market.texts() + caplog.text + str(told.value) + repr(told.value)
    for name in ("PASSWORD", "SUBSCRIPTION_KEY"):
        assert CREDENTIALS[f"WATTLAKE_ERCOT_{name}"] not in written, name
    assert "wrong-pass-3141" not in written
    assert "sim-token-" not in written
    assert market.server.secrets_leaked() == []


def test_a_broken_bulk_is_asked_for_again_and_one_lacking_document_is_told(market: Market) -> None:
    market.server.script("download", truncated())
    assert market.get(DAM, "2026-11-01", "2026-11-04").ok
    assert market.sql("SELECT DISTINCT attempts FROM ops.downloads") == [(2,)]

    def without_last(answer):
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(answer.body)) as old, zipfile.ZipFile(out, "w") as new:
            for info in old.infolist()[:-1]:
                new.writestr(info, old.read(info))
        return type(answer)(out.getvalue()).typed("application/zip")

    market.server.heal()
    market.server.script("download", without_last)
    report = market.get(DAM, "2026-11-06", "2026-11-09")
    assert (report.documents["done"], report.documents["failed"]) == (2, 1)
    assert market.get(DAM, "2026-11-06", "2026-11-09").documents["done"] == 1


def test_a_bulk_that_never_comes_is_asked_for_document_by_document(market: Market) -> None:
    market.server.script("download", failing(400, b"one of these is not there"), last_for_ever=True)
    window = ("2026-11-01", "2026-11-04")
    assert market.get(DAM, *window).documents["failed"] == 3
    market.server.heal()
    market.server.script("archive/np4-190-cd/download", failing(400), last_for_ever=True)
    assert market.get(DAM, *window).documents["done"] == 3


def disclosure(day: date, seed: int = 7) -> bytes:
    """The archive of a day's disclosure of a small fleet; another seed states other awards."""
    return zipped(dam_members(simulate_fleet(day, 1, count=2, seed=seed), 0))


def test_disclosures_come_by_operating_day_and_supplementals_whenever_they_appear(market: Market) -> None:
    day = date(2026, 9, 10)
    posted = datetime(2026, 11, 9, 10, tzinfo=UTC)
    market.server.ercot.give("np3-966-er", "60_Day_DAM_Disclosure.zip", disclosure(day), posted)
    other = posted + timedelta(days=3)
    market.server.ercot.give("np3-966-er", "60_Day_DAM_Disclosure.zip", disclosure(day + timedelta(days=3)), other)
    report = market.get("ercot-60d", "2026-09-10", "2026-09-11")
    assert report.documents["done"] == 1
    assert market.sql("SELECT DISTINCT operating_day FROM raw.ercot_dam_esr_resources") == [(day,)]
    corrected = posted + timedelta(days=8)
    market.server.ercot.give("np3-966-er", "60_Day_DAM_Disclosure_SUPPLEMENTAL.zip", disclosure(day, seed=8), corrected)
    assert market.get("ercot-60d", "2026-09-10", "2026-09-11").documents["done"] == 1
    versions = market.sql("SELECT count(DISTINCT published_at) FROM raw.ercot_dam_esr_resources")
    assert versions == [(2,)]
    missing = [span for span in report.unobtainable if span.outcome in ("gone", "not_yet")]
    assert [(str(span.start), span.outcome) for span in missing] == [("2026-09-10", "gone")]
    assert "NP3-965-ER" in missing[0].reason


def test_corrections_of_what_has_no_table_are_not_asked_for(market: Market) -> None:
    made = datetime(2026, 11, 9, 16, tzinfo=UTC)
    header = b"DeliveryDate,DeliveryHour,%s,%sOriginal,%sCorrected,PriceCorrectionTime,DSTFlag\n"
    row = b"11/07/2026,1,ASTRA_RN,46.61,46.62,11/09/2026 10:00:00,N\n"
    for what, text in (
        ("SPP", header % (b"SettlementPoint", b"SPP", b"SPP") + row),
        ("EBLMP", header % (b"ElectricBusName", b"LMP", b"LMP") + row),
    ):
        name = f"pricecorrection_DAM_{what}_20261107_to_20261107_NP4196"
        market.server.ercot.give("np4-196-m", f"{name}.zip", zipped({f"{name}.csv": text}), made)
    report = market.get("ercot-dam-spp-corrections", "2026-11-09", "2026-11-10")
    assert report.ok and report.documents["done"] == 1, report.problems
    assert market.sql("SELECT location, vintage, lmp_usd_mwh::VARCHAR, published_at FROM raw.iso_prices") == [
        ("ASTRA_RN", "correction", "46.620000", made)
    ]


@pytest.mark.parametrize(("source", "emil"), [(QUARTERS, "np6-905-cd"), ("ercot-sced-lmp", "np6-788-cd")])
def test_a_day_of_the_autumn_change_is_all_of_its_intervals_and_no_other(
    market: Market, source: str, emil: str
) -> None:
    report = market.get(source, "2026-11-01", "2026-11-02")
    assert report.ok, report.problems
    expected = [
        (slot.start, slot.published_at) for slot in simulated.slots(market.server.seed, emil, date(2026, 11, 1))
    ]
    found = market.sql("SELECT DISTINCT interval_start, published_at FROM raw.iso_prices ORDER BY 1")
    assert [tuple(instant.astimezone(UTC) for instant in row) for row in found] == expected
