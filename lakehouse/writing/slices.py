"""Slices that files state whole, as SQL over staged and stored rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lakehouse.contract import Slice
from lakehouse.engine import identifier, quote
from lakehouse.writing.staging import SEQUENCE


class Statements:
    """The slices that the files of a landing state.

    Args:
        stated: slices by sequence of the file; at least one.
    """

    def __init__(self, stated: Mapping[int, Sequence[Slice]]) -> None:
        self._slices = [part for slices in stated.values() for part in slices]
        self._conditions = {number: " OR ".join(map(_condition, slices)) for number, slices in stated.items() if slices}

    @property
    def outside(self) -> str:
        """SQL: true of a staged row outside of the slices of its own file."""
        own = " ".join(f"WHEN {number} THEN ({condition})" for number, condition in self._conditions.items())
        return f"(CASE {SEQUENCE} {own} END) IS NOT TRUE"

    @property
    def overruled(self) -> str:
        """SQL: true of a staged row inside a slice of a later file."""
        later = (f"({SEQUENCE} < {number} AND ({condition}))" for number, condition in self._conditions.items())
        return f"({' OR '.join(later)}) IS TRUE"

    @property
    def inside(self) -> str:
        """SQL: true of a row inside any slice; bounds around all slices let Iceberg skip files."""
        conditions = " OR ".join(dict.fromkeys(map(_condition, self._slices)))
        columns = {part.column for part in self._slices}
        if len(self._slices) == 1 or len(columns) > 1:
            return conditions
        start, end = min(part.start for part in self._slices), max(part.end for part in self._slices)
        return f"{_condition(Slice(columns.pop(), start, end))} AND ({conditions})"


def _condition(stated: Slice) -> str:
    """SQL that is true inside of a slice."""
    column = identifier(stated.column)
    start, end = (f"{quote(value.isoformat())}::TIMESTAMPTZ" for value in (stated.start, stated.end))
    fixed = [f"{identifier(name)} = {quote(value)}" for name, value in stated.where.items()]
    return " AND ".join([f"{column} >= {start} AND {column} < {end}", *fixed])
