"""Fetchers over HTTP, made from plans and accounts; the HTTP client is opened only here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from ingest.http.access import Access
from ingest.http.client import Client
from ingest.http.exchange import Ask, Judge
from lakehouse.download import plan as download
from lakehouse.download.fetcher import Answer, Clock
from lakehouse.download.plan import Known, Planned, Window

A_contra = TypeVar("A_contra", bound=Access, contravariant=True)


@dataclass(frozen=True, kw_only=True)
class Request(download.Request):
    """One HTTP request; see `lakehouse.download.plan.Request`.

    Args:
        ask: the request to send.
        judge: judges an answer of status 200.
    """

    ask: Ask
    judge: Judge

    def __post_init__(self) -> None:
        if self.following and self.ask.etag:
            raise ValueError("a page is asked for without an ETag: only its bytes say which page follows")


class Plan(Protocol[A_contra]):
    """Plans the requests of one source.

    Attributes:
        zone: of the source's days.
        lag_days: days between the newest day and today; negative for a source that states days ahead.
    """

    @property
    def zone(self) -> ZoneInfo: ...

    @property
    def lag_days(self) -> int: ...

    async def plan(self, source: str, window: Window, known: Known, access: A_contra, client: Client) -> Planned:
        """Plan the requests (`Request`) for the documents of a window that are not at hand.

        Raises:
            TransientError, TerminalError: a listing cannot be fetched.
        """
        ...


@dataclass(frozen=True)
class Fetcher:
    """A plan with the access of its provider; see `lakehouse.download.fetcher.Fetcher`.

    Args:
        source_plan: plans the requests.
        access: of the provider.
        first_day: first day with data.
    """

    source_plan: Plan[Access]
    access: Access = field(repr=False)
    first_day: date

    @property
    def zone(self) -> ZoneInfo:
        """See `Plan`."""
        return self.source_plan.zone

    @property
    def lag_days(self) -> int:
        """See `Plan`."""
        return self.source_plan.lag_days

    @asynccontextmanager
    async def opened(self, folder: Path, turns: Path, clock: Clock) -> AsyncIterator[Session]:
        """See `lakehouse.download.fetcher.Fetcher`."""
        async with Client(folder, turns, self.access.secrets, clock) as client:
            yield Session(self.source_plan, self.access, client)


@dataclass(frozen=True)
class Session:
    """A client with its plan and access; see `lakehouse.download.fetcher.Session`."""

    source_plan: Plan[Access]
    access: Access = field(repr=False)
    client: Client

    async def plan(self, source: str, window: Window, known: Known) -> Planned:
        """See `lakehouse.download.fetcher.Session`."""
        return await self.source_plan.plan(source, window, known, self.access, self.client)

    async def fetch(self, request: download.Request) -> Answer:
        """See `lakehouse.download.fetcher.Session`."""
        assert isinstance(request, Request), "a plan over HTTP gives requests of HTTP"
        return await self.client.fetch(request.ask, request.judge)
