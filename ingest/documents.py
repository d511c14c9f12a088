"""The source of a feed whose documents a reader of its own folder turns into rows, without layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ingest.feed import Feed, contracts_of, named
from lakehouse.contract import Contract
from lakehouse.errors import TerminalError
from lakehouse.source import LandOptions, Parsed, RawFile

Reader = Callable[[RawFile, LandOptions], Iterator[Parsed]]


class DocumentSource:
    """One feed that is read by `Feed.read`.

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
        """None: documents are read without layouts."""
        return None

    def broken_layouts(self, layout_dirs: Sequence[Path]) -> list[TerminalError]:
        """None: documents are read without layouts."""
        return []

    def parse(self, file: RawFile, options: LandOptions, layout_dirs: Sequence[Path] = ()) -> Iterator[Parsed]:
        """Read one document, without statements in it that contradict each other; see `lakehouse.source.Source.parse`.

        Raises:
            UnreadableFile: nothing in the file can be used; says why and what to do.
        """
        from ingest.contradictions import without_contradictions  # imported when needed, as the reader

        assert self._feed.read, f"feed {self.name} names no reader"
        read: Reader = named(self._feed.read)
        return without_contradictions([c for c in self.contracts if _is_stated(c)], lambda: read(file, options))


def _is_stated(contract: Contract) -> bool:
    """Whether a document states its rows at once: of samples that it repeats, the later one wins."""
    return contract.mode == "replace" or bool(contract.statement)
