"""Downloads from operators: what a window needs, nothing twice, every outcome recorded, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock

import pytest
from click.testing import CliRunner, Result

from flows.cli.main import main
from flows.download_doctor import CHECKS, VARIABLES
from ingest.http import client as http
from ingest.iso.caiso import plan as requests_of_caiso
from ingest.registry import feeds, registry
from ingest.simulate.markets import caiso
from lakehouse.database import is_free
from lakehouse.errors import TerminalError, TransientError, WrongUsage
from lakehouse.secret import Secret
from lakehouse.settings import Settings
from lakehouse.upkeep.doctor import examine
from tests.support.market import NODES, NOW, Market
from tests.support.servers.market_exchange import (
    Answer,
    Fault,
    cut,
    dripping,
    failing,
    instead,
    redirected,
    throttled,
    truncated,
    waf,
)
from tests.support.servers.market_server import market_server

ZONE = "nyiso-rt5-lbmp-zone"
HOURS = "nyiso-rth-lbmp-zone"
REALTIME_ZONE = "realtime_zone"


@pytest.fixture
def market(settings: Settings) -> Iterator[Market]:
    with market_server(now=NOW) as server:
        yield Market(settings, server)


def names(market: Market, after: int) -> list[str]:
    """Files that were asked for after so many requests."""
    return [seen.path.rpartition("/")[2] for seen in market.server.requests[after:]]


def test_every_market_source_can_be_downloaded_but_extracts_of_others() -> None:
    markets = {name for name in registry().sources if name.split("-")[0] in ("ercot", "caiso", "isone", "nyiso")}
    assert {name for name, feed in feeds().items() if feed.plan} == markets - {"ercot-sced-extract"}


def test_a_window_is_landed_once_and_what_is_final_is_never_asked_for_again(market: Market) -> None:
    report = market.get(ZONE, "2026-11-12", "2026-11-15")
    assert report.ok
    assert report.documents["done"] == 3
    landed = market.sql("SELECT count(*), count(DISTINCT interval_start) FROM raw.iso_prices")[0]
    assert landed[1] == 3 * 288
    assert market.spooled() == []
    asked = len(market.server.requests)
    again = market.get(ZONE, "2026-11-12", "2026-11-15")
    assert (again.ok, again.documents["skipped"], len(market.server.requests)) == (True, 3, asked)
    assert market.sql("SELECT count(*), count(DISTINCT interval_start) FROM raw.iso_prices")[0] == landed
    statuses = market.sql("SELECT status, is_final, http_status, bytes > 0, sha256 IS NOT NULL FROM ops.downloads")
    assert set(statuses) == {("done", True, 200, True, True)}


def test_a_backfill_takes_months_as_archives_and_goes_on_where_it_stopped(market: Market) -> None:
    market.server.script("20260901", failing(500), last_for_ever=True)
    report = market.get(HOURS, "2026-08-30", "2026-10-02", mode="backfill")
    assert not report.ok
    assert (report.documents["done"], report.documents["failed"]) == (2, 1)
    assert "500" in " ".join(report.problems)
    market.server.heal()
    asked = len(market.server.requests)
    report = market.get(HOURS, "2026-08-30", "2026-10-02", mode="backfill")
    assert report.ok
    assert names(market, asked) == ["20260901rtlbmp_zone_csv.zip"]
    days = market.sql("SELECT count(DISTINCT (interval_start - INTERVAL 4 HOUR)::DATE) FROM raw.iso_prices")
    assert days == [(92,)]  # August to October


def test_a_growing_file_is_asked_for_conditionally_and_adds_only_what_is_new(market: Market) -> None:
    first = market.get(ZONE, "2026-11-20", "2026-11-21")
    assert first.documents["done"] == 1
    before = market.sql("SELECT count(*) FROM raw.iso_prices WHERE vintage <> 'advisory'")[0][0]
    assert market.get(ZONE, "2026-11-20", "2026-11-21").documents["unchanged"] == 1
    assert market.server.requests[-1].status == 304
    market.at(NOW + timedelta(minutes=10))
    grown = market.get(ZONE, "2026-11-20", "2026-11-21")
    assert grown.documents["done"] == 1
    per_run = before // len(market.sql("SELECT DISTINCT interval_end FROM raw.iso_prices WHERE vintage <> 'advisory'"))
    after = market.sql("SELECT count(*) FROM raw.iso_prices WHERE vintage <> 'advisory'")[0][0]
    assert 0 < after - before <= 4 * per_run, "what the file said before was stored again"
    assert [status for _, status in market.outcomes(ZONE)] == ["done", "unchanged", "done"]


def test_realtime_goes_on_from_the_last_slice_whatever_the_outage(market: Market) -> None:
    market.get(ZONE, mode="realtime")
    market.at(NOW + timedelta(days=4))
    report = market.get(ZONE, mode="realtime")
    assert (report.start, report.end) == (date(2026, 11, 19), date(2026, 11, 25))
    hours = market.sql(
        "SELECT count(DISTINCT date_trunc('hour', interval_start)) FROM raw.iso_prices "
        "WHERE interval_start BETWEEN '2026-11-19 05:00:00+00' AND '2026-11-24 17:59:00+00'"
    )
    assert hours == [(5 * 24 + 13,)]
    # A failure in the middle is gone back to.
    market.at(NOW + timedelta(days=6))
    market.server.script("20261125", failing(502), last_for_ever=True)
    assert not market.get(ZONE, mode="realtime").ok
    market.server.heal()
    market.at(NOW + timedelta(days=7))
    report = market.get(ZONE, mode="realtime")
    assert report.ok
    assert report.start <= date(2026, 11, 25)
    assert ("2026-11-25/20261125realtime_zone.csv", "done") in market.outcomes(ZONE)


def test_realtime_looks_again_at_days_that_may_still_be_corrected_until_they_are_final(market: Market) -> None:
    market.get(HOURS, mode="realtime")
    began = datetime(2026, 11, 21, 5, 10, tzinfo=UTC)  # ten minutes after midnight in New York

    def asked(hours: float) -> set[str]:
        market.at(began + timedelta(hours=hours))
        before = len(market.server.requests)
        assert market.get(HOURS, mode="realtime").ok
        return {name[6:8] for name in names(market, before)}

    assert asked(0) == {"19", "20", "21"}
    assert asked(0.1) == {"20", "21"}, "the day that is just over may get its last lines"
    assert asked(6.05) == {"19", "21"}, "two days ago only now and then"
    assert asked(6.2) == {"20", "21"}
    assert asked(6.3) == {"21"}
    assert {"20", "21"} <= asked(5 * 24 - 1)
    assert "20" in asked(5 * 24 - 0.2 + 6)
    assert "20" not in asked(5 * 24 + 13), "it is final"
    bodies = [seen.status for seen in market.server.seen("20261119")]
    assert bodies.count(200) == 1 and bodies.count(304) >= 2


def test_the_client_waits_as_long_as_it_is_told_and_longer_each_time_where_it_is_not(market: Market) -> None:
    market.server.script(REALTIME_ZONE, throttled(7), throttled(), throttled(), failing(503))
    assert market.get(ZONE, "2026-11-18", "2026-11-19").ok
    told, *own = [seconds for seconds in market.waited_s if seconds > 1]
    assert told == 7
    assert all(limit <= seconds <= 1.2 * limit for seconds, limit in zip(own, (4, 8, 16), strict=True)), own
    assert market.sql("SELECT status, attempts FROM ops.downloads") == [("done", 5)]


def test_an_operator_that_asks_for_an_hour_is_left_alone(market: Market) -> None:
    market.server.script(REALTIME_ZONE, throttled(3600), last_for_ever=True)
    report = market.get(ZONE, "2026-11-12", "2026-11-19")
    assert not report.ok
    assert 3 <= report.documents["throttled"] <= 6, "three in a row, then the rest is left"
    assert report.documents["throttled"] + report.left == 7
    assert len(market.server.requests) <= 6
    assert "60 minutes" in next(iter(report.problems))


@pytest.mark.parametrize("fault", [truncated(), cut(), instead(b"<html><body>Maintenance</body></html>")])
def test_an_answer_that_is_no_document_is_asked_for_again(market: Market, fault: Fault) -> None:
    market.server.script("20260901", fault)
    report = market.get("nyiso-dam-as", "2026-09-10", "2026-09-11")
    assert report.ok, report.problems
    assert market.sql("SELECT status, attempts FROM ops.downloads") == [("done", 2)]


def test_a_firewall_lets_nobody_in_and_nothing_more_is_asked(market: Market) -> None:
    for fault in (waf(200), waf(403)):
        market.server.heal()
        market.server.script("/nyiso", fault, last_for_ever=True)
        report = market.get(HOURS, "2026-01-10", "2026-11-11")
        assert not report.ok
        assert report.documents["denied"] + report.left == 11
        assert "Request" in next(iter(report.problems))
        assert "next:" in next(iter(report.problems))
    assert len(market.server.requests) <= 2 * 4, "those that were under way"


def test_what_stays_no_document_is_recorded_and_lands_nothing(market: Market) -> None:
    market.server.script("20260901", truncated(), last_for_ever=True)
    report = market.get(ZONE, "2026-09-10", "2026-09-11")
    assert not report.ok
    (row,) = market.sql("SELECT status, attempts, error FROM ops.downloads")
    assert row[:2] == ("malformed", 5)
    assert "next:" in row[2]
    assert market.spooled() == []


def test_a_redirect_to_another_host_is_not_followed(market: Market) -> None:
    market.server.script(REALTIME_ZONE, redirected("http://localhost:9/evil"), last_for_ever=True)
    report = market.get(ZONE, "2026-11-18", "2026-11-19")
    assert not report.ok
    assert "none of its hosts" in next(iter(report.problems))
    inside = "/nyiso/public/csv/realtime/20261118realtime_zone.csv"
    market.server.heal()
    market.server.script("20261117", redirected(market.server.url + inside))
    assert market.get(ZONE, "2026-11-17", "2026-11-18").documents["done"] == 1


def test_a_file_that_is_not_there_is_not_yet_and_later_gone(market: Market) -> None:
    market.server.script("damlbmp_zone", failing(404), last_for_ever=True)
    assert market.get("nyiso-dam-lbmp-zone", "2026-11-21", "2026-11-22").documents["not_yet"] == 1
    report = market.get("nyiso-dam-lbmp-zone", "2026-11-14", "2026-11-15")
    assert (report.documents["gone"], report.ok) == (1, False)


def test_caiso_is_asked_one_at_a_time_at_its_pace_for_operating_days_in_gmt(market: Market) -> None:
    report = market.get("caiso-rt15-lmp", "2026-09-30", "2026-11-03", mode="backfill")
    assert report.ok, report.problems
    queries = [seen.query for seen in market.server.seen("SingleZip")]
    spans = [(query["startdatetime"], query["enddatetime"]) for query in queries]
    assert spans == [
        ("20260930T07:00-0000", "20261001T07:00-0000"),
        ("20261001T07:00-0000", "20261101T07:00-0000"),
        ("20261101T07:00-0000", "20261103T08:00-0000"),  # clocks go back on November 1
    ]
    assert {query["node"] for query in queries} == {",".join(NODES)}
    assert sum(market.waited_s) >= 2 * 5
    rows = market.sql("SELECT location, count(*), count(DISTINCT interval_start) FROM raw.iso_prices GROUP BY 1")
    assert {row[1:] for row in rows} == {((34 * 24 + 1) * 4, (34 * 24 + 1) * 4)}


def test_a_node_that_is_added_later_is_asked_for_alone(market: Market) -> None:
    market.get("caiso-dam-lmp", "2026-10-01", "2026-10-03", locations=NODES[:1])
    market.get("caiso-dam-lmp", "2026-10-01", "2026-10-04", locations=NODES)
    asked = [(s.query["node"], s.query["startdatetime"][:8]) for s in market.server.seen("SingleZip")]
    assert asked == [(NODES[0], "20261001"), (NODES[1], "20261001"), (NODES[0], "20261003")]


def test_a_node_that_oasis_leaves_out_without_a_word_is_told_and_asked_for_again(market: Market) -> None:
    days = ("2026-10-01", "2026-10-03")
    report = market.get("caiso-dam-lmp", *days, locations=[NODES[0], "NO_SUCH_NODE"])
    assert (report.ok, report.documents["done"], report.incomplete) == (False, 1, 1)
    assert "OASIS says nothing of NO_SUCH_NODE (2 days)" in next(iter(report.problems))
    (row,) = market.sql("SELECT status, is_final, error[:33] FROM ops.downloads")
    assert row == ("done", False, "OASIS says nothing of NO_SUCH_NOD")
    assert market.sql("SELECT location, count(*) FROM raw.iso_prices GROUP BY 1") == [(NODES[0], 48)]
    assert market.get("caiso-dam-lmp", *days, locations=NODES[:1]).ok


def test_answers_that_the_server_names_alike_all_land(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests_of_caiso, "ROWS_AN_ANSWER", 1)  # one node a request
    report = market.get("caiso-dam-lmp", "2026-10-01", "2026-10-02")
    assert report.documents["done"] == 2
    assert market.sql("SELECT count(DISTINCT file), count(DISTINCT document) FROM ops.downloads") == [(1, 2)]
    assert market.sql("SELECT count(DISTINCT location) FROM raw.iso_prices") == [(2,)]


def test_an_answer_that_drips_or_never_ends_is_given_up(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ANSWER_S", 0.3)
    monkeypatch.setattr(http, "ATTEMPTS", 2)
    market.server.script("rtlbmp_zone", dripping(16, 0.05), last_for_ever=True)
    report = market.get(HOURS, "2026-11-12", "2026-11-13")
    assert report.documents["failed"] == 1
    assert "did not answer in time" in next(iter(report.problems))
    monkeypatch.setattr(http, "ANSWER_S", 30.0)
    monkeypatch.setattr(http, "ANSWER_BYTES", 1000)
    market.server.heal()
    report = market.get(HOURS, "2026-11-12", "2026-11-13")
    assert (report.documents["failed"], market.spooled()) == (1, [])
    assert "sends more than" in next(iter(report.problems))
    assert not list((market.settings.root / "tmp" / "download").iterdir())


def test_downloads_are_recorded_in_postgres_as_in_sqlite(market: Market, tmp_path: Path, postgres_uri: str) -> None:
    market.settings = Settings(home=tmp_path / "shared", catalog_uri=Secret(postgres_uri), threads=2)
    market.server.script("20261112", failing(503), last_for_ever=True)
    assert not market.get(HOURS, "2026-11-12", "2026-11-14").ok
    market.server.heal()
    report = market.get(HOURS, mode="realtime")
    assert (report.ok, report.start) == (True, date(2026, 11, 12))
    found = market.sql(
        "SELECT status, is_final, count(*) FROM ops.downloads WHERE first_day < '2026-11-14' GROUP BY ALL"
    )
    assert sorted(found) == [("done", True, 2), ("failed", True, 1)]


def test_an_empty_answer_of_oasis_is_not_yet_then_empty_and_a_refusal_is_told(market: Market) -> None:
    market.access = {"caiso_nodes": "NO_SUCH_NODE"}
    assert market.get("caiso-dam-lmp", "2026-11-20", "2026-11-21").documents["not_yet"] == 1
    assert market.get("caiso-dam-lmp", "2026-10-01", "2026-10-02").documents["empty"] == 1
    market.server.script("SingleZip", refusal())
    report = market.get("caiso-dam-lmp", "2026-10-02", "2026-10-03")
    assert report.documents["failed"] == 1
    assert "1015 GET request resulted in an error" in next(iter(report.problems))


def refusal() -> Fault:
    """OASIS' words for a query that it does not understand, in an archive of status 200."""
    document = caiso.error("PRC_LMP", "1015", "GET request resulted in an error", NOW, NOW, NOW)
    return instead(document.content, "application/x-zip-compressed")


