"""Progress of steps: a live line on a terminal, plain lines elsewhere, and the reasons of waits."""

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

#: Loggers whose messages report waits and retries.
TELL = ("ingest", "lakehouse")


class Steps:
    """Shows the steps of some work, and the finished parts of a step.

    Args:
        live: a line that is redrawn; None without a terminal.
    """

    def __init__(self, live: Status | None = None) -> None:
        self._live = live
        self._step, self._began = "", time.monotonic()
        self._logged = self._began

    def __call__(self, step: str) -> None:
        """Show that a step begins."""
        log(step)
        self._step, self._began = step, time.monotonic()
        self._logged = self._began
        if self._live:
            self._live.update(f"{step}")

    def watch(self, done: int, total: int, name: str) -> None:
        """Show the number of finished parts of the step, and the part that begins or has ended."""
        now = time.monotonic()
        of = f"{done} of {total}" if total else str(done)
        line = f"{self._step}: {of} models and tests, now {name}, {now - self._began:.0f} s"
        if self._live:
            self._live.update(line)
        elif now - self._logged >= LINE_EVERY_S:
            self._logged = now
            log(line)


@contextmanager
def steps() -> Iterator[Steps]:
    """Show the progress of a build or a check."""
    if not sys.stderr.isatty():
        yield Steps()
        return
    from rich.console import Console

    with Console(stderr=True).status("", spinner="dots") as live:
        yield Steps(live)


class _PrintWaits(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Print one message as a line of progress."""
        log(record.getMessage())


def report_waits() -> None:
    """Print the reason and length of waits, and the number of the next attempt."""
    for name in TELL:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        if not any(isinstance(handler, _PrintWaits) for handler in logger.handlers):
            logger.addHandler(_PrintWaits())
