"""Files larger than memory, read piece by piece with the same outcome as if they were read whole.

Decisions over a whole file (layout, stamp format, decimal sign, the pass of a repeated hour) are made by the first
piece, and every later piece must decide alike. If one does not, the file is read whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ingest.arrays import Int64Array
from ingest.time.local_time import repeated_times, skipped_times


class NotInPieces(Exception):
    """The pieces of a file do not decide alike; the message gives the reason, after "the file"."""


class RunsIntoRepeatedHour(Exception):
    """A piece ends in or near an hour that the clocks repeat: it must be read together with the next one."""


@dataclass
class Progress:
    """The decisions of the pieces read so far, which each piece is compared with.

    Args:
        is_first, is_last: place of the piece that is being read.
        decided: name of a decision → its value, from the first piece that made it.
        refused_columns: columns whose refusal has been reported.
        rounded_cells: exact values that were rounded so far.
        newest: stamp of the last row so far, microseconds.
        ordered: whether stamps never step back so far, except in a repeated hour.
        has_repeated_hour: whether any row so far is in an hour that the clocks repeat.
    """

    is_first: bool = True
    is_last: bool = True
    decided: dict[str, object] = field(default_factory=dict)
    refused_columns: set[str] = field(default_factory=set)
    rounded_cells: int = 0
    newest: int | None = None
    ordered: bool = True
    has_repeated_hour: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the piece is the whole file."""
        return self.is_first and self.is_last

    def decide(self, name: str, value: object) -> None:
        """Note a decision of a piece.

        Raises:
            NotInPieces: an earlier piece decided differently.
        """
        if self.decided.setdefault(name, value) != value:
            raise NotInPieces(f"does not show its {name} in every part")

    def follow_order(self, naive: Int64Array, zone: str, reach: int = 0) -> None:
        """Check that this piece alone shows the passes of a repeated hour.

        Args:
            naive: wall-clock microseconds of the piece's rows, in file order.
            zone: IANA name.
            reach: microseconds after a change in which stamps belong to it: the interval's length if stamps are ends.

        Raises:
            RunsIntoRepeatedHour: the next piece is needed too.
            NotInPieces: the file has rows in a repeated hour and is not in order of time.
        """
        if self.is_whole or not len(naive):
            return
        inside = np.zeros(len(naive), np.bool_)
        changes = repeated_times(naive, zone) + (skipped_times(naive, zone) if reach else [])
        for start, stop in changes:
            width = stop - start
            if not self.is_last and start - width <= naive[-1] < stop + reach + width:
                raise RunsIntoRepeatedHour
            inside |= (naive >= start) & (naive < stop + reach)
        back = np.diff(naive) < 0
        self.ordered &= not (back & ~(inside[:-1] & inside[1:])).any()
        self.ordered &= self.newest is None or naive[0] >= self.newest
        self.has_repeated_hour |= bool(inside.any())
        self.newest = int(naive[-1])
        if self.has_repeated_hour and not self.ordered:
            raise NotInPieces("has an hour that the clocks repeat and is not in order of time")
