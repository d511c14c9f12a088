"""Rows and cells of a file that cannot be used, each with its reason and its text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from ingest.arrays import Int64Array
from ingest.text.lines import RAW_TEXT_LIMIT, Lines
from lakehouse.source import REJECTS_SCHEMA


@dataclass
class Refusals:
    """Rows and cells that cannot be used: (line, field) → reason; the first reason stays."""

    found: dict[tuple[int, str], str] = field(default_factory=dict)

    def add(self, line: int, field_name: str, reason: str) -> None:
        """Refuse a row (field '') or a cell."""
        self.found.setdefault((line, field_name), reason)

    def add_rows(self, lines: Int64Array, field_name: str, reason: str) -> None:
        """Refuse many rows for one reason."""
        for line in lines.tolist():
            self.found.setdefault((line, field_name), reason)


def rejects(refusals: Refusals, lines: Lines | None, raw_text: Callable[[int], str | None] | None) -> pa.Table:
    """Refusals as a table, by line.

    Args:
        refusals: what was refused.
        lines: the file's lines, None for a document.
        raw_text: returns a record's text by number, for documents.
    """
    rows = sorted((line, field, reason) for (line, field), reason in refusals.found.items())
    shown: dict[int, str | None] = {}
    for line, _, _ in rows:
        if line not in shown:
            shown[line] = text_of(line, lines, raw_text)
    return pa.table(
        [
            pa.array([line for line, _, _ in rows], pa.int64()),
            pa.array([field for _, field, _ in rows], pa.string()),
            pa.array([reason for _, _, reason in rows], pa.string()),
            pa.array([shown[line] for line, _, _ in rows], pa.string()),
        ],
        schema=REJECTS_SCHEMA,
    )


def text_of(line: int, lines: Lines | None, raw_text: Callable[[int], str | None] | None) -> str | None:
    """The text of a line, or of a record by its number; None if there is none."""
    if lines is not None:
        return lines.shown(line) if line > 0 else None
    text = raw_text(line) if raw_text is not None else None
    return text if text is None else text[:RAW_TEXT_LIMIT]
