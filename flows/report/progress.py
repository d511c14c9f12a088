"""Progress of steps: a live line on a terminal, a plain line now and then elsewhere, and why something waits."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.report.terminal import LINE_EVERY_S, log

if TYPE_CHECKING:
    from rich.status import Status

#: Loggers whose messages say that something waits and is tried again.
TELL = ("ingest", "lakehouse")


class Steps:
    """Told of the steps of a piece of work, and of the parts of one that are done.

    Args:
        live: a line that is drawn over and over; None where there is no terminal.
    """

    def __init__(self, live: Status | None = None) -> None:
        self._live = live
        self._step, self._began = "", time.monotonic()
        self._told = self._began

    def __call__(self, step: str) -> None:
        """A step begins."""
        log(step)
        self._step, self._began = step, time.monotonic()
        self._told = self._began
        if self._live:
            self._live.update(f"{step}")

    def watch(self, done: int, total: int, name: str) -> None:
        """Parts of the step that are done, of all, and the one that begins or has ended."""
        now = time.monotonic()
        of = f"{done} of {total}" if total else str(done)
        said = f"{self._step}: {of} models and tests, now {name}, {now - self._began:.0f} s"
        if self._live:
            self._live.update(said)
        elif now - self._told >= LINE_EVERY_S:
            self._told = now
            log(said)


@contextmanager
def steps() -> Iterator[Steps]:
    """Progress of the steps of a build or a check."""
    if not sys.stderr.isatty():
        yield Steps()
        return
    from rich.console import Console

    with Console(stderr=True).status("", spinner="dots") as live:
        yield Steps(live)


class _Tell(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Print one message as a line of progress."""
        log(record.getMessage())


def tell_of_waits() -> None:
    """Print why something waits, for how long, and which attempt comes next."""
    for name in TELL:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        if not any(isinstance(handler, _Tell) for handler in logger.handlers):
            logger.addHandler(_Tell())
