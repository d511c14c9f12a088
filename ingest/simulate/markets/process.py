"""Seeded prices of a market day: a daily shape, correlated noise, rare spikes and negative hours, congestion, losses.

Prices are whole ticks of the operator's precision from the start; nothing is rounded on the way to a document.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from ingest.simulate.clock import FloatArray, IntArray, random_stream

#: $/MWh of an hour of the day, as it looks in markets with much solar power: a low noon and an evening peak.
SHAPE = (24, 22, 21, 20, 21, 25, 33, 36, 30, 22, 17, 14, 13, 13, 16, 22, 31, 46, 62, 58, 45, 36, 30, 27)
#: Share of the noise that the next interval keeps.
MEMORY = 0.85
NOISE_USD = 4.0
SPIKE_CHANCE, SPIKE_USD = 0.004, 400.0
NEGATIVE_CHANCE, NEGATIVE_USD = 0.01, -35.0
CONGESTION_USD = 2.0
LOSS_SHARE = 0.02


@dataclass(frozen=True)
class Components:
    """Prices of one location over a day in ticks: energy, congestion (positive raises the price), loss.

    Args:
        decimals: of a tick: two are cents.
    """

    energy: IntArray
    congestion: IntArray
    loss: IntArray
    decimals: int

    def at(self, n: int) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Price, energy, congestion and loss of the n-th interval; the last three add up to the first."""
        energy, congestion, loss = int(self.energy[n]), int(self.congestion[n]), int(self.loss[n])
        price = energy + congestion + loss
        return self._decimal(price), self._decimal(energy), self._decimal(congestion), self._decimal(loss)

    def _decimal(self, ticks: int) -> Decimal:
        return Decimal(ticks).scaleb(-self.decimals)


@lru_cache(maxsize=256)
def day_prices(
    seed: int, market: str, day: date, starts: tuple[datetime, ...], zone: ZoneInfo, location: str, decimals: int = 2
) -> Components:
    """Prices of one location over one day; every location of a market shares the energy component.

    Args:
        starts: of the day's intervals.
        location: its congestion and losses are its own.
        decimals: of the operator's prices.
    """
    energy = _energy(seed, market, day, starts, zone)
    rng = random_stream(seed, f"{market} {day} {location}")
    congestion = _correlated(rng, len(starts)) * CONGESTION_USD
    congestion[rng.random(len(starts)) < 0.5] = 0.0
    losses = energy * (random_stream(seed, f"losses {location}").normal() * LOSS_SHARE)
    scale = 10**decimals
    ticks = [np.rint(part * scale).astype(np.int64) for part in (energy, congestion, losses)]
    return Components(ticks[0], ticks[1], ticks[2], decimals)


def day_service_prices(seed: int, market: str, day: date, count: int, product: str) -> list[Decimal]:
    """Clearing prices of one ancillary service over a day, $/MW, in cents; never negative."""
    rng = random_stream(seed, f"{market} {day} {product}")
    level = 1.0 + 9.0 * random_stream(seed, f"level {product}").random()
    cents = np.rint(np.maximum(level + level * _correlated(rng, count), 0.0) * 100).astype(np.int64)
    return [Decimal(int(value)).scaleb(-2) for value in cents]


@lru_cache(maxsize=64)
def _energy(seed: int, market: str, day: date, starts: tuple[datetime, ...], zone: ZoneInfo) -> FloatArray:
    rng = random_stream(seed, f"{market} {day}")
    hours = np.array([start.astimezone(zone).hour for start in starts])
    energy: FloatArray = np.array(SHAPE, dtype=np.float64)[hours] + _correlated(rng, len(starts)) * NOISE_USD
    energy[rng.random(len(starts)) < SPIKE_CHANCE] += SPIKE_USD
    energy[rng.random(len(starts)) < NEGATIVE_CHANCE] += NEGATIVE_USD
    return energy


def _correlated(rng: np.random.Generator, count: int) -> FloatArray:
    """First-order autoregressive noise of unit variance."""
    steps = rng.normal(size=count) * (1 - MEMORY**2) ** 0.5
    noise = np.empty(count)
    value = rng.normal()
    for n in range(count):
        value = MEMORY * value + steps[n]
        noise[n] = value
    return noise


#: MW of an hour of the day as a share of its highest.
LOAD_SHAPE = (
    68, 65, 63, 62, 63, 67, 74, 80, 82, 82, 81, 81, 82, 83, 85, 88, 93, 98, 100, 99, 95, 88, 80, 73,
)  # fmt: skip


def day_loads(
    seed: int, report: str, day: date, starts: tuple[datetime, ...], zone: ZoneInfo, area: str
) -> list[Decimal]:
    """Load of one area over one day in MW, to two decimals; each report and model has its own noise.

    Args:
        starts: of the day's intervals.
    """
    level = 1000 + 9000 * random_stream(seed, f"load {area}").random()
    noise = _correlated(random_stream(seed, f"{report} {day} {area}"), len(starts))
    shape = np.array([LOAD_SHAPE[start.astimezone(zone).hour] for start in starts]) / 100
    hundredths = np.rint(level * (shape + 0.01 * noise) * 100).astype(np.int64)
    return [Decimal(int(value)).scaleb(-2) for value in hundredths]
