"""What all market sources share: one class, and when a document was published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ingest.feed import Feed, contracts_of, named
from ingest.iso.contracts import PUBLISHED_AS_MODIFIED, PUBLISHED_AS_RECEIVED, PUBLISHED_BY_OPERATOR
from lakehouse.errors import TerminalError
from lakehouse.source import LandOptions, Parsed, RawFile

#: Stands for the reception of bytes that nobody received (a parser called by itself).
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

Reader = Callable[[RawFile, LandOptions], Iterator[Parsed]]


class MarketSource:
    """One feed of one market operator.

    Args:
        feed: what it is; its reader is imported when it is needed, so that a list of sources loads none of them.
    """

    options = frozenset({"simulated"})

    def __init__(self, feed: Feed) -> None:
        self.name, self.summary, self.needs = feed.name, feed.summary, feed.needs
        self.contracts = contracts_of(feed)
        self._feed = feed

    def recognises(self, path: Path) -> bool:
        """Whether a file found in a folder is worth reading, by its suffix."""
        return path.name.lower().endswith(self._feed.suffixes)

    def layouts_digest(self, layout_dirs: Sequence[Path]) -> str | None:
        """None: documents of operators are read without layouts."""
        return None

    def broken_layouts(self, layout_dirs: Sequence[Path]) -> list[TerminalError]:
        """None: documents of operators are read without layouts."""
        return []

    def parse(self, file: RawFile, options: LandOptions, layout_dirs: Sequence[Path] = ()) -> Iterator[Parsed]:
        """Read one document, without rows of it that contradict each other; see `lakehouse.source.Source.parse`.

        Raises:
            UnreadableFile: nothing in the file can be used; says why and what to do.
        """
        from ingest.iso.contradictions import without_contradictions  # imported when needed, as the reader

        assert self._feed.read, f"feed {self.name} names no reader"
        read: Reader = named(self._feed.read)
        return without_contradictions(self.contracts, lambda: read(file, options))


def publication(file: RawFile, stated: datetime | None = None, written: datetime | None = None) -> tuple[datetime, str]:
    """When a document was published, and on what basis that is known.

    Args:
        file: the document; what a listing said of it comes first, what a header said of the file that holds it last.
        stated: what the document's own name or text says, UTC.
        written: when the document was put together, among it what may have been published before, as it says itself.
    """
    if at := file.published_at or stated:
        return at, PUBLISHED_BY_OPERATOR
    if at := written or file.modified_at:
        return at, PUBLISHED_AS_MODIFIED
    return file.received_at or NEVER, PUBLISHED_AS_RECEIVED
