"""Counters as real meters leave them: a register of whole ticks, the faults it suffers, and what it can still tell.

The rules that decide what a faulty register tells (`Register.cumulative`): after a reset the new value itself is not
added; a correction counts net; a spike is dropped; a freeze keeps its energy, spread evenly over the frozen span.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ingest.simulate.clock import FloatArray, IntArray

EventKind = Literal["reset", "correction", "spike", "freeze"]

#: Ticks a kWh: registers show three decimals.
TICKS_PER_KWH = 1000
REGISTER_DECIMALS = 3


@dataclass(frozen=True)
class CounterEvent:
    """A fault that happened to a counter.

    Args:
        kind: what happened.
        occurred_at: UTC second of the sample that shows it (of a freeze: the catch-up step).
        span_start: UTC second where the affected span starts (of a freeze: its first flat sample).
        size_ticks: reset: the value before; correction: signed net step; spike: signed jump; freeze: the step.
    """

    kind: EventKind
    occurred_at: int
    span_start: int
    size_ticks: int


@dataclass
class Register:
    """A cumulative register sampled at `stamps`.

    Args:
        stamps: UTC seconds of the samples, strictly increasing.
        energy_kwh: true energy through the meter since the start of the period, at each stamp.
        base_kwh: what the register showed at the start of the period.
    """

    stamps: IntArray
    energy_kwh: FloatArray
    base_kwh: float
    ticks: IntArray = field(init=False)
    _events: list[tuple[EventKind, int, int]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        # A register shows whole ticks that have passed, so it truncates.
        self.ticks = np.floor((self.base_kwh + self.energy_kwh) * TICKS_PER_KWH).astype(np.int64)

    def _index(self, instant: int) -> int:
        index = int(np.searchsorted(self.stamps, instant))
        if not 0 < index < len(self.stamps) - 1:
            raise ValueError("a fault needs a sample on both sides of it")
        return index

    def correct(self, instant: int, ticks: int) -> None:
        """Step the register back by a net `ticks` at the first sample from `instant` on."""
        index = self._index(instant)
        self.ticks[index:] += self.ticks[index - 1] - self.ticks[index] - ticks
        self._events.append(("correction", index, index - 1))

    def replace_meter(self, instant: int, energy_kwh_when_installed: float) -> None:
        """From the first sample from `instant` on a new meter counts, from zero when it was installed."""
        index = self._index(instant)
        since = self.energy_kwh[index:] - energy_kwh_when_installed
        self.ticks[index:] = np.floor(since * TICKS_PER_KWH).astype(np.int64)
        self._events.append(("reset", index, index - 1))

    def freeze(self, start: int, end: int) -> None:
        """Keep showing the value of `start` until the first sample from `end` on, which catches up in one step."""
        first, last = self._index(start), self._index(end)
        while first > 0 and self.ticks[first - 1] == self.ticks[first]:
            first -= 1
        self.ticks[first:last] = self.ticks[first]
        self._events.append(("freeze", last, first))

    def spike(self, instant: int, jump_ticks: int | None) -> None:
        """Jump by `jump_ticks` (None: read zero) for the one sample from `instant` on; the next one is right again."""
        index = self._index(instant)
        self.ticks[index] = 0 if jump_ticks is None else self.ticks[index - 1] + jump_ticks
        self._events.append(("spike", index, index - 1))

    @property
    def events(self) -> list[CounterEvent]:
        """What happened, in order of time."""
        events = []
        for kind, index, span_start in self._events:
            step = int(self.ticks[index] - self.ticks[index - 1])
            size = int(self.ticks[index - 1]) if kind == "reset" else step
            events.append(CounterEvent(kind, int(self.stamps[index]), int(self.stamps[span_start]), size))
        return sorted(events, key=lambda event: event.occurred_at)

    def cumulative(self) -> tuple[IntArray, IntArray]:
        """What the register can tell by the documented rules.

        Returns:
            instants and cumulative ticks since the first sample, at every sample that carries information: spiked
            samples and the inside of a freeze are left out, the step into a new meter counts nothing.
        """
        keep = np.ones(len(self.ticks), dtype=bool)
        lost = np.zeros(len(self.ticks), dtype=bool)
        for kind, index, span_start in self._events:
            if kind == "spike":
                keep[index] = False
            elif kind == "freeze":
                keep[span_start + 1 : index] = False
            elif kind == "reset":
                lost[index] = True
        steps = np.diff(self.ticks[keep], prepend=self.ticks[keep][:1])
        steps[lost[keep]] = 0
        return self.stamps[keep], np.cumsum(steps)

    @property
    def total_ticks(self) -> int:
        """Energy between the first and the last sample as the register tells it, in ticks; exact."""
        return int(self.cumulative()[1][-1])

    def ticks_per_span(self, edges: IntArray) -> FloatArray:
        """Energy between consecutive edges, spread linearly over time between samples, in ticks."""
        instants, ticks = self.cumulative()
        return np.diff(np.interp(edges, instants, ticks))
