"""What a simulated fleet sells and buys in the day-ahead market."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.simulate.clock import FloatArray, IntArray, random_stream
from ingest.simulate.fleet.batteries import OFFERED, Battery
from ingest.simulate.fleet.calendar import BoolArray, Calendar
from ingest.simulate.fleet.prices import Prices

#: Power and energy are whole numbers of 0.1 kW and 0.1 kWh.
TICKS = 10_000
#: What a document leaves empty: nothing was offered, or nothing is known. It is not 0.
BLANK = int(np.iinfo(np.int64).min)
#: Awards are tenths of a MW.
AWARD = TICKS // 10
#: Share of the power that is sold ahead.
SOLD = 0.6
#: What a load resource offers until RTC+B, with its share of what the battery offers; the rest is its generator's.
LOAD_SHARE = {"regup": 0.25, "regdown": 0.5, "rrspfr": 0.25, "ecrssd": 0.25, "nonspin": 0.0}


@dataclass(frozen=True)
class DayAhead:
    """The day-ahead market, [battery, hour], in ticks.

    Args:
        plan: energy that the battery means to deliver; negative: to take.
        energy: energy awarded as disclosed; since RTC+B negative where it is bought; `BLANK` where nothing is stated.
        services: product as disclosed → award of the single resource, or until RTC+B of the generator.
        load_services: product → award of the load resource, until RTC+B.
        out: whether the battery is not available.
    """

    plan: IntArray
    energy: IntArray
    services: dict[str, IntArray]
    load_services: dict[str, IntArray]
    out: BoolArray


def offer(
    calendar: Calendar, prices: Prices, batteries: list[Battery], known_out: BoolArray, rtcb: bool, seed: int
) -> DayAhead:
    """Sell the dearest hours, buy the cheapest, and offer the rest of the capacity as services.

    Energy and services together stay within the limits of the battery in every hour.

    Args:
        known_out: [battery, hour], the hours in which a battery says a day ahead that it cannot run.
        rtcb: whether batteries are single resources.
    """
    rng = random_stream(seed, "day ahead")
    power = np.array([round(b.power_mw * 10) for b in batteries], dtype=np.int64)[:, None] * AWARD
    plan = _plan(calendar, prices, batteries, power)
    plan[known_out] = 0
    idle = plan == 0
    energy = np.where(idle & (rng.random(plan.shape) < 0.5), BLANK, plan)
    if not rtcb:
        energy = np.where(plan < 0, BLANK, energy)  # what a load buys is disclosed by participant, not by resource
    energy[known_out] = 0

    above = np.clip(power - np.maximum(plan, 0), 0, power)
    below = np.clip(power + np.minimum(plan, 0), 0, power)
    silent = known_out | (rng.random(plan.shape) < 0.05)
    whole: dict[str, IntArray] = {}
    for service, share in OFFERED.items():
        room = below if service == "regdown" else above
        cleared = rng.random(plan.shape)
        award = (room * share * np.where(cleared < 0.25, 0.0, cleared)).astype(np.int64) // AWARD * AWARD
        offers = np.array([service in b.services for b in batteries])[:, None]
        whole[service] = np.where(silent | ~offers, BLANK, award)
    if rtcb:
        return DayAhead(plan, energy, {**whole, "rrsufr": np.full_like(plan, BLANK)}, {}, known_out)
    loads: dict[str, IntArray] = {}
    for service, share in LOAD_SHARE.items():
        part = (np.maximum(whole[service], 0) * share).astype(np.int64) // AWARD * AWARD
        loads[service] = np.where(whole[service] == BLANK, BLANK, part)
        whole[service] = np.where(whole[service] == BLANK, BLANK, whole[service] - part)
    loads["rrsufr"] = np.where(loads["rrspfr"] == BLANK, BLANK, 0)
    loads["rrsffr"] = loads["ecrsmd"] = np.full_like(plan, BLANK)
    return DayAhead(plan, energy, {**whole, "rrsufr": np.full_like(plan, BLANK)}, loads, known_out)


def _plan(calendar: Calendar, prices: Prices, batteries: list[Battery], power: IntArray) -> IntArray:
    """Discharge in the dearest hours of a day and charge in its cheapest, as many as the energy allows."""
    node = np.array([prices.nodes.index(b.settlement_point) for b in batteries])
    hours = np.array([max(1, round(b.energy_mwh / b.power_mw)) for b in batteries])[:, None]
    losses: FloatArray = np.array([b.charge_efficiency * b.discharge_efficiency for b in batteries])[:, None]
    amount = (power * SOLD).astype(np.int64) // AWARD * AWARD
    plan = np.zeros((len(batteries), len(calendar.hours)), dtype=np.int64)
    days = calendar.period.day_index(calendar.hours)
    for day in range(calendar.period.days):
        columns = np.flatnonzero(days == day)
        rank = np.argsort(np.argsort(prices.day_ahead[node][:, columns], axis=1), axis=1)
        dear = rank >= len(columns) - hours
        cheap = rank < np.ceil(hours / losses).astype(np.int64)
        plan[:, columns] = np.where(dear, amount, np.where(cheap, -amount, 0))
    return plan
