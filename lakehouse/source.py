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

#: A file that must be read whole takes several times its size in memory: its text, columns and rows at once.
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
        path: the path it was found at, absolute (`<asset>/<signal>.csv` layouts read names from its last parts).
            Only its name and its parent's name carry meaning.
        size_bytes: length of the bytes.
        blocks: gives the bytes from the start, in blocks of any size; the same ones each time.
        published_at: when the operator says that it published them (a listing), UTC; None where it does not.
        modified_at: when the operator says that it last wrote the file (a header), UTC; None where it does not.
        received_at: when they were received, of a copy when what it copies was, UTC; a replay gives the same instant.
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
            UnreadableFile: they are too many to be read whole.
        """
        if self.size_bytes > WHOLE_FILE_BYTES:
            raise UnreadableFile(
                f"the file has {self.size_bytes / 2**20:.0f} MiB; of its kind, {WHOLE_FILE_BYTES / 2**20:.0f} are read",
                "split it, or export a shorter time at once",
            )
        return b"".join(self.blocks())


#: Every land option.
LAND_OPTIONS = frozenset(option.name for option in fields(LandOptions))


@dataclass
class Parsed:
    """What one file, or a piece of it, said.

    Args:
        tables: contract name → Arrow table in that contract's column order and types, text as it is
            or dictionary-encoded. Rows are in file order.
        rejects: rows that could not be used (`REJECTS_SCHEMA`).
        layout: name of the layout that was recognised or asked for.
        dialect: how the file was read up to here, as JSON-able values; recorded in ops.slices.
        rows_read: data rows (or cells of a wide layout) in the file; rows landed + refused + empty explain them all.
        restarts: what was yielded of the file before is void.
        rows_empty: cells that the file leaves empty by its own convention (no value, no meaning, not an error).
        stated: contract name → slices that the file states whole, of tables in the mode 'replace': its rows there are
            all that is left in them. Pieces of a file may say the same slice again.
        shown: gives the text of a line of the piece, for what refuses it later; None where the reader keeps none.
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
        contracts: the tables it lands, shared tables left out.
        options: names of the land options that it heeds; any other is refused.
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

        The pieces together say what the file says; how it is cut changes nothing.

        Args:
            file: bytes, hash and path.
            options: what the user said.
            layout_dirs: folders with the user's own layout files, searched before the shipped ones.

        Raises:
            UnreadableFile: nothing in the file can be used; says why and what to do.
        """
        ...

    def layouts_digest(self, layout_dirs: Sequence[Path]) -> str | None:
        """What tells one state of the user's layouts from another; None where there are none, or it heeds none."""
        ...

    def broken_layouts(self, layout_dirs: Sequence[Path]) -> list[TerminalError]:
        """What is wrong with layout files of the user's that are meant for this source."""
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

    def named(self, name: str) -> Source:
        """The source that a user names.

        Raises:
            WrongUsage: there is none of that name.
        """
        if name not in self.sources:
            raise WrongUsage(f"there is no source {name!r}", f"use one of: {', '.join(sorted(self.sources))}")
        return self.sources[name]

    def streamed_table(self, name: str) -> Contract:
        """The contract of a table into which streams land.

        Raises:
            TerminalError: there is none of that name.
        """
        for contract in self.streamed:
            if contract.name == name:
                return contract
        raise TerminalError(
            f"a stream has landed into raw.{name}, which no contract describes", "use the version that landed it"
        )

    @property
    def own(self) -> tuple[Contract, ...]:
        """The contracts of the raw tables that sources and streams have for themselves."""
        own = {contract.name: contract for source in self.sources.values() for contract in source.contracts}
        return (*own.values(), *self.streamed)

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """The contracts of every raw table: those of sources and streams, then the shared ones."""
        return (*self.own, *SHARED)

    def of_tables(self, tables: Collection[str]) -> Registry:
        """The sources and streams that land into some tables, with all sources that share a table with one of these.

        Raises:
            WrongUsage: one of them is no table that sources or streams have for themselves.
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
