"""Servers for people and tools; each runs until it gets a signal to end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lakehouse.errors import TerminalError
from lakehouse.serving.sql_server import SqlServer, token
from lakehouse.settings import Settings

#: Seconds between looks at the published file, because a rename sends no event.
FOLLOW_EVERY_S = 0.5
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@contextmanager
def until_signal() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, instead of ending the process."""
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve_sql(settings: Settings, host: str, port: int, progress: Callable[[str], None]) -> None:
    """Serve the published marts until Ctrl-C or SIGTERM, and follow new builds.

    Args:
        settings: of the home; the token is `sql_token`, else one kept in the home.
        host, port: address to listen on.
        progress: called for each build that is served.

    Raises:
        TerminalError: the port is in use, or another process serves this home.
    """
    secret, kept = token(settings)
    with until_signal() as ended, SqlServer(settings, secret, host, port) as server:
        click.echo(f"quack:{host}:{port}")
        _say_token(secret, kept)
        if host not in LOOPBACK:
            progress(
                f"{host} is open to the network, and the protocol is not encrypted: use it on trusted networks only"
            )
        progress(f"serving build {server.build_id}" if server.build_id else "nothing is published yet; waiting")
        while not ended.wait(FOLLOW_EVERY_S):
            try:
                if build_id := server.follow():
                    progress(f"serving build {build_id}")
            except TerminalError as error:
                progress(f"still serving build {server.build_id}: {error}")
            if statement := server.overdue():
                progress(f"ran longer than WATTLAKE_SQL_TIMEOUT_S, {settings.sql_timeout_s:g} s: {statement}")
                _restart(progress)
    progress("stopped")


def _restart(progress: Callable[[str], None]) -> None:
    """Replace this process by a new server, which is the only way to end a statement that runs too long."""
    progress("all statements end, and the server restarts")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _say_token(secret: str, kept: Path | None) -> None:
    if kept is None:
        click.echo("token: that of WATTLAKE_SQL_TOKEN")
    elif sys.stdout.isatty():
        click.echo(f"token: {secret} (kept in {kept})")
    else:
        click.echo(f"token: in {kept}")
