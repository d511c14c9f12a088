"""The HTTP client against operators on loopback: what servers, accounts and settings can do to it."""

from __future__ import annotations

import asyncio
import gzip
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from ingest.http.access import Basic
from ingest.http.client import ATTEMPTS, Client
from ingest.http.exchange import Ask, Operator, Verdict
from ingest.http.secrets import Veiled
from ingest.iso.caiso.access import Access as Caiso
from ingest.iso.ercot.access import RENEWALS
from ingest.iso.ercot.access import Access as Ercot
from ingest.iso.isone.access import Access as Isone
from ingest.iso.nyiso.access import Access as Nyiso
from lakehouse.download.fetcher import Answer, Clock
from lakehouse.errors import TerminalError, TransientError
from tests.support.servers import market_exchange
from tests.support.servers.market_exchange import Fault, failing, instead, redirected
from tests.support.servers.market_server import BASES, CREDENTIALS, MarketServer, market_server

NOW = datetime(2026, 11, 20, 18, 2, tzinfo=UTC)
PAGE = "/nyiso/public/csv/realtime/20261118realtime_zone.csv"
LISTING = "/ercot-api/archive/np4-190-cd"
PERIOD = {"postDatetimeFrom": "2026-11-01T00:00:00", "postDatetimeTo": "2026-11-03T00:00:00"}


class Access(Ercot, Isone, Caiso, Nyiso):
    """How all operators are reached."""


@pytest.fixture
def server() -> Iterator[MarketServer]:
    with market_server(now=NOW) as running:
        yield running


def access(server: MarketServer, **given: str) -> Access:
    """How these operators are reached, with accounts."""
    settings = {**{name: server.url + path for name, path in BASES.items()}, **CREDENTIALS}
    return Access(**{**{name.removeprefix("WATTLAKE_").lower(): value for name, value in settings.items()}, **given})


class Asking:
    """A client whose clock waits in no time."""

    def __init__(self, folder: Path, access: Access) -> None:
        self.folder, self.access, self.now = folder, access, NOW.timestamp()
        self.waited_s: list[float] = []

    async def _sleep(self, seconds: float) -> None:
        self.waited_s.append(seconds)
        self.now += seconds

    def each(self, *asks: Ask) -> list[Answer]:
        """The answers to requests that are made at once."""

        async def ask() -> list[Answer]:
            clock = Clock(lambda: self.now, self._sleep)
            async with Client(self.folder / "parts", self.folder / "turns", self.access.secrets, clock) as client:
                return await asyncio.gather(*(client.fetch(ask, lambda path, headers: Verdict()) for ask in asks))

        return asyncio.run(ask())

    def ercot(self, number: int = 1) -> list[Answer]:
        """Answers of ERCOT's Public API to equal requests."""
        url = f"{self.access.ercot_api_url}/archive/np4-190-cd"
        credentials = self.access.ercot_credentials
        return self.each(*[Ask(self.access.ercot_api, url, PERIOD, credentials=credentials)] * number)

    def nyiso(self, **given: Any) -> Answer:
        """NYISO's answer to a request for a file."""
        return self.each(Ask(self.access.nyiso, self.access.nyiso_url + PAGE.removeprefix("/nyiso"), **given))[0]


@pytest.fixture
def asking(server: MarketServer, tmp_path: Path) -> Asking:
    return Asking(tmp_path, access(server))


def logins(server: MarketServer) -> int:
    return len(server.seen("/ercot-token"))


def test_a_login_that_is_down_is_tried_a_few_times_in_all(server: MarketServer, asking: Asking) -> None:
    server.script("/ercot-token", failing(503), last_for_ever=True)
    (answer,) = asking.ercot()
    assert (answer.outcome, logins(server)) == ("failed", ATTEMPTS)


def test_a_token_that_many_requests_find_expired_is_renewed_once(server: MarketServer, asking: Asking) -> None:
    url = f"{asking.access.ercot_api_url}/archive/np4-190-cd"
    first = Ask(asking.access.ercot_api, url, PERIOD, credentials=asking.access.ercot_credentials)
    barred = failing(401)
    server.script(LISTING, barred, barred)  # both that are under way
    assert [answer.outcome for answer in asking.each(first, first, first)] == ["done"] * 3
    assert logins(server) == 2


