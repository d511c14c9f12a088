"""A simulated fleet: everything that is true of it, and what was published wrong at first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from ingest.simulate.clock import IntArray, Period, random_stream
from ingest.simulate.fleet.batteries import Battery, make_batteries
from ingest.simulate.fleet.calendar import HOUR_S, ZONE, BoolArray, Calendar, is_rtcb
from ingest.simulate.fleet.day_ahead import BLANK, TICKS, DayAhead, offer
from ingest.simulate.fleet.prices import Prices, simulate_prices
from ingest.simulate.fleet.real_time import RealTime, run

#: Days (from 0) of what goes wrong, and the battery that it befalls.
SILENT_DAY, SILENT_BATTERY = 1, 0
CORRECTED_DAY, CORRECTED_BATTERY = 2, 1
PRICE_DAY = 3
UNKNOWN_PRICE_DAY = 4
OUT_DAY, OUT_BATTERY = 5, 2
DAY_AHEAD_DAY = 6


@dataclass(frozen=True)
class Fleet:
    """A fleet and its market.

    Args:
        calendar: hours, settlement intervals and SCED runs.
        batteries: rows of every array of batteries.
        rtcb: whether batteries are single resources, or pairs of a generator and a load.
        prices: the final ones.
        ahead: day-ahead awards.
        real: what happened.
        first_output: telemetry as it was disclosed first; a supplemental brought `real.output`.
        first_prices, first_day_ahead: prices in real time and day-ahead as they were stated first; corrections brought
            those of `prices`, that of the day-ahead price after the disclosure.
        unknown_prices: [node, quarter], prices that were never published.
        seed: of everything.
    """

    calendar: Calendar
    batteries: list[Battery]
    rtcb: bool
    prices: Prices
    ahead: DayAhead
    real: RealTime
    first_output: IntArray
    first_prices: IntArray
    first_day_ahead: IntArray
    unknown_prices: BoolArray
    seed: int

    @property
    def node_of(self) -> IntArray:
        """Row of each battery's settlement point in the prices."""
        return np.array([self.prices.nodes.index(b.settlement_point) for b in self.batteries], dtype=np.int64)


def simulate_fleet(first_day: date, days: int, count: int = 4, seed: int = 7, faults: bool = True) -> Fleet:
    """Simulate batteries, their market and what is wrong with its records.

    Equal arguments give an equal fleet. With faults and enough days: telemetry of one battery fails for half an hour,
    one battery's day is disclosed wrong and corrected later, prices of both markets are corrected after they were
    stated, a price never appears, and a battery is forced out in the afternoon and stays out the next day.

    Args:
        first_day: first operating day.
        days: operating days, all before 2025-12-05 (pairs) or all from 2025-12-06 (single resources).
        count: batteries.
        seed: of everything.
        faults: whether anything is wrong with the records; SCED runs fail either way.

    Raises:
        ValueError: the days lie on both sides of the change to single resources.
    """
    period = Period(ZONE, first_day, days)
    rtcb = is_rtcb(period)
    calendar = Calendar(period, seed)
    batteries = make_batteries(count, seed)
    prices = simulate_prices(calendar, sorted({b.settlement_point for b in batteries}), seed)
    out_runs, out_hours, silent = _failures(calendar, count, faults)
    ahead = offer(calendar, prices, batteries, out_hours, rtcb, seed)
    real = run(calendar, prices, batteries, ahead, out_runs, silent, rtcb, seed)
    fleet = Fleet(
        calendar, batteries, rtcb, prices, ahead, real, real.output, prices.real_time, prices.day_ahead,
        np.zeros_like(prices.real_time, dtype=bool), seed,
    )  # fmt: skip
    return _with_mistakes(fleet) if faults else fleet


def _failures(calendar: Calendar, count: int, faults: bool) -> tuple[BoolArray, BoolArray, BoolArray]:
    """When batteries are out, by run and by hour (known the day before), and when telemetry is silent."""
    edges, runs, hours = calendar.period.edges, calendar.runs, calendar.hours
    out_runs, silent = np.zeros((count, len(runs)), dtype=bool), np.zeros((count, len(runs)), dtype=bool)
    out_hours = np.zeros((count, len(hours)), dtype=bool)
    if faults and calendar.period.days > OUT_DAY + 1 and count > OUT_BATTERY:
        tripped, repaired = edges[OUT_DAY] + 15 * HOUR_S + 1_234, edges[OUT_DAY + 2]
        out_runs[OUT_BATTERY] = (runs >= tripped) & (runs < repaired)
        out_hours[OUT_BATTERY] = (hours >= edges[OUT_DAY + 1]) & (hours < repaired)
    if faults and calendar.period.days > SILENT_DAY:
        begin = edges[SILENT_DAY] + 10 * HOUR_S
        silent[SILENT_BATTERY] = (runs >= begin) & (runs < begin + 1_800)
    return out_runs, out_hours, silent


def _with_mistakes(fleet: Fleet) -> Fleet:
    """What was published wrong at first, and what never was."""
    calendar, rng = fleet.calendar, random_stream(fleet.seed, "mistakes")
    edges, days = calendar.period.edges, calendar.period.days
    output, posted, unknown = fleet.real.output.copy(), fleet.prices.real_time.copy(), fleet.unknown_prices.copy()
    if days > CORRECTED_DAY and len(fleet.batteries) > CORRECTED_BATTERY:
        runs = (calendar.runs >= edges[CORRECTED_DAY]) & (calendar.runs < edges[CORRECTED_DAY + 1])
        row = output[CORRECTED_BATTERY]
        wrong = np.rint(row * rng.uniform(0.3, 0.9)).astype(np.int64)
        output[CORRECTED_BATTERY] = np.where(runs & (row != BLANK), wrong, row)
    if days > PRICE_DAY:
        first = int(calendar.quarter_of(edges[PRICE_DAY])) + 70
        posted[:, first : first + 3] += 4_321
    if days > UNKNOWN_PRICE_DAY:
        unknown[int(fleet.node_of[-1]), int(calendar.quarter_of(edges[UNKNOWN_PRICE_DAY])) + 30] = True
    disclosed = fleet.prices.day_ahead.copy()
    if days > DAY_AHEAD_DAY:
        evening = int(calendar.hour_of(edges[DAY_AHEAD_DAY])) + 16
        disclosed[:, evening : evening + 5] -= 765
    return replace(fleet, first_output=output, first_prices=posted, first_day_ahead=disclosed, unknown_prices=unknown)


__all__ = ["BLANK", "TICKS", "Fleet", "simulate_fleet"]
