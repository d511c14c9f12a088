"""Downloads that are stopped, by servers, disks, databases or people: nothing is lost, nothing is asked for twice."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from flows.deployed.downloads import realtime
from ingest.http.client import ATTEMPTS, Client
from lakehouse import database
from lakehouse.download import run as download_module
from lakehouse.download import spool as download_spool
from lakehouse.download.run import GIVE_UP_AFTER
from lakehouse.errors import TerminalError, TransientError
from lakehouse.settings import Settings
from lakehouse.uris import sqlite_path
from tests.support.market import NOW, Market
from tests.support.servers.market_exchange import failing, instead, late
from tests.support.servers.market_server import market_server

HOURS = "nyiso-rth-lbmp-zone"


@pytest.fixture
def market(settings: Settings) -> Iterator[Market]:
    with market_server(now=NOW) as server:
        yield Market(settings, server)


def of_commands(market: Market, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of commands on this home, by the clock of the machine."""
    market.server.now = None
    given = {**market.server.environment(credentials=False), "WATTLAKE_HOME": str(market.settings.root)}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


def test_documents_that_fail_run_after_run_do_not_keep_the_others_from_coming(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "AT_ONCE", 1)
    for day in (12, 13, 14):
        market.server.script(f"202611{day}", failing(500), last_for_ever=True)
    assert market.get(HOURS, "2026-11-12", "2026-11-19").left == 4
    report = market.get(HOURS, "2026-11-12", "2026-11-19")
    assert not report.ok
    days = market.sql("SELECT DISTINCT first_day::VARCHAR FROM ops.downloads WHERE status = 'done' ORDER BY 1")
    assert days == [(f"2026-11-{day}",) for day in (15, 16, 17, 18)]


def test_a_server_that_sends_pages_only_is_left_alone(market: Market) -> None:
    market.server.script("rtlbmp_zone", instead(b"<html>Maintenance until Monday</html>"), last_for_ever=True)
    report = market.get(HOURS, "2026-01-01", "2026-11-19")
    assert (report.documents["malformed"] + report.left, report.left > 0) == (18, True)
    assert len(market.server.requests) <= (GIVE_UP_AFTER + 4) * ATTEMPTS


def test_a_database_that_stays_locked_is_told_and_worth_another_attempt(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.get(HOURS, "2026-11-12", "2026-11-13")
    monkeypatch.setattr(database, "SQLITE_BUSY_MS", 20)
    other = sqlite3.connect(sqlite_path(market.settings.ops_uri), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(TransientError, match="lock"):
        market.get(HOURS, "2026-11-12", "2026-11-14")
    other.execute("ROLLBACK")
    other.close()
    assert market.get(HOURS, "2026-11-12", "2026-11-14").documents["done"] == 1


def test_a_full_disk_is_told_and_the_next_run_goes_on(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for owner, name in ((Client, "_store"), (download_spool, "take_place")):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, full)
            with pytest.raises(TerminalError, match="disk is full"):
                market.get(HOURS, "2026-11-12", "2026-11-14")
    assert not list((market.settings.root / "tmp" / "download").iterdir())
    assert market.get(HOURS, "2026-11-12", "2026-11-14").documents["done"] == 2
    assert market.sql("SELECT count(*), count(DISTINCT document) FROM ops.downloads") == [(2, 2)]
    assert market.spooled() == []


def test_a_feed_that_cannot_be_listed_does_not_keep_a_command_from_the_others(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_commands(market, monkeypatch)
    market.server.script("IceDocListJsonWS", failing(404))
    found = CliRunner().invoke(main, ["realtime", "ercot-dam-spp", HOURS, "--simulated"])
    assert found.exit_code == 1
    assert "ercot-dam-spp: error: ERCOT's MIS has nothing at" in found.output
    assert f"{HOURS} " in found.output and "2 done" in found.output
    asked = len(market.server.requests)
    found = CliRunner().invoke(main, ["realtime", HOURS, "nyiso-no-such-feed"])
    assert (found.exit_code, len(market.server.requests)) == (2, asked)
    found = CliRunner().invoke(main, ["download", "caiso-dam-lmp", "--days", "1", "--locations", " , "])
    assert (found.exit_code, "has no location" in found.output) == (2, True)


def test_a_command_says_that_it_waits_for_another_download_of_its_source(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_commands(market, monkeypatch)

    def later(*_: object, **__: object) -> None:
        raise TransientError("not in this test")

    monkeypatch.setattr(download_module, "download", later)
    market.settings.root.mkdir(parents=True, exist_ok=True)
    with database.exclusive(market.settings.ops_uri, f"download-{HOURS}"):
        found = CliRunner().invoke(main, ["download", HOURS, "--days", "1"])
    assert f"another download of {HOURS} is running" in found.output
    assert "another download" not in CliRunner().invoke(main, ["download", HOURS, "--days", "1"]).output


def test_a_scheduled_run_does_not_wait_for_a_long_history_of_its_feed(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_commands(market, monkeypatch)
    with database.exclusive(market.settings.ops_uri, f"download-{HOURS}"):
        state = realtime.fn([HOURS])
    assert (state.is_completed(), market.server.requests) == (True, [])
    assert state.message == f"another run downloads {HOURS}: the next one goes on"


def test_a_command_that_is_told_to_end_says_that_it_can_go_on(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    of_commands(market, monkeypatch)
    today = datetime.now(UTC).date()
    first, second = (today - timedelta(days=days) for days in (8, 7))  # final ones
    market.server.script(f"{second:%Y%m%d}rtlbmp", late(60))
    command = ["download", HOURS, "--start", f"{first}", "--end", f"{second + timedelta(days=1)}", "--simulated"]
    running = subprocess.Popen(
        [sys.executable, "-m", "flows.cli.main", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        _until(lambda: any(name.endswith(".json") for name in market.spooled()), running)
        _until(lambda: bool(market.server.seen(f"{second:%Y%m%d}rtlbmp")), running)
        running.send_signal(signal.SIGTERM)
        said, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    assert (running.returncode, said) == (
        1, "stopped: fetched documents are kept; run the same command again to go on\n",
    )  # fmt: skip
    assert market.sql("SELECT status FROM ops.runs WHERE kind = 'download'") == [("failed",)]
    found = CliRunner().invoke(main, command)
    assert (found.exit_code, "2 done" in found.output) == (0, True), found.output
    assert len(market.server.seen(f"{first:%Y%m%d}rtlbmp")) == 1


def _until(happened: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