def test_windows_that_make_no_sense_are_wrong_usage(market: Market) -> None:
    for days, options, text in (
        ((), {}, "nothing says which days"),
        (("2026-11-20", "2026-11-20"), {}, "no days from"),
        (("2027-11-20", "2027-11-22"), {}, "no days from"),
        (("1998-12-31", "2026-11-22"), {}, "before 1999-01-01"),
        (("0001-01-01", "9999-12-31"), {}, "before 1999-01-01"),
        ((), {"days": 10**9}, "before 1999-01-01"),
        (("2026-11-20", "2026-11-21"), {"days": 3}, "both say where to begin"),
        (("2026-11-20", "2026-11-21"), {"locations": ["X"]}, "no choice of locations"),
    ):
        with pytest.raises(WrongUsage, match=text):
            market.get(ZONE, *days, **options)
    with pytest.raises(WrongUsage, match="cannot be downloaded"):
        market.get("meter", "2026-11-20", "2026-11-21")
    assert market.server.requests == []


def test_what_a_reader_refuses_is_recorded_as_malformed_and_asked_for_again(market: Market) -> None:
    market.server.script("20261112", instead(b"colour,red\n1,2\n"))
    report = market.get(ZONE, "2026-11-12", "2026-11-13")
    assert (report.ok, report.documents["malformed"]) == (False, 1)
    assert market.spooled() == []
    assert market.get(ZONE, "2026-11-12", "2026-11-13").documents["done"] == 1


