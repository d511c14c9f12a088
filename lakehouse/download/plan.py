"""What a download consists of: slices that are wanted, requests that bring them, what is known from before.

A plan speaks of slices: the days of a document, half-open. A day is one of them, a month as many as it has; a page of
a source that goes on from a cursor, or what a device says now, is of the day on which it is asked for and has a number
of its own (`Document.doc_id`). How a server is asked, a session knows, which is handed in (`fetcher.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from lakehouse.errors import UnreadableFile

#: After its days, how long a document that is not there yet is asked for at every turn.
FRESH = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """Days of the source's clock that are asked for, half-open, and the present.

    Args:
        start, end: first day, and the day after the last one.
        now: the present, UTC.
        zone: of the source's days.
    """

    start: date
    end: date
    now: datetime
    zone: ZoneInfo

    @property
    def days(self) -> Iterator[date]:
        """Each of them, oldest first."""
        return (self.start + timedelta(days=n) for n in range((self.end - self.start).days))

    @property
    def today(self) -> date:
        """The source's own."""
        return self.now.astimezone(self.zone).date()

    def midnight(self, day: date) -> datetime:
        """Start of a day of the source's clock, UTC."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True)
class Document:
    """One document that is wanted.

    Args:
        source: that reads it.
        start, end: its slice: days of the source's clock that it states something about, half-open.
        name: file name that its bytes get; readers take meaning from it.
        due_at: when the source ought to have it; before, nothing there means not yet.
        is_final: it will not grow or change any more.
        lanes: what of these days it holds (nodes; a vintage and hours of the day; itself where a day has many);
            '' where it holds all.
        doc_id: the source's number of it, which no other version has; then it is wanted once. Of a page its cursor, of
            what a device says now the instant.
        published_at: what a listing says, UTC.
        takes_name: its bytes get the name that the server gives them.
        states_modified: the header Last-Modified says when it was published, once it is final. Of another version than
            one at hand it may not: a version that is put back may bear its old date.
    """

    source: str
    start: date
    end: date
    name: str
    due_at: datetime
    is_final: bool
    lanes: tuple[str, ...] = ("",)
    doc_id: str | None = None
    published_at: datetime | None = None
    takes_name: bool = False
    states_modified: bool = False

    @property
    def slice(self) -> str:
        """Its days in words: a folder of the spool."""
        last = self.end - timedelta(days=1)
        return f"{self.start}" if last <= self.start else f"{self.start}_{last}"

    @property
    def key(self) -> str:
        """What tells it from every other document of its source."""
        return self.doc_id or f"{self.slice}/{self.name}"


#: Splits an answer that holds several documents: its path, their numbers, a folder for the parts → number to bytes, or
#: why they are damaged; what is missing is left out.
Unpack = Callable[[Path, frozenset[str], Path], Mapping[str, Path | UnreadableFile]]


@dataclass(frozen=True)
class Request:
    """One request and the documents that its answer holds; a session adds what it asks.

    Args:
        documents: that it brings: one, or several where `unpack` splits the answer.
        unpack: splits an answer into the documents by their numbers.
        lacks: says what an answer, though it is a document, leaves out of what was asked; None where nothing.
        following: the request that an answer leads to, as a page names the next one's cursor; a page that leads on is
            final. Its bytes are needed each time: no such request asks whether anything is new.
    """

    documents: tuple[Document, ...]
    unpack: Unpack | None = field(default=None, kw_only=True)
    lacks: Callable[[Path], str | None] | None = field(default=None, kw_only=True)
    following: Callable[[Path], Request | None] | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Unobtainable:
    """Days that no request can bring.

    Args:
        start, end: of them, half-open.
        outcome: 'gone' (the source does not have them any more), 'denied' (they need an account) or 'not_yet'.
        reason: why, and what to do.
    """

    start: date
    end: date
    outcome: str
    reason: str


@dataclass
class Planned:
    """What a window needs.

    Args:
        requests: in the order of their days.
        unobtainable: days that cannot be had.
        skipped: documents or days that are at hand and final.
    """

    requests: list[Request] = field(default_factory=list)
    unobtainable: list[Unobtainable] = field(default_factory=list)
    skipped: int = 0


@dataclass(frozen=True)
class Last:
    """The latest outcome of a document.

    Args:
        outcome: see `lakehouse.ops.DOWNLOADS`.
        is_final: whether it was final then.
        at: when, UTC.
        is_held: whether bytes of it are at hand.
        etag: of these; None where there are none, or the server gave none.
    """

    outcome: str
    is_final: bool
    at: datetime
    is_held: bool = False
    etag: str | None = None


@dataclass
class Known:
    """What earlier downloads of a source have brought.

    Args:
        finished: lane → days that are at hand and final, or known to be empty.
        last: key of a document → its latest outcome.
        recheck: how old the latest outcome of a document that is complete but not final may be before it is asked for
            again; None asks each time.
    """

    finished: Mapping[str, set[date]] = field(default_factory=dict)
    last: Mapping[str, Last] = field(default_factory=dict)
    recheck: timedelta | None = None

    def has(self, lane: str, day: date) -> bool:
        """Whether nothing is left to ask about a day."""
        return day in self.finished.get(lane, ())

    def failed(self, document: Document) -> bool:
        """Whether the last request for a document brought nothing that could be used."""
        last = self.last.get(document.key)
        return last is not None and last.outcome in ("failed", "throttled", "malformed", "denied")

    def wants(self, document: Document, now: datetime) -> bool:
        """Whether a document should be asked for now."""
        last = self.last.get(document.key)
        if last is None:
            return True
        if last.outcome in ("done", "unchanged", "empty"):
            if last.is_final:
                return False
        elif last.outcome == "not_yet":
            fresh = now.date() <= document.end + FRESH
            return self.recheck is None or fresh or not timedelta(0) <= now - last.at < self.recheck / 6
        elif last.outcome != "malformed":
            return True
        # What was looked at later than now was so by a clock that has been set back since.
        return self.recheck is None or now < document.due_at or not timedelta(0) <= now - last.at < self.recheck

    def etag(self, document: Document) -> str | None:
        """Of the version at hand: to a request with it the answer may be that nothing has changed.

        A date would not do: a version that is put back may bear an older one than the version that it replaces.
        """
        last = self.last.get(document.key)
        return last.etag if last else None

    @property
    def cursor(self) -> str | None:
        """The key of the document that was brought last: where a source of pages goes on; None before the first."""
        held = [(last.at, key) for key, last in self.last.items() if last.is_held]
        return max(held)[1] if held else None

    def holds(self, document: Document) -> bool:
        """Whether a version of it is at hand."""
        last = self.last.get(document.key)
        return last is not None and last.is_held


def months(days: Iterable[date]) -> dict[date, list[date]]:
    """Days by the first of their month."""
    found: dict[date, list[date]] = {}
    for day in days:
        found.setdefault(day.replace(day=1), []).append(day)
    return found


def runs(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Ascending days as half-open stretches without a gap."""
    start = previous = None
    for day in days:
        if start is None or previous is None:
            start = day
        elif day != previous + timedelta(days=1):
            yield start, previous + timedelta(days=1)
            start = day
        previous = day
    if start is not None and previous is not None:
        yield start, previous + timedelta(days=1)
