"""The Source protocol: bytes in, Arrow tables and refused rows out. A source knows formats and no storage."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from lakehouse.contract import SHARED, Contract, Slice
from lakehouse.errors import TerminalError, UnreadableFile, WrongUsage
from lakehouse.options import LandOptions as LandOptions

#: Largest file that is read whole, because it takes several times its size in memory: text, columns and rows at once.
WHOLE_FILE_BYTES = 128 * 2**20

#: Arrow schema of `Parsed.rejects`: line (from 1; 0 = the whole file), field ('' = the whole row), reason, raw_text.
REJECTS_SCHEMA = pa.schema(
    [
        pa.field("line", pa.int64(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("raw_text", pa.string()),
    ]
)


@dataclass(frozen=True)
class RawFile:
    """Bytes as they were received.

    Args:
        sha256: hex digest of the bytes.
        path: absolute path where the file was found. Only its name and its parent's name carry meaning
            (`<asset>/<signal>.csv` layouts read names from them).
        size_bytes: length of the bytes.
        blocks: opens the bytes from the start, in blocks of any size; the same bytes each time.
        published_at: the operator's time of publication (from a listing), UTC; None if unknown.
        modified_at: the operator's time of the last change (from a header), UTC; None if unknown.
        received_at: when the bytes were received (those of a copy: when the original was), UTC; the same in a replay.
    """

    sha256: str
    path: Path
    size_bytes: int
    blocks: Callable[[], Iterator[bytes]]
    published_at: datetime | None = None
    modified_at: datetime | None = None
    received_at: datetime | None = None

    @property
    def content(self) -> bytes:
        """All bytes.

        Raises:
            UnreadableFile: the file is too large to be read whole.
        """
        if self.size_bytes > WHOLE_FILE_BYTES:
            raise UnreadableFile(
                f"the file has {self.size_bytes / 2**20:.0f} MiB; a file of its kind may have "
                f"{WHOLE_FILE_BYTES / 2**20:.0f}",
                "split it, or export a shorter time at once",
            )
        return b"".join(self.blocks())


#: Every land option.
LAND_OPTIONS = frozenset(option.name for option in fields(LandOptions))


@dataclass
class Parsed:
    """The content of one file, or of a piece of it.

    Args:
        tables: contract name → Arrow table in that contract's column order and types, text as it is
            or dictionary-encoded. Rows are in file order.
        rejects: rows that could not be used (`REJECTS_SCHEMA`).
        layout: name of the layout that was recognised or asked for.
        dialect: how the file was read so far, as JSON-able values; recorded in ops.slices.
        rows_read: data rows (or cells of a wide layout) in the file; rows landed + refused + empty explain them all.
        restarts: whether the pieces that were yielded before are void.
        rows_empty: cells that the file leaves empty by its own convention (no value, no meaning, not an error).
        stated: contract name → slices that the file states whole, of tables in the mode 'replace': after the landing
            the slices hold only its rows. Pieces of a file may repeat a slice.
        shown: returns the text of a line of the piece, for a later refusal; None if the reader keeps no text.
    """

    tables: dict[str, pa.Table]
    rejects: pa.Table
    layout: str
    dialect: dict[str, object] = field(default_factory=dict)
    rows_read: int = 0
    rows_empty: int = 0
    restarts: bool = False
    stated: Mapping[str, Sequence[Slice]] = field(default_factory=dict)
    shown: Callable[[int], str | None] | None = None


def standing(pieces: Iterable[Parsed]) -> list[Parsed]:
    """The pieces of a file, without those that a later one voids."""
    found: list[Parsed] = []
    for piece in pieces:
        if piece.restarts:
            found.clear()
        found.append(piece)
    return found


class Source(Protocol):
    """A kind of input that `wattlake land NAME PATH...` takes.

    Attributes:
        name: as the user types it.
        summary: one line for `wattlake sources`.
        needs: what it needs from the user (credentials, options), one line.
        contracts: the tables it lands into, without the shared tables.
        options: names of the land options that it takes; any other is refused.
    """

    name: str
    summary: str
    needs: str
    contracts: tuple[Contract, ...]
    options: frozenset[str]

    def recognises(self, path: Path) -> bool:
        """Whether a file found in a folder is worth reading (by suffix; content decides the rest)."""
        ...

    def parse(self, file: RawFile, options: LandOptions, layout_dirs: Sequence[Path] = ()) -> Iterator[Parsed]:
        """Turn bytes into rows, piece by piece. Deterministic: equal bytes, path tail and options give equal output.

        The pieces together are the content of the file; how it is cut changes nothing.

        Args:
            file: bytes, hash and path.
            options: land options.
            layout_dirs: folders with the user's own layout files, searched before the shipped ones.

        Raises:
            UnreadableFile: nothing in the file can be used; the error says why and what to do.
        """
        ...

    def layouts_digest(self, layout_dirs: Sequence[Path]) -> str | None:
        """A digest of the user's layouts; None if there are none, or the source takes none."""
        ...

    def broken_layouts(self, layout_dirs: Sequence[Path]) -> list[TerminalError]:
        """The errors in the user's layout files for this source."""
        ...


