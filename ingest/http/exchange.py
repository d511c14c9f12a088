"""What is asked of servers and how answers are judged: requests, credentials, errors; no network."""

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

#: Characters of a server's ETag or date that are kept, and of a name that it gives.
VALIDATOR_CHARACTERS, NAME_CHARACTERS = 1000, 200
#: Bytes of a listing, a token or a page.
JSON_BYTES = 64 << 20


class TryAgain(TransientError):
    """The next attempt may go well; `retry_after_s` is how long the server wants it to wait, if it says so."""

    outcome: Outcome = "failed"
    retry_after_s: float | None = None
    #: Its own attempts are spent, as those of a login: who needed it does not try all over again.
    is_spent = False


class Throttled(TryAgain):
    """The server asks to slow down."""

    outcome: Outcome = "throttled"


class AskedToWait(TerminalError):
    """The server asks to be left alone for longer than a run waits."""

    outcome: Outcome = "throttled"


class Unanswered(TryAgain):
    """No whole answer came, or the server says that it is its own fault."""


class Malformed(TryAgain):
    """An answer that is not what was asked for; the next one may be."""

    outcome: Outcome = "malformed"


class Denied(TerminalError):
    """The server does not let us in: somebody must mend the account, or be elsewhere."""

    outcome: Outcome = "denied"


class Refused(TerminalError):
    """The server does not do what was asked, or what it does is not safe to follow."""

    outcome: Outcome = "failed"


class Credentials(Protocol):
    """What lets a request in. Its secrets stand in headers or in a form, never in a URL."""

    @property
    def next_step(self) -> str:
        """What to do where the server does not let us in."""
        ...

    @property
    def account(self) -> str | None:
        """The account itself where the requests carry it: a refusal of it is remembered (`Ask.account`)."""
        ...

    async def headers(self, client: Client) -> Mapping[str, str]:
        """Headers of a request; may ask the client for a token first."""
        ...

    def renew(self, sent: Mapping[str, str]) -> bool:
        """Forget what a 401 to these headers has refuted; False where nothing can be had anew."""
        ...


@dataclass(frozen=True)
class Operator:
    """How an operator's servers want to be asked.

    Args:
        name: of the operator, for messages.
        urls: bases of everything that is asked of it; no request and no redirect leads to another host.
        every_s: seconds between two requests, over all processes of this machine that share `turns`.
        at_once: requests under way at a time, per process.
        wait_s: first wait after a failure, doubled each time.
        forbidden: what to do where it answers 403.
    """

    name: str
    urls: tuple[str, ...]
    every_s: float
    at_once: int
    wait_s: float
    forbidden: str = "check the account and where this machine is"

    @property
    def hosts(self) -> frozenset[str]:
        """Hosts with their ports, unless it is the scheme's own."""
        return frozenset(httpx.URL(url).netloc.decode() for url in self.urls)


@dataclass(frozen=True)
class Ask:
    """One request.

    Args:
        operator: who is asked.
        url: without its query.
        params: of the query; no secret.
        json: body of a POST; None asks by GET.
        form: body of a POST, URL-encoded; may hold secrets.
        credentials: None where none are needed.
        account: user and password that the request itself carries, as a login does; once refused it is left alone.
        accept: media type.
        etag: of the version at hand; the answer may then be `unchanged`.
        first: a URL that is asked before, for its cookie; once a client.
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
        """The URL with its query: what may be kept and told."""
        return str(httpx.URL(self.url, params=dict(self.params))) if self.params else self.url


@dataclass(frozen=True)
class Verdict:
    """What an answer of status 200 is worth: 'done', 'empty', or an error with its reason."""

    outcome: Literal["done", "empty"] = "done"
    error: WattlakeError | None = None


#: Judges the bytes of an answer of status 200, given its headers. Runs in a thread.
Judge = Callable[[Path, Mapping[str, str]], Verdict]


def judge_json(path: Path, headers: Mapping[str, str]) -> Verdict:
    """Judges a small JSON document."""
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
    """An instant of a header (RFC 9110, 5.6.7), UTC; None where it is none."""
    try:
        at = parsedate_to_datetime(value) if value else None
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC) if at else None
    except (ValueError, OverflowError):  # years and offsets that no calendar has
        return None


def repeatable(value: str | None) -> str | None:
    """An ETag or date that can be sent back as it came; None where it cannot, so that the next request is plain."""
    return value if value and len(value) <= VALIDATOR_CHARACTERS and value.isascii() and value.isprintable() else None


def file_name(disposition: str | None) -> str | None:
    """The name in a Content-Disposition header, without folders and odd characters; None where there is none."""
    if not disposition:
        return None
    message = email.message.Message()
    message["Content-Disposition"] = disposition
    given = message.get_filename()
    return plain_name(re.split(r"[\\/]", given)[-1]) or None if given else None


def plain_name(given: str) -> str:
    """A name that a server gives, as one that every file system takes, in no other folder and not hidden; maybe ''."""
    return re.sub(r"[^\w.()-]+", "_", given, flags=re.ASCII)[-NAME_CHARACTERS:].lstrip(".")