def test_documents_that_wait_in_the_spool_land_first_and_half_written_ones_are_fetched_again(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lakehouse.download.run as module

    def broken(*_: object, **__: object) -> None:
        raise TransientError("the catalog is away", "try again")

    with monkeypatch.context() as patched:
        patched.setattr(module, "land_documents", broken)
        with pytest.raises(TransientError, match="catalog is away"):
            market.get(ZONE, "2026-11-12", "2026-11-14")
    waiting = sorted(name for name in market.spooled() if not name.startswith("."))
    assert waiting == ["20261112realtime_zone.csv", "20261113realtime_zone.csv"]
    (left,) = [finding for finding in examine(market.settings, CHECKS) if finding.name == "spool"]
    assert left.says == f"2 documents of {ZONE} were downloaded and have not landed"
    folder = market.settings.root / "downloads" / ZONE
    (folder / "2026-11-13" / ".20261113realtime_zone.csv.json").unlink()
    asked = len(market.server.requests)
    report = market.get(ZONE, "2026-11-12", "2026-11-14")
    assert report.ok
    assert names(market, asked) == ["20261113realtime_zone.csv"]
    assert market.sql("SELECT count(DISTINCT interval_start) FROM raw.iso_prices") == [(2 * 288,)]
    assert market.spooled() == []
    runs = market.sql("SELECT status FROM ops.runs WHERE kind = 'download' ORDER BY started_at")
    assert runs == [("failed",), ("done",)]


def test_others_land_while_it_waits_for_the_network(market: Market) -> None:
    raw_is_free: list[bool] = []
    one_looks = Lock()  # to look is to take it for a moment, and two requests are under way at once

    def look(answer: Answer) -> Answer:
        with one_looks:
            raw_is_free.append(is_free(market.settings.ops_uri, "raw"))
        return answer

    market.server.script(REALTIME_ZONE, look, last_for_ever=True)
    assert market.get(ZONE, "2026-11-12", "2026-11-14").ok
    assert raw_is_free == [True, True]


def test_the_origin_of_a_document_is_in_its_receipt(market: Market) -> None:
    from lakehouse.archive import open_archive

    market.get(ZONE, "2026-11-12", "2026-11-13")
    (receipt,) = open_archive(market.settings).receipts()
    assert receipt.origin["http_status"] == 200
    assert str(receipt.origin["url"]).endswith("/public/csv/realtime/20261112realtime_zone.csv")
    assert datetime.fromisoformat(str(receipt.origin["fetched_at"])).tzinfo == UTC
    published = market.sql("SELECT DISTINCT published_at, published_basis FROM raw.iso_prices")
    assert published == [(datetime.fromisoformat(str(receipt.origin["published_at"])), "operator")]


def test_no_answer_at_all_is_told_with_the_host(market: Market) -> None:
    market.access = {"nyiso_url": "http://127.0.0.1:9"}
    report = market.get(ZONE, "2026-11-12", "2026-11-13")
    assert (report.ok, report.documents["failed"]) == (False, 1)
    assert "127.0.0.1:9" in next(iter(report.problems))
    with pytest.raises((TransientError, TerminalError), match="ERCOT"):
        market.access = {"ercot_mis_url": "http://127.0.0.1:9"}
        market.get("ercot-dam-spp", "2026-11-12", "2026-11-13")
    (row,) = market.sql("SELECT status, first_day::VARCHAR FROM ops.downloads WHERE source = 'ercot-dam-spp'")
    assert row == ("failed", "2026-11-12")


def test_the_doctor_says_what_accounts_need_and_what_did_not_come(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.server.script("20261112", failing(500), last_for_ever=True)
    market.get(ZONE, "2026-11-12", "2026-11-13")
    monkeypatch.setenv("WATTLAKE_ISONE_USERNAME", "somebody")
    findings = {finding.name: finding for finding in examine(market.settings, CHECKS, VARIABLES)}
    assert (findings["ERCOT"].status, findings["ISO-NE"].status) == ("ok", "warning")
    assert "WATTLAKE_ERCOT_SUBSCRIPTION_KEY" in findings["ERCOT"].mend
    assert "WATTLAKE_ISONE_PASSWORD" in findings["ISO-NE"].mend
    assert findings["downloads"].says.startswith(f"{ZONE}: 1 failed in two days: NYISO answers 500")
    assert "settings" not in findings, "variables of operators are settings"
    market.server.heal()
    market.get(ZONE, "2026-11-12", "2026-11-13")
    assert "downloads" not in {finding.name for finding in examine(market.settings, CHECKS, VARIABLES)}


def test_commands_download_say_what_came_and_fail_where_something_lacks(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in market.server.environment(credentials=False).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WATTLAKE_HOME", str(market.settings.root))
    market.server.now = None
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--simulated"])

    found = run("download", HOURS, "--days", "2")
    assert found.exit_code == 0, found.output
    assert "2 done" in found.output
    found = run("realtime", HOURS)
    assert found.exit_code == 0, found.output
    market.server.script("rtlbmp_zone", failing(404), last_for_ever=True)
    found = run("backfill", HOURS, "--start", "2026-01-05", "--end", "2026-01-06")
    assert found.exit_code == 1
    assert "1 gone" in found.output
    found = run("backfill", HOURS)
    assert (found.exit_code, "give either PATHS, or --start DAY" in found.output) == (2, True)
    found = run("backfill", HOURS, "--start", f"{yesterday}", "--timezone", "UTC")
    assert (found.exit_code, "--timezone is for files" in found.output) == (2, True)
    found = run("download", HOURS, "--start", "yesterday")
    assert (found.exit_code, "write it as 2026-01-31" in found.output) == (2, True)
    monkeypatch.setenv("WATTLAKE_CAISO_URL", "ftp://oasis")
    found = run("download", HOURS, "--days", "1")
    assert (found.exit_code, "WATTLAKE_CAISO_URL: Value error, must begin with https" in found.output) == (1, True)
    monkeypatch.delenv("WATTLAKE_CAISO_URL")
    found = run("download", "no-such-feed", "--days", "1")
    assert (found.exit_code, "there is no source" in found.output) == (2, True)