@dataclass(frozen=True)
class Registry:
    """Every source, by the name that the user types, and the tables of streams.

    Args:
        sources: by name.
        streamed: contracts of the tables into which streams and polls land their batches; their mode is 'append'.
    """

    sources: Mapping[str, Source]
    streamed: tuple[Contract, ...] = ()

    def __post_init__(self) -> None:
        described = {contract.name: contract for contract in SHARED}
        listed = [contract for source in self.sources.values() for contract in source.contracts]
        for contract in (*listed, *self.streamed):
            if described.setdefault(contract.name, contract) != contract:
                raise ValueError(f"two contracts describe raw.{contract.name}")
        for contract in self.streamed:
            if contract.mode != "append":
                raise ValueError(f"raw.{contract.name} is of streams, and its mode is {contract.mode}")

    def named(self, name: str) -> Source:
        """The source that a user names.

        Raises:
            WrongUsage: there is no source of that name.
        """
        if name not in self.sources:
            raise WrongUsage(f"there is no source {name!r}", f"use one of: {', '.join(sorted(self.sources))}")
        return self.sources[name]

    def streamed_table(self, name: str) -> Contract:
        """The contract of a table into which streams land.

        Raises:
            TerminalError: there is no table of that name.
        """
        for contract in self.streamed:
            if contract.name == name:
                return contract
        raise TerminalError(
            f"a stream has landed into raw.{name}, which no contract describes", "use the version that landed it"
        )

    @property
    def own(self) -> tuple[Contract, ...]:
        """The contracts of the raw tables of sources and streams, without the shared ones."""
        own = {contract.name: contract for source in self.sources.values() for contract in source.contracts}
        return (*own.values(), *self.streamed)

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """The contracts of every raw table: those of sources and streams, then the shared ones."""
        return (*self.own, *SHARED)

    def of_tables(self, tables: Collection[str]) -> Registry:
        """The sources and streams that land into some tables, with all sources that share a table with one of these.

        Raises:
            WrongUsage: there is no such table, or it is a shared one.
        """
        names = {contract.name for contract in self.own}
        if unknown := sorted(set(tables) - names):
            raise WrongUsage(f"there is no raw table {', '.join(unknown)}", f"use some of: {', '.join(sorted(names))}")
        wanted = set(tables)
        while True:
            part = {name: source for name, source in self.sources.items() if not wanted.isdisjoint(_names(source))}
            grown = wanted.union(*(_names(source) for source in part.values()))
            if grown == wanted:
                return Registry(part, tuple(contract for contract in self.streamed if contract.name in wanted))
            wanted = grown


def _names(source: Source) -> set[str]:
    return {contract.name for contract in source.contracts}
