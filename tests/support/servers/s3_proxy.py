"""A proxy before an S3 server that fails on request: 500, 503, slow answers, cut connections."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.servers.s3 import S3Server

Wanted = Callable[[str, str], bool]
"""Told the method and the path of a request, says whether it fails."""


class S3Proxy:
    """Passes requests on until it is told to fail some.

    Args:
        server: the one behind it.
    """

    def __init__(self, server: S3Server) -> None:
        self.behind = urlsplit(server.endpoint)
        self.failed = 0
        self._seen = 0
        self._fault: tuple[str, int, int | None, Wanted] | None = None
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.server = replace(server, endpoint=f"http://127.0.0.1:{self._http.server_port}")
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def fail(
        self, kind: str, *, every: int = 1, times: int | None = None, wanted: Wanted = lambda method, path: True
    ) -> None:
        """Fail from now on.

        Args:
            kind: '500', '503', 'cut' (the connection closes without an answer) or 'slow' (1 s before each answer).
            every: of the wanted requests the first of so many fails.
            times: so many fail, then it heals; None: until `heal`.
            wanted: which requests.
        """
        with self._lock:
            self.failed = self._seen = 0
            self._fault = (kind, every, times, wanted)

    def heal(self) -> None:
        """Pass everything on again."""
        with self._lock:
            self._fault = None

    def fault(self, method: str, path: str) -> str | None:
        """What happens to this request."""
        with self._lock:
            if self._fault is None:
                return None
            kind, every, times, wanted = self._fault
            if not wanted(method, path) or (times is not None and self.failed >= times):
                return None
            self._seen += 1
            if (self._seen - 1) % every:
                return None
            self.failed += 1
            return kind

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def s3_proxy(server: S3Server) -> Iterator[S3Proxy]:
    """A running proxy."""
    proxy = S3Proxy(server)
    try:
        yield proxy
    finally:
        proxy.close()


def _handler(proxy: S3Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = proxy.fault(self.command, self.path)
            if kind == "cut":
                self.close_connection = True
                self.connection.shutdown(2)
                return
            if kind in ("500", "503"):
                code = "InternalError" if kind == "500" else "SlowDown"
                text = (
                    f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>made by a test</Message></Error>".encode()
                )
                self._answer(int(kind), [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else text)
                return
            if kind == "slow":
                time.sleep(1)
            connection = http.client.HTTPConnection(proxy.behind.hostname or "", proxy.behind.port, timeout=60)
            try:
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ("connection", "expect"):
                        connection.putheader(name, value)
                connection.endheaders(body)
                answer = connection.getresponse()
                self._answer(answer.status, answer.getheaders(), answer.read())
            finally:
                connection.close()

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            length = str(len(body))
            for name, value in headers:
                if name.lower() == "content-length":
                    length = value if self.command == "HEAD" else length
                elif name.lower() not in ("connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
