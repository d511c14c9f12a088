"""ERCOT's time: operating days, hours, quarters and SCED runs, with the labels that its documents give them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ingest.simulate.clock import IntArray, Period, random_stream

BoolArray = NDArray[np.bool_]

ZONE = "America/Chicago"
HOUR_S, QUARTER_S = 3600, 900
#: From this operating day SCED knows batteries as one resource (RTC+B), and the day-ahead market from the next one.
RTCB_SCED, RTCB_DAM = date(2025, 12, 5), date(2025, 12, 6)
#: SCED runs every five minutes, some seconds late; and now and then in between.
RUN_EVERY_S, RUN_LATE_S, EXTRA_RUNS = 300, (12, 25), 21
#: A run that fails leaves a hole of ten minutes, which its forerunner covers; four in a row leave one of 25.
LOST_RUN = 0.003
OUTAGE_OF_RUNS, OUTAGE_EVERY_DAYS = 4, 9


@dataclass(frozen=True)
class Calendar:
    """The instants of a period, UTC seconds.

    Args:
        period: operating days, Central prevailing time.
        seed: of the SCED runs.
    """

    period: Period
    seed: int

    @cached_property
    def hours(self) -> IntArray:
        """Starts of the hours: 23, 24 or 25 a day."""
        return np.arange(self.period.start, self.period.end, HOUR_S, dtype=np.int64)

    @cached_property
    def quarters(self) -> IntArray:
        """Starts of the settlement intervals."""
        return np.arange(self.period.start, self.period.end, QUARTER_S, dtype=np.int64)

    @cached_property
    def hour_ending(self) -> IntArray:
        """Hour of the day by count, from 1: to 25 on the day that repeats one, to 23 on the day that skips one."""
        return (self.hours - self.period.edges[self.period.day_index(self.hours)]) // HOUR_S + 1

    @cached_property
    def runs(self) -> IntArray:
        """Every SCED run: 288 to 310 a day of 24 hours, seconds that are never round."""
        rng = random_stream(self.seed, "sced runs")
        grid = np.arange(self.period.start, self.period.end, RUN_EVERY_S, dtype=np.int64)
        found = [grid + rng.integers(*RUN_LATE_S, size=len(grid))]
        for start, end in zip(self.period.edges[:-1], self.period.edges[1:], strict=True):
            extra = rng.integers(start + 60, end - 60, size=int(rng.integers(0, EXTRA_RUNS)))
            found.append(extra[(extra - start) % RUN_EVERY_S > 60])
        return np.unique(np.concatenate(found))

    @cached_property
    def published(self) -> BoolArray:
        """Which runs are in the disclosure; the others failed."""
        rng = random_stream(self.seed, "lost runs")
        kept = rng.random(len(self.runs)) >= LOST_RUN
        for day in range(4, self.period.days, OUTAGE_EVERY_DAYS):
            first = int(np.searchsorted(self.runs, self.period.edges[day] + 14 * HOUR_S))
            kept[first : first + OUTAGE_OF_RUNS] = False
        return kept

    def hour_of(self, instants: IntArray) -> IntArray:
        """Index of the hour of each instant."""
        return (instants - self.period.start) // HOUR_S

    def quarter_of(self, instants: IntArray) -> IntArray:
        """Index of the settlement interval of each instant."""
        return (instants - self.period.start) // QUARTER_S

    def is_repeated(self, instants: IntArray) -> BoolArray:
        """Whether the wall clock showed the same an hour before: the second 01:00 hour of the autumn change."""
        repeated: BoolArray = self.period.local(instants - HOUR_S) == self.period.local(instants)
        return repeated


def published_on(operating_day: date) -> date:
    """The day on which a 60-day disclosure appears."""
    return operating_day + timedelta(days=60)


def is_rtcb(period: Period) -> bool:
    """Whether batteries are single resources throughout the period.

    Raises:
        ValueError: the period has days of both kinds.
    """
    first, last = period.dates[0], period.dates[-1]
    if first >= RTCB_DAM:
        return True
    if last < RTCB_SCED:
        return False
    raise ValueError(f"simulate {first} to {last} in two fleets: batteries became single resources on {RTCB_SCED}")
