"""The counts of a landing, file by file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectCounts:
    """The counts of one file in a merge.

    Args:
        new: rows whose key was not in the table.
        replaced: rows that replaced another value.
        equal: rows that the table had already, or that repeat one of the same landing.
        conflicts: rows that differ from the earlier arrival of the same key.
    """

    new: int = 0
    replaced: int = 0
    equal: int = 0
    conflicts: int = 0

    def __add__(self, other: ObjectCounts) -> ObjectCounts:
        return ObjectCounts(
            self.new + other.new,
            self.replaced + other.replaced,
            self.equal + other.equal,
            self.conflicts + other.conflicts,
        )