def test_an_api_that_refuses_every_other_token_does_not_cost_a_login_a_request(
    server: MarketServer, asking: Asking
) -> None:
    server.ercot.token_calls = 1
    outcomes = [answer.outcome for answer in asking.ercot(20)]
    assert "denied" in outcomes
    assert logins(server) <= 1 + RENEWALS


@pytest.mark.parametrize("lasts", ["0", "-5", "NaN", '"soon"', "null"])
def test_a_token_that_says_it_lasts_no_time_is_used_all_the_same(
    server: MarketServer, asking: Asking, lasts: str
) -> None:
    def shortly(answer: market_exchange.Answer) -> market_exchange.Answer:
        head, _, _ = answer.body.partition(b'"expires_in"')
        return replace(answer, body=head + b'"expires_in": ' + lasts.encode() + b"}")

    server.script("/ercot-token", shortly, last_for_ever=True)
    assert {answer.outcome for answer in asking.ercot(3)} == {"done"}
    assert logins(server) == 1


def test_a_wrong_password_is_tried_once_an_hour_by_all_runs_until_it_is_changed(
    server: MarketServer, tmp_path: Path
) -> None:
    wrong = Asking(tmp_path, access(server, ercot_password="wrong-pass-3141"))
    assert {answer.outcome for answer in wrong.ercot(4)} == {"denied"}
    again = Asking(tmp_path, access(server, ercot_password="wrong-pass-3141"))
    (answer,) = again.ercot()
    assert answer.outcome == "denied"
    assert "left alone for 60 minutes" in str(answer.error)
    assert "WATTLAKE_ERCOT_PASSWORD" in str(answer.error)
    assert logins(server) == 1
    assert Asking(tmp_path, access(server)).ercot()[0].outcome == "done"
    again.now += 3600
    again.ercot()
    assert logins(server) == 3
    kept = b"".join(path.read_bytes() for path in (tmp_path / "turns").iterdir())
    assert b"wrong-pass" not in kept


def test_a_refused_account_of_iso_ne_is_left_alone_too(server: MarketServer, tmp_path: Path) -> None:
    asking = Asking(tmp_path, access(server, isone_password="wrong-pass-3141"))
    ask = Ask(
        asking.access.isone_api, f"{asking.access.isone_api_url}/hourlylmp/da/final/day/20261110",
        credentials=asking.access.isone_credentials,
    )  # fmt: skip
    assert {answer.outcome for answer in asking.each(*[ask] * 8)} == {"denied"}
    assert len(server.requests) <= asking.access.isone_api.at_once
    assert asking.each(ask)[0].outcome == "denied"
    assert len(server.requests) <= asking.access.isone_api.at_once


def test_a_key_with_a_line_break_works_and_what_no_header_takes_is_refused_without_a_word_of_it(
    server: MarketServer, tmp_path: Path
) -> None:
    key = CREDENTIALS["WATTLAKE_ERCOT_SUBSCRIPTION_KEY"]
    asking = Asking(tmp_path, access(server, ercot_subscription_key=f"{key}\r\n", ercot_password="sim-password\n"))
    assert asking.ercot()[0].outcome == "done"
    for value in ("sécret-3141", "two\nlines-3141", "nul\0-3141"):
        with pytest.raises(ValidationError) as refused:
            access(server, ercot_subscription_key=value)
        assert "3141" not in str(refused.value) + repr(refused.value)


def test_a_token_that_no_header_takes_is_told_without_it(server: MarketServer, asking: Asking) -> None:
    for token in ('"tok\\nen-3141"', '"tök-3141"', '""', "3141"):
        server.heal()
        server.script("/ercot-token", instead(b'{"id_token": ' + token.encode() + b"}"))
        (answer,) = asking.ercot()
        assert answer.outcome == "denied"
        assert "3141" not in str(answer.error)


