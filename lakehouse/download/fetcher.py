"""Who fetches what a plan wants: a fetcher opens a session, which plans and answers; a domain gives its own."""

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
    """What came of a request.

    Args:
        outcome: 'done' and 'empty' as judged; 'unchanged' (since the version at hand); 'absent'; else an error after
            all attempts.
        url: as asked, no secret.
        attempts: requests that were made.
        http_status: of the last one, None where none was answered.
        path: the bytes; only where they were done.
        sha256, size_bytes: of the bytes.
        etag, last_modified: headers.
        modified_at: when the bytes were last written, as their header says, UTC.
        file_name: that the server gives the bytes.
        fetched_at: when the last byte came, UTC.
        error: what went wrong and what to do; no secret.
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
    """The wall clock in seconds since 1970, and how to wait; a test gives its own."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


#: The clock of this machine.
WALL = Clock()


class Session(Protocol):
    """An open connection to who gives a source, for one run."""

    async def plan(self, source: str, window: Window, known: Known) -> Planned:
        """The requests that a window needs beyond what is known.

        Raises:
            TransientError, TerminalError: a listing cannot be had; with an attribute `outcome` where it says which one.
        """
        ...

    async def fetch(self, request: Request) -> Answer:
        """The answer to a request of the plan; never raises for what a server does."""
        ...


class Fetcher(Protocol):
    """How a source is fetched.

    Attributes:
        zone: of the source's days.
        lag_days: the newest day is so many days ago; negative where it states days ahead.
        first_day: there is nothing of days before it.
    """

    @property
    def zone(self) -> ZoneInfo: ...

    @property
    def lag_days(self) -> int: ...

    @property
    def first_day(self) -> date: ...

    def opened(self, folder: Path, turns: Path, clock: Clock) -> AbstractAsyncContextManager[Session]:
        """A session.

        Args:
            folder: for the bytes of answers under way, of this process alone.
            turns: folder of the spacing of requests, shared with other processes.
            clock: wall clock.
        """
        ...
