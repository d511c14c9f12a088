"""Time for the simulator: local days of a zone, stamps as devices write them, series of piecewise-constant state.

Instants are whole UTC seconds since 1970 in int64 arrays. The zone arithmetic here is the simulator's own, so that the
truth does not lean on the code that reads the files back.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: Length of a state cell in seconds: several cells between two samples of the fastest signal (30 s), so that sampling
#: loses what real sampling loses.
STEP_S = 10


def random_stream(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for every named part, so that changing one part leaves the others' numbers alone."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


@dataclass(frozen=True)
class Period:
    """Whole local days of one zone.

    Args:
        zone: IANA name.
        first_day: first local day.
        days: number of local days.
    """

    zone: str
    first_day: date
    days: int

    @cached_property
    def dates(self) -> list[date]:
        """The local days, in order."""
        return [self.first_day + timedelta(days=n) for n in range(self.days)]

    @cached_property
    def edges(self) -> IntArray:
        """UTC seconds of the `days + 1` local midnights."""
        return np.array([self.at(n) for n in range(self.days + 1)], dtype=np.int64)

    @property
    def start(self) -> int:
        """UTC second of the first local midnight."""
        return int(self.edges[0])

    @property
    def end(self) -> int:
        """UTC second of the local midnight that ends the last day."""
        return int(self.edges[-1])

    def at(self, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
        """UTC second of a local wall-clock time on the n-th day (its first occurrence where it repeats)."""
        local = datetime.combine(self.first_day + timedelta(days=day), time(hour, minute, second), ZoneInfo(self.zone))
        return int(local.timestamp())

    @cached_property
    def _offsets(self) -> tuple[IntArray, IntArray]:
        """Instants from which a UTC offset holds, and the offsets in seconds."""
        zone = ZoneInfo(self.zone)
        # Zones change at whole quarter hours of UTC; a day beyond both ends serves stamps on the very edge.
        instants = np.arange(self.start - 86_400, self.end + 86_400, 900, dtype=np.int64)
        offsets = np.array([_offset_s(int(t), zone) for t in instants], dtype=np.int64)
        change = np.concatenate([[True], np.diff(offsets) != 0])
        return instants[change], offsets[change]

    def local(self, instants: IntArray) -> IntArray:
        """Naive local seconds of UTC instants: what a device with a local clock writes, the repeated hour twice."""
        since, offsets = self._offsets
        return instants + offsets[np.searchsorted(since, instants, side="right") - 1]

    def day_index(self, instants: IntArray) -> IntArray:
        """Index of the local day of each instant."""
        return np.searchsorted(self.edges, instants, side="right").astype(np.int64) - 1

    @cached_property
    def cells(self) -> IntArray:
        """Start instants of the state cells of `STEP_S` seconds."""
        return np.arange(self.start, self.end, STEP_S, dtype=np.int64)

    @cached_property
    def hour_of_day(self) -> FloatArray:
        """Local wall-clock hour (0..24) of every state cell."""
        return (self.local(self.cells) % 86_400) / 3600.0


def _offset_s(instant: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(instant, UTC).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


@dataclass(frozen=True)
class Series:
    """State that is constant within a cell of `STEP_S` seconds.

    Args:
        start: instant of the first cell.
        values: one value a cell.
    """

    start: int
    values: FloatArray

    def at(self, instants: IntArray) -> FloatArray:
        """Value at each instant."""
        return self.values[(instants - self.start) // STEP_S]

    @cached_property
    def _integral(self) -> FloatArray:
        return np.concatenate([[0.0], np.cumsum(self.values * (STEP_S / 3600.0))])

    def integral_h(self, instants: IntArray) -> FloatArray:
        """Integral over hours from the start to each instant: kWh of a power in kW. Exact between cell edges too."""
        edges = self.start + STEP_S * np.arange(len(self._integral), dtype=np.int64)
        return np.interp(instants, edges, self._integral)

    def per_span(self, edges: IntArray) -> FloatArray:
        """Integral over hours between consecutive edges."""
        return np.diff(self.integral_h(edges))


def irregular_stamps(
    rng: np.random.Generator, start: int, end: int, intervals_s: tuple[int, ...], missed: float = 0.0
) -> IntArray:
    """Increasing instants in [start, end) whose distances are drawn from `intervals_s`; `missed` polls are left out."""
    shortest = min(intervals_s)
    count = (end - start) // shortest + 1
    stamps = start + np.concatenate([[0], np.cumsum(rng.choice(np.array(intervals_s, dtype=np.int64), count))])
    stamps = stamps[stamps < end]
    return stamps[rng.random(len(stamps)) >= missed].astype(np.int64)


def without_gaps(stamps: IntArray, gaps: list[tuple[int, int]]) -> IntArray:
    """The stamps outside the half-open gaps."""
    keep = np.ones(len(stamps), dtype=bool)
    for start, end in gaps:
        keep &= (stamps < start) | (stamps >= end)
    return stamps[keep]


def smooth_noise(rng: np.random.Generator, period: Period, every_s: int) -> FloatArray:
    """Standard normal nodes every `every_s` seconds, joined linearly, one value a state cell."""
    nodes = np.arange(period.start, period.end + every_s + 1, every_s, dtype=np.int64)
    return np.interp(period.cells, nodes, rng.standard_normal(len(nodes)))
