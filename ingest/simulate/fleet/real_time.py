"""What a simulated fleet does: base points, output, state of charge and awards of every SCED run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.simulate.clock import FloatArray, IntArray, random_stream
from ingest.simulate.fleet.batteries import Battery
from ingest.simulate.fleet.calendar import BoolArray, Calendar
from ingest.simulate.fleet.day_ahead import BLANK, TICKS, DayAhead
from ingest.simulate.fleet.prices import Prices

#: Products of SCED awards → the day-ahead product that they correspond to.
SCED_PRODUCTS = {
    "regup": "regup", "regdn": "regdown", "rrspfr": "rrspfr", "rrsffr": "rrsffr", "rrsufr": "rrsufr",
    "ecrs": "ecrssd", "nspin": "nonspin",
}  # fmt: skip
#: $/MWh above and below the day-ahead price at which a battery leaves its plan, and by what share of its power.
SPREAD_CENTS, MOVED = 1_500, 0.3
MINIMUM_SOC, FIRST_SOC = 0.04, 0.5
#: Standard deviations, as shares of the power: regulation moves output, and a meter is not exact.
REGULATION, METER = 0.02, 0.0005


@dataclass(frozen=True)
class RealTime:
    """Real time, [battery, run]; power in ticks where not said otherwise.

    Args:
        base_point: MW.
        true_output: MW, until the next run.
        output: as telemetered; `BLANK` where telemetry failed.
        true_soc: stored MWh at the run.
        soc: as telemetered, ticks of energy.
        awards: product → award of the run, since RTC+B; `BLANK` where the battery does not offer it.
        out: whether the battery is not available.
    """

    base_point: FloatArray
    true_output: FloatArray
    output: IntArray
    true_soc: FloatArray
    soc: IntArray
    awards: dict[str, IntArray]
    out: BoolArray


def run(
    calendar: Calendar,
    prices: Prices,
    batteries: list[Battery],
    ahead: DayAhead,
    out: BoolArray,
    silent: BoolArray,
    rtcb: bool,
    seed: int,
) -> RealTime:
    """Follow the plan, leave it for prices, and stay within power and energy.

    Args:
        out: [battery, run], when a battery is not available.
        silent: [battery, run], when its telemetry fails.
    """
    rng = random_stream(seed, "real time")
    power = np.array([b.power_mw for b in batteries])[:, None]
    hour, quarter = calendar.hour_of(calendar.runs), calendar.quarter_of(calendar.runs)
    node = np.array([prices.nodes.index(b.settlement_point) for b in batteries])
    spread = prices.real_time[node][:, quarter] - prices.day_ahead[node][:, hour]
    moved = np.where(spread > SPREAD_CENTS, MOVED, np.where(spread < -SPREAD_CENTS, -MOVED, 0.0)) * power
    wanted = np.clip(ahead.plan[:, hour] / TICKS + moved, -power, power)
    wanted[out] = 0.0
    noise = rng.normal(0.0, REGULATION, wanted.shape) * power
    noise[out] = 0.0
    base_point, output, soc = _follow(calendar, batteries, wanted, noise)

    meter = np.rint((output + np.where(out, 0.0, rng.normal(0.0, METER, output.shape) * power)) * TICKS)
    stored = np.rint((soc + rng.normal(0.0, 0.01, soc.shape)) * 1_000) * (TICKS // 1_000)
    awards = _awards(rng, ahead, hour, base_point, power, out) if rtcb else {}
    telemetered = np.where(silent, BLANK, meter.astype(np.int64))
    return RealTime(base_point, output, telemetered, soc, np.maximum(stored, 0).astype(np.int64), awards, out)


def _follow(
    calendar: Calendar, batteries: list[Battery], wanted: FloatArray, noise: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Base points and output that the stored energy allows, and what is stored at each run."""
    capacity = np.array([b.energy_mwh for b in batteries])
    power = np.array([b.power_mw for b in batteries])
    into, from_ = (np.array([getattr(b, f"{way}_efficiency") for b in batteries]) for way in ("charge", "discharge"))
    hours = np.diff(np.append(calendar.runs, calendar.period.end)) / 3600
    steps = len(hours)
    base_point, output, soc = (np.empty((steps, len(batteries))) for _ in range(3))
    wanted_by_run, noise_by_run = np.ascontiguousarray(wanted.T), np.ascontiguousarray(noise.T)
    stored, lowest = capacity * FIRST_SOC, capacity * MINIMUM_SOC
    for step in range(steps):
        most = np.minimum((stored - lowest) * from_ / hours[step], power)
        least = -np.minimum((capacity - stored) / (into * hours[step]), power)
        soc[step] = stored
        base_point[step] = np.minimum(np.maximum(wanted_by_run[step], least), most)
        moved = output[step] = np.minimum(np.maximum(base_point[step] + noise_by_run[step], least), most)
        stored = stored - hours[step] * np.where(moved > 0, moved / from_, moved * into)
    return base_point.T, output.T, soc.T


def _awards(
    rng: np.random.Generator,
    ahead: DayAhead,
    hour: IntArray,
    base_point: FloatArray,
    power: FloatArray,
    out: BoolArray,
) -> dict[str, IntArray]:
    """Awards of the run: near those of the day ahead, within what the base point leaves."""
    wanted: dict[str, FloatArray] = {}
    for product, service in SCED_PRODUCTS.items():
        sold = np.maximum(ahead.services[service], 0)[:, hour] / TICKS
        wanted[product] = np.where(rng.random(sold.shape) < 0.1, 0.0, sold * rng.uniform(0.7, 1.2, sold.shape))
    upward = sum((wanted[product] for product in wanted if product != "regdn"), np.zeros_like(base_point))
    fits_up = np.clip((power - base_point) / np.maximum(upward, 1e-9), 0.0, 1.0)
    fits_down = np.clip((power + base_point) / np.maximum(wanted["regdn"], 1e-9), 0.0, 1.0)
    awards: dict[str, IntArray] = {}
    for product, service in SCED_PRODUCTS.items():
        fits = fits_down if product == "regdn" else fits_up
        award = np.floor(wanted[product] * fits * TICKS).astype(np.int64)
        never = (ahead.services[service] == BLANK).all(axis=1, keepdims=True)
        awards[product] = np.where(never | out, BLANK, award)
    return awards
