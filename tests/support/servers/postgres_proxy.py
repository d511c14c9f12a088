"""A TCP proxy before a Postgres server: it can lose the answer to a COMMIT, and refuse connections."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa


class PostgresProxy:
    """Passes bytes on until it is told otherwise.

    Args:
        uri: of the database behind it, on a unix socket.
    """

    def __init__(self, uri: str) -> None:
        url = sa.make_url(uri)
        self._socket = f"{url.query['host']}/.s.PGSQL.5432"
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.uri = url.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
        self._marker: bytes | None = None
        self._then_refuse = False
        self._refusing = False
        #: Set when an answer was lost.
        self.lost = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_answer(self, marker: bytes, *, then_refuse: bool = False) -> None:
        """Cut the connection after the server has answered the next COMMIT that follows a statement with the marker.

        Args:
            marker: bytes of the statement.
            then_refuse: take no connection afterwards, until `heal`.
        """
        self._marker, self._then_refuse = marker, then_refuse

    def heal(self) -> None:
        """Take connections again."""
        self._refusing = False

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._refusing:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._socket)
                state = {"marked": False, "losing": False}
                for source, target, up in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pump, args=(source, target, up, state), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, up: bool, state: dict[str, bool]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if up and self._marker:
                    state["marked"] = state["marked"] or self._marker in data
                    state["losing"] = state["marked"] and b"COMMIT" in data
                elif not up and state["losing"]:
                    self._marker, self._refusing = None, self._then_refuse
                    self.lost.set()
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def postgres_proxy(uri: str) -> Iterator[PostgresProxy]:
    """A running proxy."""
    proxy = PostgresProxy(uri)
    try:
        yield proxy
    finally:
        proxy.close()
