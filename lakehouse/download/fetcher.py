"""The protocols of fetching: a fetcher opens a session, which plans requests and answers them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from lakehouse.download.plan import Known, Planned, Request, Window
from lakehouse.errors import WattlakeError

Outcome = Literal["done", "unchanged", "empty", "absent", "denied", "throttled", "malformed", "failed"]


@dataclass(frozen=True)
class Answer:
    """The answer to a request.

    Args:
        outcome: 'done' or 'empty', judged by the bytes; 'unchanged' (since the version at hand); 'absent'; or an error
            after all attempts.
        url: without secrets.
        attempts: number of requests that were made.
        http_status: of the last request; None if the server did not answer.
        path: file with the bytes; only if the outcome is 'done'.
        sha256, size_bytes: of the bytes.
        etag, last_modified: headers.
        modified_at: time of the last change, from the header, UTC.
        file_name: name that the server gives the bytes.
        fetched_at: when the last byte arrived, UTC.
        error: what went wrong and what to do; without secrets.
    """

    outcome: Outcome
    url: str
    attempts: int = 1
    http_status: int | None = None
    path: Path | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    etag: str | None = None
    last_modified: str | None = None
    modified_at: datetime | None = None
    file_name: str | None = None
    fetched_at: datetime | None = None
    error: WattlakeError | None = None


@dataclass(frozen=True)
class Clock:
    """The wall clock in seconds since 1970, and how to wait; tests have their own."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


#: The clock of this machine.
WALL = Clock()


class Session(Protocol):
    """An open connection to the server of a source, for one run."""

    async def plan(self, source: str, window: Window, known: Known) -> Planned:
        """Plan the requests for the documents of a window that are not at hand.

        Raises:
            TransientError, TerminalError: a listing cannot be fetched; the error may have an attribute `outcome`.
        """
        ...

    async def fetch(self, request: Request) -> Answer:
        """Ask a request of the plan; whatever the server does, it returns an answer and raises nothing."""
        ...


class Fetcher(Protocol):
    """Fetches a source.

    Attributes:
        zone: of the source's days.
        lag_days: days between the newest day and today; negative for a source that states days ahead.
        first_day: first day of which the source has anything.
    """

    @property
    def zone(self) -> ZoneInfo: ...

    @property
    def lag_days(self) -> int: ...

    @property
    def first_day(self) -> date: ...

    def opened(self, folder: Path, turns: Path, clock: Clock) -> AbstractAsyncContextManager[Session]:
        """Open a session.

        Args:
            folder: for the bytes of answers in progress, of this process alone.
            turns: folder of the spacing of requests, shared with other processes.
            clock: wall clock.
        """
        ...