@pytest.mark.parametrize(
    "url",
    ["https://me:secret-3141@x.org/", "https://me@x.org", "https://x.org/?key=secret-3141", "https://x.org/#a",
     "ftp://x.org", "https://", "x.org"],
)  # fmt: skip
def test_a_base_url_holds_no_account_and_says_nothing_of_it(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Access(nyiso_url=url)
    assert "3141" not in str(refused.value)


def test_accounts_are_sent_enciphered_unless_to_this_machine() -> None:
    for name in ("ercot_api_url", "ercot_token_url", "isone_api_url"):
        with pytest.raises(ValidationError, match="an account is sent there"):
            Access(**{name: "http://x.org/"})
        Access(**{name: "http://127.0.0.1:8000/"})
    assert Access(nyiso_url="http://x.org/").nyiso_url == "http://x.org"


def test_hosts_are_known_however_their_url_is_written() -> None:
    assert Operator("X", ("https://API.Example.org:443/a",), 1, 1, 1).hosts == {"api.example.org"}
    assert Operator("X", ("http://example.org:8443",), 1, 1, 1).hosts == {"example.org:8443"}


SECRET = "p&s<s>\"w'ord-with é 3141"


@pytest.mark.parametrize(
    "echo",
    [b'p&s<s>"w\'ord-with \xc3\xa9 3141', b"p%26s%3Cs%3E%22w%27ord-with+%C3%A9+3141",
     b"p&amp;s&lt;s&gt;&quot;w&#x27;ord-with \xc3\xa9 3141", b'"p&s<s>\\"w\'ord-with \\u00e9 3141"'],
)  # fmt: skip
def test_a_secret_that_a_server_sends_back_is_not_told_however_it_is_written(
    server: MarketServer, tmp_path: Path, echo: bytes
) -> None:
    asking = Asking(tmp_path, access(server, isone_password=SECRET))
    server.script(PAGE, failing(400, b"you said " + echo, "text/plain"))
    answer = asking.nyiso()
    assert "3141" not in str(answer.error)
    assert "***" in str(answer.error)


def test_a_secret_that_is_cut_in_the_middle_is_not_told_either(server: MarketServer, tmp_path: Path) -> None:
    secret = "".join(f"{number:x}" for number in range(400))
    asking = Asking(tmp_path, access(server, isone_password=secret))
    for before in (b"", b"x" * 200, b"y " * 990):
        server.heal()
        server.script(PAGE, failing(400, before + secret.encode()))
        assert secret[:12] not in str(asking.nyiso().error)


def test_a_traceback_with_locals_shows_no_secret(server: MarketServer, asking: Asking, tmp_path: Path) -> None:
    from io import StringIO

    from rich.console import Console
    from rich.traceback import Traceback

    def fails(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    async def ask() -> None:
        async with Client(tmp_path / "p", tmp_path / "t", asking.access.secrets) as client:
            client._store = fails
            url = f"{asking.access.ercot_api_url}/archive/np4-190-cd"
            await client._once(
                Ask(asking.access.ercot_api, url, PERIOD, credentials=asking.access.ercot_credentials),
                lambda path, headers: Verdict(), [None],
            )  # fmt: skip

    shown = StringIO()
    with pytest.raises(RuntimeError, match="a fault of ours") as raised:
        asyncio.run(ask())
    error = raised.value
    Console(file=shown, width=400).print(
        Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True, locals_max_string=80)
    )
    assert "headers = " in shown.getvalue()
    told = shown.getvalue() + "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    for secret in (*asking.access.secrets, "sim-token-"):
        assert secret not in told


def test_a_veiled_secret_is_itself_on_the_wire_only(tmp_path: Path) -> None:
    client = Client(tmp_path, tmp_path)
    headers = asyncio.run(Basic("me", SecretStr("pass-3141")).headers(client))
    assert headers["Authorization"].encode() == b"Basic bWU6cGFzcy0zMTQx"
    assert "bWU6" not in repr(headers) + repr(headers["Authorization"][:80])
    assert client.secrets.scrub("sent bWU6cGFzcy0zMTQx, refused") == "sent ***, refused"
    assert Veiled("x") == "x"


@pytest.mark.parametrize("name", ["http://user:secret-3141@proxy.invalid:x", "socks5://me:secret-3141@h"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", name)
    with pytest.raises(TerminalError, match="HTTPS_PROXY") as told:
        asking.nyiso()
    assert "3141" not in "".join(traceback.format_exception(told.value))


def test_nothing_new_is_no_answer_to_who_has_nothing(server: MarketServer, asking: Asking) -> None:
    server.script(PAGE, failing(304), last_for_ever=True)
    assert asking.nyiso().outcome == "malformed"
    assert asking.nyiso(etag='"1"').outcome == "unchanged"


def test_an_etag_that_no_header_takes_is_not_kept(server: MarketServer, asking: Asking) -> None:
    def tagged(answer: market_exchange.Answer) -> market_exchange.Answer:
        return replace(answer, headers={"ETag": '"\xe9"', "Last-Modified": "x" * 2000})

    server.script(PAGE, tagged)
    answer = asking.nyiso()
    assert (answer.outcome, answer.etag, answer.last_modified) == ("done", None, None)


@pytest.mark.parametrize("status", [429, 503])
def test_who_asks_for_an_hour_is_not_asked_again(server: MarketServer, asking: Asking, status: int) -> None:
    def busy(_: market_exchange.Answer) -> market_exchange.Answer:
        return market_exchange.Answer(b"", status, {"Retry-After": "3600"})

    server.script(PAGE, busy, last_for_ever=True)
    answer = asking.nyiso()
    assert (answer.outcome, answer.attempts, len(server.requests)) == ("throttled", 1, 1)
    assert isinstance(answer.error, TerminalError), "a flow would try it again at once"
    assert "run it again in 60 minutes" in str(answer.error)


@pytest.mark.parametrize("asked", ["-1", "rubbish", "1e400", "", "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"])
def test_a_retry_after_that_says_nothing_is_waited_for_as_if_there_were_none(
    server: MarketServer, asking: Asking, asked: str
) -> None:
    server.script(PAGE, lambda _: market_exchange.Answer(b"", 429, {"Retry-After": asked}))
    assert asking.nyiso().outcome == "done"
    assert 2 <= max(asking.waited_s) <= 2.4


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (lambda answer: replace(answer, headers={"Content-Encoding": "gzip"}, body=gzip.compress(answer.body)), "done"),
        (lambda answer: replace(answer, headers={"Content-Encoding": "gzip"}), "malformed"),
        (lambda answer: replace(answer, headers={"Content-Encoding": "br"}), "malformed"),
        (lambda answer: replace(answer, headers={"Content-Encoding": "gzip"}, body=gzip.compress(answer.body)[:-9]),
         "malformed"),
        (redirected(PAGE), "failed"),
        (redirected("http://["), "failed"),
        (redirected("//\xe9\xff/%"), "failed"),
        (redirected("ftp://127.0.0.1/x"), "failed"),
        (redirected("http://localhost:9/steal"), "failed"),
        (failing(204), "failed"),
        (failing(418, b"\xff\xfe\x00 <b>tea</b>"), "failed"),
    ],
)  # fmt: skip
def test_whatever_a_server_does_is_an_outcome(server: MarketServer, asking: Asking, fault: Fault, outcome: str) -> None:
    server.script(PAGE, fault, last_for_ever=True)
    answer = asking.nyiso()
    assert answer.outcome == outcome
    assert len(server.requests) <= 5 * ATTEMPTS
    if answer.error:
        assert answer.error.next_step
        assert isinstance(answer.error, TransientError | TerminalError)
    assert all("authorization" not in seen.headers for seen in server.requests)


def test_a_clock_that_was_set_back_a_little_makes_nobody_wait(asking: Asking) -> None:
    asking.nyiso()
    asking.now -= 600
    asking.waited_s.clear()
    assert asking.nyiso().outcome == "done"
    assert asking.waited_s == []
