"""Simulated prices: day-ahead and real time at the nodes, and of ancillary services."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.simulate.clock import FloatArray, IntArray, random_stream
from ingest.simulate.fleet.calendar import Calendar

#: What capacity is paid for → mean day-ahead price in $/MW.
PRODUCTS = {"regup": 6.0, "regdown": 3.5, "rrs": 4.0, "ecrs": 5.0, "nonspin": 2.5}
#: $/MWh by local hour: the sun at noon, the ramp after it.
SHAPE = np.array(
    [24, 22, 21, 20, 21, 25, 32, 30, 22, 15, 11, 9, 8, 9, 12, 17, 27, 48, 72, 66, 50, 38, 31, 27], dtype=np.float64
)
CAP = 5_000.0


@dataclass(frozen=True)
class Prices:
    """Prices in cents; a price of nothing does not exist.

    Args:
        nodes: names of the settlement points.
        day_ahead: [node, hour], $/MWh in cents.
        real_time: [node, quarter], $/MWh in cents.
        day_ahead_services: product → [hour], $/MW in cents.
        real_time_services: product → [quarter], $/MW for an hour, in cents.
    """

    nodes: list[str]
    day_ahead: IntArray
    real_time: IntArray
    day_ahead_services: dict[str, IntArray]
    real_time_services: dict[str, IntArray]


def simulate_prices(calendar: Calendar, nodes: list[str], seed: int) -> Prices:
    """Prices with a daily shape, differences between nodes, noise, negative hours and scarcity."""
    rng = random_stream(seed, "prices")
    days = calendar.period.days
    clock_hour = (calendar.period.local(calendar.hours) % 86_400) // 3600
    day = calendar.period.day_index(calendar.hours)
    level = rng.lognormal(0.0, 0.35, days)[day]
    system = SHAPE[clock_hour] * level
    basis = rng.normal(0.0, 0.08, (len(nodes), 1))
    day_ahead = system * (1 + basis) + rng.normal(0.0, 2.0, (len(nodes), len(system)))

    of_quarter = calendar.hour_of(calendar.quarters)
    count = len(calendar.quarters)
    scarce = rng.random(count) < 0.004
    shift = _correlated(rng, count, 6.0) + np.where(scarce, rng.gamma(2.0, 250.0, count), 0.0)
    real_time = day_ahead[:, of_quarter] + shift + rng.normal(0.0, 1.0, (len(nodes), count))
    tight = np.clip(system / 40.0, 0.3, 3.0)
    services = {name: _cents(mean * tight * rng.gamma(2.0, 0.5, len(system))) for name, mean in PRODUCTS.items()}
    now = {
        name: _cents(np.where(scarce, 20.0, 0.4) * mean * tight[of_quarter] * rng.gamma(1.0, 1.0, count))
        for name, mean in PRODUCTS.items()
    }
    return Prices(nodes, _cents(day_ahead), _cents(real_time), services, now)


def _correlated(rng: np.random.Generator, count: int, size: float) -> FloatArray:
    """Noise that decays over two hours."""
    kernel = 0.9 ** np.arange(48)
    noise = rng.normal(0.0, size * np.sqrt(1 - 0.9**2), count + len(kernel) - 1)
    return np.convolve(noise, kernel, mode="valid")


def _cents(dollars: FloatArray) -> IntArray:
    return np.rint(np.clip(dollars, -250.0, CAP) * 100).astype(np.int64)
