"""What goes to and fro between a client and the simulated market operators: questions, answers, faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

#: As ERCOT's firewall (Imperva) answers addresses outside of the United States, also with status 200.
WAF_PAGE = (
    b'<html style="height:100%"><head><META NAME="ROBOTS" CONTENT="NOINDEX, NOFOLLOW"></head><body>'
    b'<iframe id="main-iframe" src="/_Incapsula_Resource?SWUDNSAI=31&xinfo=simulated">'
    b"Request unsuccessful. Incapsula incident ID: 0-0</iframe></body></html>\n"
)
OASIS_POLICY = (
    b"<html><body><p>CAISO Acceptable Use Policy Violation. "
    b"Please retry your request after 5 seconds.</p></body></html>\n"
)
HTML, JSON, ZIP, CSV = "text/html", "application/json", "application/x-zip-compressed", "text/csv"


@dataclass(frozen=True)
class Asked:
    """A request as an operator sees it.

    Args:
        path: behind the operator's prefix, with its first slash.
        query: last value of every parameter.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What is sent back, and how.

    Args:
        cut_after: the connection closes after so many bytes of the body, all of which were promised.
        drip: bytes at a time, and seconds between them.
        delay_s: before the first byte.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    drip: tuple[int, float] | None = None
    delay_s: float = 0.0

    def typed(self, content_type: str) -> Answer:
        """The same with a content type."""
        return replace(self, headers={**self.headers, "Content-Type": content_type})


def page(text: str, status: int) -> Answer:
    """A short HTML page."""
    return Answer(f"<html><body>{text}</body></html>".encode(), status).typed(HTML)


Fault = Callable[[Answer], Answer]
"""Makes of what would be answered what is answered."""


def throttled(retry_after_s: float | None = None, *, as_date: bool = False, body: bytes = OASIS_POLICY) -> Fault:
    """429, with Retry-After in seconds, as an HTTP date, or without it."""

    def fault(_: Answer) -> Answer:
        headers = {"Content-Type": HTML}
        if retry_after_s is not None and as_date:
            # HTTP dates have whole seconds: the next one, so that no wait is shorter than asked.
            headers["Retry-After"] = format_datetime(
                datetime.now(UTC) + timedelta(seconds=retry_after_s + 1), usegmt=True
            )
        elif retry_after_s is not None:
            headers["Retry-After"] = f"{retry_after_s:g}"
        return Answer(body, 429, headers)

    return fault


def failing(status: int, body: bytes = b"", content_type: str = HTML) -> Fault:
    """Any status: 401, 403, 404, 500, 502, ..."""
    return lambda _: Answer(body, status).typed(content_type)


def waf(status: int = 200) -> Fault:
    """The page of a firewall, also with status 200."""
    return lambda _: Answer(WAF_PAGE, status).typed(HTML)


def instead(body: bytes, content_type: str = CSV) -> Fault:
    """Another body with status 200."""
    return lambda answer: replace(answer, body=body, status=200).typed(content_type)


def truncated(keep: float = 0.5) -> Fault:
    """A part of the body that says it is the whole: a broken archive with status 200."""
    return lambda answer: replace(answer, body=answer.body[: int(len(answer.body) * keep)])


def cut(keep: float = 0.5) -> Fault:
    """The connection closes in the middle of the body."""
    return lambda answer: replace(answer, cut_after=int(len(answer.body) * keep))


def dripping(block: int = 64, pause_s: float = 0.05) -> Fault:
    """A few bytes at a time."""
    return lambda answer: replace(answer, drip=(block, pause_s))


def late(seconds: float) -> Fault:
    """Silence before the answer."""
    return lambda answer: replace(answer, delay_s=seconds)


def redirected(to: str, status: int = 302) -> Fault:
    """Sent on to another place."""
    return lambda _: Answer(b"", status, {"Location": to})
