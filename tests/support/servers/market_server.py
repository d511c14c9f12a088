"""Four market operators on loopback: one server that answers like each of them, fails as told, and remembers.

Every operator has a prefix in front of its own paths: `/ercot-api`, `/ercot-token`, `/mis`, `/oasis`, `/isone-api`,
`/isone-public`, `/nyiso`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

from ingest.simulate.markets import caiso
from tests.support.servers import market_ercot, market_others
from tests.support.servers.market_ercot import Ercot
from tests.support.servers.market_exchange import Answer, Asked, Fault, page, throttled
from tests.support.servers.market_others import IsoNe, Nyiso, Oasis, dated

#: Headers whose values are not kept.
SECRET_HEADERS = ("authorization", "ocp-apim-subscription-key", "cookie")
#: Setting of a base URL → its path here.
BASES = {
    "WATTLAKE_ERCOT_API_URL": "/ercot-api",
    "WATTLAKE_ERCOT_TOKEN_URL": "/ercot-token",
    "WATTLAKE_ERCOT_MIS_URL": "/mis",
    "WATTLAKE_CAISO_URL": "/oasis",
    "WATTLAKE_ISONE_API_URL": "/isone-api",
    "WATTLAKE_ISONE_PUBLIC_URL": "/isone-public",
    "WATTLAKE_NYISO_URL": "/nyiso",
}
CREDENTIALS = {
    "WATTLAKE_ERCOT_USERNAME": market_ercot.USERNAME,
    "WATTLAKE_ERCOT_PASSWORD": market_ercot.PASSWORD,
    "WATTLAKE_ERCOT_SUBSCRIPTION_KEY": market_ercot.KEY,
    "WATTLAKE_ISONE_USERNAME": market_others.ISONE_USERNAME,
    "WATTLAKE_ISONE_PASSWORD": market_others.ISONE_PASSWORD,
}


@dataclass(frozen=True)
class Seen:
    """A request that came in.

    Args:
        at: monotonic seconds when it was read.
        target: path and query as they came.
        headers: names in lower case; of secret ones only that they were there.
        fields: names of form fields; their values are not kept.
    """

    at: float
    method: str
    target: str
    headers: dict[str, str]
    fields: tuple[str, ...]
    status: int

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """Parameters of the URL."""
        return dict(parse_qsl(urlsplit(self.target).query))


@dataclass
class _Script:
    match: str
    faults: list[Fault | None]
    last_for_ever: bool
    calls: int = 0

    def next(self) -> Fault | None:
        n, self.calls = self.calls, self.calls + 1
        if n < len(self.faults):
            return self.faults[n]
        return self.faults[-1] if self.last_for_ever and self.faults else None


@dataclass
class _Limit:
    prefix: str
    spacing_s: float
    refusal: Fault
    free_at: float = 0.0


class MarketServer:
    """A running server.

    Args:
        seed: of the simulated markets.
        now: the operators' time; None: the real one. It may be set at any time.
    """

    def __init__(self, seed: int = 1, now: datetime | None = None) -> None:
        self.seed, self.now = seed, now
        self.ercot = Ercot(seed, self.time)
        self.isone = IsoNe(seed, self.time)
        self.requests: list[Seen] = []
        self._routes: dict[str, Callable[[Asked], Answer]] = {
            "/ercot-api": self.ercot.api,
            "/ercot-token": self.ercot.token,
            "/mis": self.ercot.mis,
            "/oasis": Oasis(seed, self.time).answer,
            "/isone-api": self.isone.api,
            "/isone-public": self.isone.public,
            "/nyiso": Nyiso(seed, self.time).answer,
        }
        self._placed: dict[str, Answer] = {}
        self._scripts: list[_Script] = []
        self._limits: list[_Limit] = []
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Without a slash at the end; an operator's prefix follows."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def environment(self, *, credentials: bool = True) -> dict[str, str]:
        """Settings that lead a client here, and to nodes of CAISO that there are here."""
        bases = {name: self.url + path for name, path in BASES.items()}
        return bases | {"WATTLAKE_CAISO_NODES": ",".join(caiso.NODES)} | (CREDENTIALS if credentials else {})

    def time(self) -> datetime:
        """The operators' time, UTC."""
        return self.now or datetime.now(UTC)

    def place(self, path: str, content: bytes, content_type: str = "text/csv", changed: datetime | None = None) -> None:
        """Answer these bytes at a path (its prefix first; with a query where one is given), recorded ones for instance.

        Args:
            changed: of Last-Modified; None: now.
        """
        answer = Answer(content, 200, dated(content, changed or self.time())).typed(content_type)
        with self._lock:
            self._placed[path] = answer

    def script(self, match: str, *faults: Fault | None, last_for_ever: bool = False) -> None:
        """Let the requests whose path and query hold `match` fail one after the other; None: one goes well.

        Args:
            last_for_ever: all that follow fare like the last one; otherwise they go well.
        """
        with self._lock:
            self._scripts.append(_Script(match, list(faults), last_for_ever))

    def heal(self) -> None:
        """Forget all scripts and limits."""
        with self._lock:
            self._scripts.clear()
            self._limits.clear()

    def limit(self, prefix: str, spacing_s: float, refusal: Fault | None = None) -> None:
        """Refuse what comes sooner than so many seconds after the request before it (429 as CAISO says it)."""
        with self._lock:
            self._limits.append(_Limit(prefix, spacing_s, refusal or throttled()))

    def seen(self, match: str) -> list[Seen]:
        """Requests whose path and query hold `match`, in order."""
        with self._lock:
            return [seen for seen in self.requests if match in seen.target]

    def secrets_leaked(self) -> list[str]:
        """Requests whose URL holds a credential."""
        with self._lock:
            return [seen.target for seen in self.requests if any(c in seen.target for c in _in_urls())]

    def answer(self, asked: Asked, target: str) -> Answer:
        """What a request gets, faults included."""
        with self._lock:
            fault = next((script.next() for script in self._scripts if script.match in target), None)
            placed = self._placed.get(target) or self._placed.get(urlsplit(target).path)
            now = time.monotonic()
            for limit in self._limits:
                if target.startswith(limit.prefix):
                    early, limit.free_at = now < limit.free_at, now + limit.spacing_s
                    if early:
                        return limit.refusal(Answer())
        prefix = "/" + target.split("/")[1].split("?")[0]
        route = self._routes.get(prefix)
        if placed:
            answer = placed
        elif route:
            answer = route(replace(asked, path=asked.path.removeprefix(prefix) or "/"))
        else:
            answer = page("No such operator", 404)
        answer = _unchanged(asked, answer)
        return fault(answer) if fault else answer

    def remember(self, seen: Seen) -> None:
        """Keep a request."""
        with self._lock:
            self.requests.append(seen)

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def market_server(seed: int = 1, now: datetime | None = None) -> Iterator[MarketServer]:
    """A running server of simulated market operators."""
    server = MarketServer(seed, now)
    try:
        yield server
    finally:
        server.close()


