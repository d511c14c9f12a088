"""The plan of a download: wanted slices, the requests that fetch them, and the results of earlier runs.

A plan speaks of slices: the days of a document, half-open. A slice is one day, or the days of a month. A page of a
source with a cursor, or the present state of a device, is of the day of its request and has a number of its own
(`Document.doc_id`). A session, which is handed in, knows how to ask the server (`fetcher.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from lakehouse.errors import UnreadableFile

#: How long after its days a document that is not there yet is asked for in every run.
FRESH = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """The days to download, half-open and by the source's clock, and the present.

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
        """The days, oldest first."""
        return (self.start + timedelta(days=n) for n in range((self.end - self.start).days))

    @property
    def today(self) -> date:
        """The present day of the source's clock."""
        return self.now.astimezone(self.zone).date()

    def midnight(self, day: date) -> datetime:
        """Start of a day of the source's clock, UTC."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True)
class Document:
    """A wanted document.

    Args:
        source: that reads it.
        start, end: its slice: the days that it states something about, by the source's clock, half-open.
        name: file name for its bytes; readers take meaning from it.
        due_at: instant from which the source should have it; before it, an absent document is `not_yet`.
        is_final: whether it will not grow or change any more.
        lanes: the parts of these days that it holds (nodes; a vintage and hours of the day; itself where a day has many
            documents); '' where it holds all.
        doc_id: number of this version in the source; a document with one is wanted once. For a page it is the cursor,
            for the state of a device the instant.
        published_at: time of publication that a listing gives, UTC.
        takes_name: whether its bytes keep the name that the server gives them.
        states_modified: whether the header Last-Modified is the time of publication, once the document is final. It
            is not for another version than the one at hand: a version that is put back may have its old date.
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
        """Its days as text, the name of a folder in the spool."""
        last = self.end - timedelta(days=1)
        return f"{self.start}" if last <= self.start else f"{self.start}_{last}"

    @property
    def key(self) -> str:
        """Its identity among the documents of its source."""
        return self.doc_id or f"{self.slice}/{self.name}"


#: Splits an answer that holds several documents: (path, their numbers, a folder for the parts) → number → bytes, or the
#: error of a damaged part; missing parts are left out.
Unpack = Callable[[Path, frozenset[str], Path], Mapping[str, Path | UnreadableFile]]


@dataclass(frozen=True)
class Request:
    """One request and the documents in its answer; sessions derive from it, and add how to ask.

    Args:
        documents: the documents in the answer: one, or several if `unpack` splits it.
        unpack: splits an answer into the documents by their numbers.
        lacks: returns the wanted parts that an answer leaves out, although it is a document; None if it has all.
        following: returns the request that an answer leads to, such as the next page's; a page that leads on is final.
            Its bytes are needed each time, so such a request is never conditional.
    """

    documents: tuple[Document, ...]
    unpack: Unpack | None = field(default=None, kw_only=True)
    lacks: Callable[[Path], str | None] | None = field(default=None, kw_only=True)
    following: Callable[[Path], Request | None] | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Unobtainable:
    """Days that no request can fetch.

    Args:
        start, end: the days, half-open.
        outcome: 'gone' (the source no longer has them), 'denied' (they need an account) or 'not_yet'.
        reason: why, and what to do.
    """

    start: date
    end: date
    outcome: str
    reason: str


@dataclass
class Planned:
    """The plan of a download.

    Args:
        requests: in the order of their days.
        unobtainable: days that no request can fetch.
        skipped: number of documents or days that are at hand and final.
    """

    requests: list[Request] = field(default_factory=list)
    unobtainable: list[Unobtainable] = field(default_factory=list)
    skipped: int = 0


@dataclass(frozen=True)
class Last:
    """The latest outcome of a document.

    Args:
        outcome: see `lakehouse.ops.DOWNLOADS`.
        is_final: whether the document was final then.
        at: time of the outcome, UTC.
        is_held: whether bytes of the document are at hand.
        etag: of these bytes; None if there are none, or the server gave no etag.
    """

    outcome: str
    is_final: bool
    at: datetime
    is_held: bool = False
    etag: str | None = None


@dataclass
class Known:
    """The results of earlier downloads of a source.

    Args:
        finished: lane → days that are at hand and final, or known to be empty.
        last: key of a document → its latest outcome.
        recheck: age from which a document that is complete but not final is asked for again; None asks each time.
    """

    finished: Mapping[str, set[date]] = field(default_factory=dict)
    last: Mapping[str, Last] = field(default_factory=dict)
    recheck: timedelta | None = None

    def has(self, lane: str, day: date) -> bool:
        """Whether a day is at hand and final, or known to be empty."""
        return day in self.finished.get(lane, ())

    def failed(self, document: Document) -> bool:
        """Whether the last request for a document failed."""
        last = self.last.get(document.key)
        return last is not None and last.outcome in ("failed", "throttled", "malformed", "denied")

    def wants(self, document: Document, now: datetime) -> bool:
        """Whether to ask for a document now."""
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
        # An outcome later than now comes from a clock that has been set back since.
        return self.recheck is None or now < document.due_at or not timedelta(0) <= now - last.at < self.recheck

    def etag(self, document: Document) -> str | None:
        """The etag of the version at hand, for a conditional request.

        A date would not do: a version that is put back may have an older date than the version that it replaces.
        """
        last = self.last.get(document.key)
        return last.etag if last else None

    @property
    def cursor(self) -> str | None:
        """The key of the last document at hand, where a source of pages goes on; None before the first."""
        held = [(last.at, key) for key, last in self.last.items() if last.is_held]
        return max(held)[1] if held else None

    def holds(self, document: Document) -> bool:
        """Whether a version of the document is at hand."""
        last = self.last.get(document.key)
        return last is not None and last.is_held


def months(days: Iterable[date]) -> dict[date, list[date]]:
    """Days grouped by the first day of their month."""
    found: dict[date, list[date]] = {}
    for day in days:
        found.setdefault(day.replace(day=1), []).append(day)
    return found


def runs(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Ascending days as half-open ranges without a gap."""
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
