"""Listings of ERCOT: as recorded, by year, and of another shape."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingest.http.client import Client
from ingest.iso.ercot import listings
from ingest.iso.ercot import plan as requests
from ingest.registry import plan_of
from ingest.simulate.markets import ercot as simulated
from lakehouse.download.fetcher import Answer, Clock
from lakehouse.download.plan import Known, Planned, Unobtainable, Window
from lakehouse.download.records import Records
from lakehouse.download.spool import Spool
from lakehouse.errors import TerminalError, TransientError
from lakehouse.ops import DOWNLOADS, Ops
from lakehouse.settings import Settings
from tests.support.market import NOW, Market
from tests.support.servers import market_exchange
from tests.support.servers.market_exchange import Fault, failing
from tests.support.servers.market_server import market_server

DAM = "ercot-dam-spp"


@pytest.fixture
def market(settings: Settings) -> Iterator[Market]:
    with market_server(now=NOW) as server:
        yield Market(settings, server, account=True)


def planned(market: Market, source: str, start: date, end: date, now: datetime = NOW) -> Planned:
    """What a window needs, by an account or without one; its clock waits in no time."""
    access, plan = market.reached(source), plan_of(source)

    async def sleep(seconds: float) -> None:
        """At once."""

    async def run() -> Planned:
        root = market.settings.root
        async with Client(root / "parts", root / "turns", clock=Clock(sleep=sleep)) as client:
            window = Window(start, end, now, plan.zone)
            return await plan.plan(source, window, Known(), access, client)

    return asyncio.run(run())


def mis_entry(doc_id: int, friendly: str, published: str) -> dict[str, dict[str, object]]:
    name = f"rpt.00013061.0000000000000000.{published[:10].replace('-', '')}.{friendly}.zip"
    return {
        "Document": {
            "DocID": str(doc_id), "FriendlyName": friendly, "ConstructedName": name, "PublishDate": published,
            "ReportTypeID": "13061", "Extension": "zip",
        }
    }  # fmt: skip


def test_workbooks_of_years_are_chosen_by_the_year_in_their_names(market: Market) -> None:
    listed = [mis_entry(n, f"RTMLZHBSPP_{2020 + n}", f"{2021 + n}-01-02T09:00:00-06:00") for n in range(6)]
    said = {"ListDocsByRptTypeRes": {"DocumentList": listed}}
    market.server.place("/mis/misapp/servlets/IceDocListJsonWS", json.dumps(said).encode(), "application/json")
    plan = planned(market, "ercot-rt15-spp-year", date(2022, 12, 31), date(2024, 1, 2))
    assert [str(request.documents[0].start) for request in plan.requests] == ["2022-01-01", "2023-01-01", "2024-01-01"]
    assert plan.requests[0].documents[0].name == "rpt.00013061.0000000000000000.20230102.RTMLZHBSPP_2022.zip"
    assert plan.requests[0].ask.params == {"doclookupId": "2"}


def test_a_listing_that_has_changed_its_shape_is_told_and_not_taken_for_empty(market: Market) -> None:
    market.account = False
    market.server.place("/mis/misapp/servlets/IceDocListJsonWS", b'{"Documents": []}', "application/json")
    with pytest.raises(TransientError, match="listing of the MIS of report 12331 is not as known"):
        market.get(DAM, "2026-11-10", "2026-11-12")


HOSTILE = ("../../x", "/etc/passwd", "", "1/2", "1e3", "-5", "\0", "\u0661", "9" * 40, None, {}, True)


@pytest.mark.parametrize("account", [True, False])
@pytest.mark.parametrize("number", HOSTILE)
def test_a_number_of_a_document_that_is_none_is_told(market: Market, account: bool, number: object) -> None:
    market.account = account
    entry = {"docId": number, "friendlyName": "DAMSPNP4190_csv", "postDatetime": "2026-11-09T12:30:00.000"}
    page = {"_meta": {"totalPages": 1, "totalRecords": 1, "currentPage": 1}, "archives": [entry]}
    market.server.place("/ercot-api/archive/np4-190-cd", json.dumps(page).encode(), "application/json")
    listed = mis_entry(1, "DAMSPNP4190_csv", "2026-11-09T12:30:00-06:00")
    listed["Document"]["DocID"] = number
    said = {"ListDocsByRptTypeRes": {"DocumentList": [listed]}}
    market.server.place("/mis/misapp/servlets/IceDocListJsonWS", json.dumps(said).encode(), "application/json")
    with pytest.raises(TransientError, match="is no number of a document"):
        planned(market, DAM, date(2026, 11, 10), date(2026, 11, 11))


@pytest.mark.parametrize(
    "name",
    ["../../x", "/etc/passwd", "..\\..\\x", ".hidden", "a\0b", "é" * 300, "x" * 5000, "", ".", "CON\n", "\u202e.zip"],
)
def test_names_of_a_listing_stay_in_the_spool(market: Market, name: str) -> None:
    """The same name twice, too: each document has a folder of its own."""
    market.account = False
    listed = [mis_entry(n, "DAMSPNP4190_csv", "2026-11-09T12:30:00-06:00") for n in (1, 2)]
    for entry in listed:
        entry["Document"]["ConstructedName"] = name
    said = {"ListDocsByRptTypeRes": {"DocumentList": listed}}
    market.server.place("/mis/misapp/servlets/IceDocListJsonWS", json.dumps(said).encode(), "application/json")
    found = [request.documents[0] for request in planned(market, DAM, date(2026, 11, 10), date(2026, 11, 11)).requests]
    folder = market.settings.root / "downloads" / DAM
    spool = Spool(folder)
    for number, document in enumerate(found):
        part = market.settings.root / f"{number}.part"
        part.write_bytes(b"%d" % number)
        spool.put(
            document, Answer("done", "http://x", path=part, sha256=hashlib.sha256(b"%d" % number).hexdigest()), part
        )
    waiting = spool.waiting()
    assert sorted(entry.path.read_bytes() for entry in waiting) == [b"0", b"1"]
    assert all(entry.path.resolve().is_relative_to(folder) for entry in waiting)


@pytest.mark.parametrize(
    "posted", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59", "1970-01-01T00:00:00", "soon", "", "2026-13-01"]
)
def test_a_posting_of_another_age_is_told(market: Market, posted: str) -> None:
    market.account = False
    said = {"ListDocsByRptTypeRes": {"DocumentList": [mis_entry(1, "DAMSPNP4190_csv", posted)]}}
    market.server.place("/mis/misapp/servlets/IceDocListJsonWS", json.dumps(said).encode(), "application/json")
    with pytest.raises(TransientError, match="is not as known"):
        planned(market, DAM, date(2026, 11, 10), date(2026, 11, 11))


def endless(pages: int) -> Fault:
    """More pages than there are; each is the first one."""

    def fault(answer: market_exchange.Answer) -> market_exchange.Answer:
        said = json.loads(answer.body)
        said["_meta"] |= {"totalPages": pages, "currentPage": None}
        return replace(answer, body=json.dumps(said).encode())

    return fault


def without_one(answer: market_exchange.Answer) -> market_exchange.Answer:
    """A document was taken away while the listing was read, so that the page begins one later."""
    said = json.loads(answer.body)
    said["archives"] = said["archives"][1:]
    said["_meta"]["totalRecords"] -= 1
    return replace(answer, body=json.dumps(said).encode())


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ((None, without_one), "was changed while it was listed: 17 of 18"),
        ((endless(10**9), endless(10**9)), "brings nothing new"),
        ((endless(5), endless(5)), "brings nothing new"),
        ((None, failing(404)), "has nothing at"),
    ],
)
def test_pages_that_change_or_never_end_are_told_and_no_document_is_lost(
    market: Market, monkeypatch: pytest.MonkeyPatch, faults: tuple[Fault | None, ...], words: str
) -> None:
    monkeypatch.setattr(listings, "PAGE", 10)
    window = (date(2026, 10, 10), date(2026, 10, 26))
    market.server.script("archive", *faults)
    with pytest.raises((TransientError, TerminalError), match=words):
        planned(market, DAM, *window)
    assert len(market.server.seen("archive")) <= 3
    market.server.heal()
    assert len(planned(market, DAM, *window).requests[0].documents) == 16


@pytest.mark.real_data
def test_a_recorded_listing_of_the_mis_is_read_each_posting_once(market: Market, recorded: Path) -> None:
    path = recorded / "iso" / "ercot" / "mis_IceDocListJsonWS_reportTypeId_13028.json"
    market.server.place("/mis/misapp/servlets/IceDocListJsonWS", path.read_bytes(), "application/json")
    entries = [entry["Document"] for entry in json.loads(path.read_text())["ListDocsByRptTypeRes"]["DocumentList"]]

    async def read() -> list[requests.Listed]:
        async with Client(market.settings.root / "parts", market.settings.root / "turns") as client:
            return await listings.of_mis(13028, market.reached("ercot-dam-spp"), client)

    found = asyncio.run(read())
    assert {listed.doc_id for listed in found} == {e["DocID"] for e in entries if e["FriendlyName"].endswith("_csv")}
    assert {listed.name for listed in found} <= {e["ConstructedName"] for e in entries}
    # It was listed in March, after the clocks had changed; what was posted before bears the offset of after.
    stated = {e["DocID"]: datetime.fromisoformat(e["PublishDate"]) for e in entries}
    off = [listed for listed in found if listed.published_at != stated[listed.doc_id]]
    assert 0 < len(off) < len(found) and max(listed.published_at for listed in off) < datetime(
        2025, 3, 9, 8, tzinfo=UTC
    )
    for listed in found:
        stamp = "".join(listed.name.split(".")[3:5])[:14]
        named = datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=requests.ZONE).astimezone(UTC)
        assert abs(listed.published_at - named) <= timedelta(seconds=1), listed.name


@pytest.mark.parametrize("account", [True, False], ids=["public api", "mis"])
@pytest.mark.parametrize("change", [date(2026, 3, 8), date(2026, 11, 1)], ids=["spring", "autumn"])
@pytest.mark.parametrize("later_days", [0, 1, 3])
def test_days_around_a_change_of_clocks_have_their_documents_and_these_their_instants(
    market: Market, account: bool, change: date, later_days: int
) -> None:
    """Listed on the day itself, when clocks have just changed, and later."""
    listed_at = datetime.combine(change + timedelta(days=later_days), datetime.min.time(), UTC) + timedelta(hours=15)
    market.account = account
    market.at(listed_at)
    days = [change - timedelta(days=1), change, change + timedelta(days=1)]
    for source, emil in (("ercot-rt15-mcpc", "np6-331-cd"), ("ercot-sced-lmp", "np6-788-cd"), (DAM, "np4-190-cd")):
        plan = planned(market, source, days[0], days[-1] + timedelta(days=1), listed_at)
        found = sorted((d.published_at, d.start) for request in plan.requests for d in request.documents)
        posted = [(slot.published_at, day) for day in days for slot in simulated.slots(market.server.seed, emil, day)]
        assert found == sorted(each for each in posted if each[0] <= listed_at), source


def entry(number: int, clock: str, second: bool = False) -> listings._Entry:
    return listings._Entry(str(number), "n", "l", datetime.fromisoformat(f"2026-11-01T{clock}"), second)


@pytest.mark.parametrize(
    ("entries", "hours"),
    [
        # Fifteen minutes apart, none marked: a clock that steps back has passed the change.
        ([entry(1, "00:47:17"), entry(2, "01:02:17"), entry(3, "01:47:17"), entry(4, "01:02:17"), entry(5, "01:47:18"),
          entry(6, "02:02:17")], [5, 6, 6, 7, 7, 8]),
        # Marked, and what follows.
        ([entry(1, "01:17:17"), entry(2, "01:17:17", True), entry(3, "01:32:17")], [6, 7, 7]),
        # One alone is of the first hour unless it says otherwise, as are several of one moment, whatever their seconds.
        ([entry(1, "01:30:00")], [6]), ([entry(1, "01:30:00", True)], [7]),
        ([entry(1, "01:30:05"), entry(2, "01:30:00"), entry(3, "01:30:07")], [6, 6, 6]),
        # A mark outside of the hour says nothing: a posting two minutes after the hour that it states.
        ([entry(1, "02:02:17", True), entry(2, "00:59:00", True)], [8, 5]),
    ],
)  # fmt: skip
def test_of_two_equal_hours_documents_go_by_their_marks_and_their_numbers(
    entries: list[listings._Entry], hours: list[int]
) -> None:
    for order in (entries, entries[::-1]):
        found = {listed.doc_id: listed.published_at.hour for listed in listings._dated(order)}
        assert found == dict(zip([each.doc_id for each in entries], hours, strict=True))


@pytest.mark.real_data
def test_a_recorded_page_of_the_archive_is_read(market: Market, recorded: Path) -> None:
    page = recorded / "iso" / "ercot" / "public_api" / "np3-911-er_archive_listing_posted_2024-11-05.json"
    market.server.place("/ercot-api/archive/np3-911-er", page.read_bytes(), "application/json")

    async def read() -> list[requests.Listed]:
        async with Client(market.settings.root / "parts", market.settings.root / "turns") as client:
            days = date(2024, 11, 5), date(2024, 11, 6)
            return await listings.archived("NP3-911-ER", *days, market.reached("ercot-dam-spp"), client)

    (listed,) = asyncio.run(read())
    assert (listed.doc_id, listed.name) == ("1049861718", "1049861718.2_Day_AS_Disclosure.zip")
    assert listed.published_at == datetime(2024, 11, 5, 9, 16, 10, tzinfo=UTC)  # 03:16:10 in Austin, CST


@pytest.mark.parametrize(("day", "quarters"), [("2026-11-18", 96), ("2026-11-01", 100), ("2026-03-08", 92)])
@pytest.mark.parametrize(("hours_later", "outcome"), [(1, "not_yet"), (25, "gone"), (-3, None)])
def test_a_day_that_is_over_and_lacks_a_posting_is_told(
    day: str, quarters: int, hours_later: int, outcome: str | None
) -> None:
    of = date.fromisoformat(day)
    start, over = (datetime(of.year, of.month, n, tzinfo=requests.ZONE).astimezone(UTC) for n in (of.day, of.day + 1))
    (product,) = requests.RT15_SPP.products
    window = Window(of, of + timedelta(days=1), over + timedelta(hours=hours_later), requests.ZONE)
    posted = [start + n * timedelta(minutes=15) + timedelta(minutes=2) for n in range(1, quarters + 1)]
    documents = [
        requests.RT15_SPP._document("x", product, requests.Listed(str(at), "n", "l", at), window)
        for at in posted
        if at <= window.now
    ]
    assert list(requests._missing(product, of, window, documents)) == []
    short = list(requests._missing(product, of, window, documents[:50] + documents[51:]))
    assert [(span.start, span.outcome) for span in short] == ([(of, outcome)] if outcome else [])
    if short:
        assert short[0].reason.startswith(f"ERCOT lists {quarters - 1} of {quarters} documents of NP6-905-CD")


def test_realtime_goes_back_to_a_short_day_until_it_is_told_as_gone(settings: Settings) -> None:
    ops, day = Ops(settings), date(2026, 11, 17)
    records = Records(ops, "ercot-rt15-spp")
    brought = {"run_id": "r", "source": "ercot-rt15-spp", "status": "done", "lanes": '["1"]', "is_final": True}
    days = [{"document": str(n), "first_day": day + timedelta(n), "end_day": day + timedelta(n + 1)} for n in range(4)]
    ops.insert({DOWNLOADS: [{**brought, **of} for of in days]})
    assert records.resumes_at() == date(2026, 11, 19)
    records.unobtainable("r", [Unobtainable(day, day + timedelta(days=1), "not_yet", "95 of 96")])
    assert records.resumes_at() == day
    records.unobtainable("r", [Unobtainable(day, day + timedelta(days=1), "gone", "95 of 96")])
    assert records.resumes_at() == date(2026, 11, 19)
