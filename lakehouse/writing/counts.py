"""What every file contributed to a landing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectCounts:
    """What one file contributed to a merge.

    Args:
        new: rows whose key was not there.
        replaced: rows that took the place of another value.
        equal: rows that were there already, or repeat one of the same landing.
        conflicts: rows that differ from the one of the same key that arrived before them.
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
