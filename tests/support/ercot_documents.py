"""Documents of ERCOT's through its sources, without a home."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from ingest.registry import provided_feeds, registry
from lakehouse.source import LandOptions, standing
from lakehouse.writing.validate import check
from tests.support.given import raw_file

SOURCES = {name: registry().named(name) for name in provided_feeds() if name.startswith("ercot-")}


@dataclass
class Document:
    """All that the pieces of a document said."""

    tables: dict[str, list[pa.Table]] = field(default_factory=dict)
    rejects: list[dict[str, object]] = field(default_factory=list)
    dialect: dict[str, object] = field(default_factory=dict)
    rows_read: int = 0
    rows_empty: int = 0

    def rows(self, table: str) -> list[dict[str, object]]:
        """Rows of a table, in file order."""
        return [row for piece in self.tables.get(table, []) for row in piece.to_pylist()]

    @property
    def landed(self) -> int:
        """Rows of all tables."""
        return sum(piece.num_rows for pieces in self.tables.values() for piece in pieces)

    @property
    def refused(self) -> list[tuple[object, ...]]:
        """Line, field and reason of everything refused."""
        return [(row["line"], row["field"], row["reason"]) for row in self.rejects]


def read(
    source: str, content: bytes | str | Path, name: str = "document.csv", block_bytes: int = 1 << 20, **stated: datetime
) -> Document:
    """Read bytes, text or a file.

    Args:
        source: its name.
        content: what to read.
        name: of the file.
        block_bytes: it is given in blocks of so many.
        stated: `published_at` and `received_at`, as a listing and a reception say them.
    """
    if isinstance(content, Path):
        file = raw_file(content.read_bytes(), content, block=block_bytes, **stated)
    else:
        file = raw_file(content, name, block=block_bytes, **stated)
    document = Document()
    for piece in standing(SOURCES[source].parse(file, LandOptions())):
        for table, rows in piece.tables.items():
            contract = next(c for c in SOURCES[source].contracts if c.name == table)
            assert rows.column_names == contract.arrow_schema.names
            good, broken = check(contract, rows)
            document.tables.setdefault(table, []).append(good.cast(contract.arrow_schema))
            lines = rows.column("line").to_pylist()
            document.rejects += [{"line": lines[b.row], "field": b.field, "reason": b.reason} for b in broken]
        document.rejects += piece.rejects.to_pylist()
        document.dialect = piece.dialect
        document.rows_read += piece.rows_read
        document.rows_empty += piece.rows_empty
    return document
