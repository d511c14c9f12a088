"""Requests, credentials, verdicts on answers, and errors; no network."""

from __future__ import annotations

import email.message
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import httpx

from lakehouse.download.fetcher import Outcome
from lakehouse.errors import TerminalError, TransientError, WattlakeError

if TYPE_CHECKING:
    from ingest.http.client import Client

#: Longest ETag, date or file name of a server that is kept.
VALIDATOR_CHARACTERS, NAME_CHARACTERS = 1000, 200
#: Largest size of a listing, a token or a page.
JSON_BYTES = 64 << 20


class TryAgain(TransientError):
    """The next attempt may succeed; `retry_after_s` is the wait that the server asks for, if any."""

    outcome: Outcome = "failed"
    retry_after_s: float | None = None
    #: Whether its own attempts are spent, for instance of a login: the request that needed it is not retried.
    is_spent = False


class Throttled(TryAgain):
    """The server asks to slow down."""

    outcome: Outcome = "throttled"


class AskedToWait(TerminalError):
    """The server asks to wait for longer than a run does."""

    outcome: Outcome = "throttled"


class Unanswered(TryAgain):
    """There was no complete answer, or the server reports its own failure."""


class Malformed(TryAgain):
    """The answer is not the requested document; the next one may be."""

    outcome: Outcome = "malformed"


class Denied(TerminalError):
    """The server refuses access: a person must mend the account, or use another network."""

    outcome: Outcome = "denied"


class Refused(TerminalError):
    """The server refuses the request, or its redirect is not safe to follow."""

    outcome: Outcome = "failed"


class Credentials(Protocol):
    """Credentials of requests. Their secrets are in headers or in a form, never in a URL."""

    @property
    def next_step(self) -> str:
        """The next step if the server refuses access."""
        ...

    @property
    def account(self) -> str | None:
        """The account, if the requests carry it: its refusal is remembered (`Ask.account`)."""
        ...

    async def headers(self, client: Client) -> Mapping[str, str]:
        """The headers of a request; may fetch a token with the client first."""
        ...

    def renew(self, sent: Mapping[str, str]) -> bool:
        """Forget the token that got a 401 with these headers; False if there is nothing to renew."""
        ...


@dataclass(frozen=True)
class Operator:
    """How to ask an operator's servers.

    Args:
        name: of the operator, for messages.
        urls: base URLs; no request and no redirect leads to another host.
        every_s: seconds between two requests, over all processes of this machine that share `turns`.
        at_once: concurrent requests of a process.
        wait_s: first wait after a failure, doubled each time.
        forbidden: next step if it answers 403.
    """

    name: str
    urls: tuple[str, ...]
    every_s: float
    at_once: int
    wait_s: float
    forbidden: str = "check the account and where this machine is"

    @property
    def hosts(self) -> frozenset[str]:
        """Hosts, with ports that are not the scheme's default."""
        return frozenset(httpx.URL(url).netloc.decode() for url in self.urls)


@dataclass(frozen=True)
class Ask:
    """One request.

    Args:
        operator: to ask.
        url: without its query.
        params: of the query; without secrets.
        json: body of a POST; None is a GET.
        form: body of a POST, URL-encoded; may hold secrets.
        credentials: None if none are needed.
        account: user and password in the request itself, such as a login's; once refused, it is left alone for a while.
        accept: media type.
        etag: of the version at hand; the answer may then be `unchanged`.
        first: a URL to ask before, for its cookie; once for each client.
    """

    operator: Operator
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = field(default=None, repr=False)
    credentials: Credentials | None = None
    account: str | None = field(default=None, repr=False)
    accept: str = "*/*"
    etag: str | None = None
    first: str | None = None

    @property
    def shown(self) -> str:
        """The URL with its query, which may be stored and printed."""
        return str(httpx.URL(self.url, params=dict(self.params))) if self.params else self.url


@dataclass(frozen=True)
class Verdict:
    """The verdict on an answer of status 200: 'done', 'empty', or an error with its reason."""

    outcome: Literal["done", "empty"] = "done"
    error: WattlakeError | None = None


#: Judges the bytes of an answer of status 200, given its headers. Runs in a thread.
Judge = Callable[[Path, Mapping[str, str]], Verdict]


def judge_json(path: Path, headers: Mapping[str, str]) -> Verdict:
    """Judge a small JSON document."""
    if (size := path.stat().st_size) > JSON_BYTES:
        return Verdict(error=Refused(f"the answer has {size / 2**20:.0f} MiB of JSON", "check the base URL"))
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        return Verdict(error=Malformed(f"the answer is no JSON: {error}", "look at the URL in a browser"))
    return Verdict()


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks to wait: a number of them, or an HTTP date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}\s*", value):
        return float(value)
    at = http_date(value)
    return None if at is None else max(0.0, (at - now).total_seconds())


def http_date(value: str | None) -> datetime | None:
    """The instant in a header (RFC 9110, 5.6.7), UTC; None if it is not one."""
    try:
        at = parsedate_to_datetime(value) if value else None
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC) if at else None
    except (ValueError, OverflowError):  # impossible years and offsets
        return None


def repeatable(value: str | None) -> str | None:
    """An ETag or date that can be sent back unchanged; None if it cannot, and the next request is unconditional."""
    return value if value and len(value) <= VALIDATOR_CHARACTERS and value.isascii() and value.isprintable() else None


def file_name(disposition: str | None) -> str | None:
    """The name in a Content-Disposition header, without folders and odd characters; None if there is none."""
    if not disposition:
        return None
    message = email.message.Message()
    message["Content-Disposition"] = disposition
    given = message.get_filename()
    return plain_name(re.split(r"[\\/]", given)[-1]) or None if given else None


def plain_name(given: str) -> str:
    """A server's file name made safe for every file system: without folders, not hidden; may be ''."""
    return re.sub(r"[^\w.()-]+", "_", given, flags=re.ASCII)[-NAME_CHARACTERS:].lstrip(".")
