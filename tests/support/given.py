"""Bytes as a source is given them, and what was read of them, to be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from lakehouse.source import Parsed, RawFile


def raw_file(
    content: str | bytes,
    name: str | Path,
    *,
    block: int | None = None,
    published_at: datetime | None = None,
    received_at: datetime | None = None,
) -> RawFile:
    """A file as a source is given it.

    Args:
        content: its text or bytes.
        name: its path; one that is relative lies below `/given`.
        block: it comes in blocks of so many bytes; whole by default.
        published_at, received_at: as a listing and a receipt say them.
    """
    data = content.encode() if isinstance(content, str) else content
    size = block or max(len(data), 1)

    def blocks() -> Iterator[bytes]:
        return (data[start : start + size] for start in range(0, max(len(data), 1), size))

    path = Path("/given") / name
    sha256 = hashlib.sha256(data).hexdigest()
    return RawFile(sha256, path, len(data), blocks, published_at=published_at, received_at=received_at)


def refused(pieces: Iterable[Parsed]) -> list[tuple[int, str, str]]:
    """Line, field and reason of everything refused."""
    return [(row["line"], row["field"], row["reason"]) for piece in pieces for row in piece.rejects.to_pylist()]


def everything(pieces: Iterable[Parsed]) -> dict[str, set[tuple[object, ...]]]:
    """Everything that was read, by table, to be compared between two readings."""
    tables: dict[str, set[tuple[object, ...]]] = {}
    for piece in pieces:
        for name, rows in piece.tables.items():
            plain = pa.table({c: rows.column(c).combine_chunks() for c in rows.column_names}).to_pylist()
            tables.setdefault(name, set()).update(tuple(row.values()) for row in plain)
    return tables


def unsigned(pieces: Sequence[Parsed]) -> list[Parsed]:
    """Pieces without the hash of their bytes, to be compared with those of other bytes."""
    made = []
    for piece in pieces:
        tables = {
            name: rows.drop_columns([c for c in ("source_object",) if c in rows.column_names])
            for name, rows in piece.tables.items()
        }
        made.append(replace(piece, tables=tables))
    return made