def _in_urls() -> set[str]:
    secrets = set(CREDENTIALS.values()) | {"sim-token-"}
    return secrets | {secret.replace("@", "%40") for secret in secrets}


def _unchanged(asked: Asked, answer: Answer) -> Answer:
    """304 where the client has this version already."""
    if answer.status != 200 or "ETag" not in answer.headers:
        return answer
    since = asked.headers.get("If-Modified-Since")
    tag = asked.headers.get("If-None-Match")
    same = tag == answer.headers["ETag"] if tag else False
    if not tag and since:
        same = parsedate_to_datetime(answer.headers["Last-Modified"]) <= parsedate_to_datetime(since)
    return Answer(b"", 304, {k: answer.headers[k] for k in ("ETag", "Last-Modified")}) if same else answer


def _handler(server: MarketServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            began = time.monotonic()
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), self.headers, body)
            answer = server.answer(asked, self.path)
            server.remember(self._seen(began, body, answer.status))  # before the client can look
            try:
                self._send(answer)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _seen(self, began: float, body: bytes, status: int) -> Seen:
            headers = {
                name.lower(): "(present)" if name.lower() in SECRET_HEADERS else value
                for name, value in self.headers.items()
            }
            is_form = "form-urlencoded" in headers.get("content-type", "")
            fields = tuple(sorted(parse_qs(body.decode()))) if is_form else ()
            return Seen(began, self.command, self.path, headers, fields, status)

        def _send(self, answer: Answer) -> None:
            time.sleep(answer.delay_s)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 304:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command == "HEAD" or answer.status == 304:
                return
            if answer.cut_after is not None:
                self.wfile.write(answer.body[: answer.cut_after])
                self.wfile.flush()
                self.close_connection = True
            elif answer.drip:
                block, pause = answer.drip
                for start in range(0, len(answer.body), block):
                    self.wfile.write(answer.body[start : start + block])
                    self.wfile.flush()
                    time.sleep(pause)
            else:
                self.wfile.write(answer.body)

        do_GET = do_POST = do_HEAD = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    return Handler
