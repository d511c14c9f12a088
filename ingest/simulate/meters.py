"""Site `hof`: a farm with two smart meters and a metered cold store.

m1 sits between the grid and a house with photovoltaics, so it counts both ways; m2 feeds a workshop. Powers stay below
the 17.25 kW of a domestic connection (3 x 25 A at 230 V). The cold store's energy comes as a load profile of 15-minute
means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.simulate.clock import (
    STEP_S,
    FloatArray,
    IntArray,
    Period,
    Series,
    irregular_stamps,
    random_stream,
    smooth_noise,
    without_gaps,
)
from ingest.simulate.faults import Register

#: Local days the faults lie on, counted from 0; the period must hold them all.
LAST_FAULT_DAY = 7

#: Loads stay below this, well under the connection's limit (kW).
FUSE_KW = 12.0

#: Place of the site, for the sun.
LATITUDE_DEG, LONGITUDE_DEG = 52.5, 13.4


@dataclass(frozen=True)
class Meter:
    """A smart meter: its state, its samples and its registers.

    Args:
        name: folder of its files.
        active_kw: active power, + = import.
        reactive_kvar: reactive power.
        stamps: UTC seconds of the gateway's reads; one read takes all signals.
        registers: pos_ae, neg_ae and com_ae (their sum) with the faults they suffer.
        flows_kw: the true power behind each register.
        gaps: spans without reads (start, end), of which the last `late_gaps` arrive in a later delivery.
    """

    name: str
    active_kw: Series
    reactive_kvar: Series
    stamps: IntArray
    registers: dict[str, Register]
    flows_kw: dict[str, Series]
    gaps: list[tuple[int, int]]

    @property
    def apparent_kva(self) -> Series:
        """Apparent power."""
        return Series(self.active_kw.start, np.hypot(self.active_kw.values, self.reactive_kvar.values))

    def com_ap_ticks(self) -> IntArray:
        """Active power at each read, in W."""
        return np.rint(self.active_kw.at(self.stamps) * 1000).astype(np.int64)

    def pf_ticks(self) -> IntArray:
        """Power factor at each read in thousandths, negative while exporting."""
        apparent = np.maximum(self.apparent_kva.at(self.stamps), 1e-9)
        return np.rint(self.active_kw.at(self.stamps) / apparent * 1000).astype(np.int64)


def appliances(
    rng: np.random.Generator,
    period: Period,
    per_day: float,
    power_kw: tuple[float, float],
    minutes: tuple[float, float],
    hours: tuple[float, float],
) -> FloatArray:
    """Power in kW of appliances switched on at random within `hours` of the local day, one value a state cell."""
    starts: list[int] = []
    for day in range(period.days):
        base = period.at(day)
        count = int(rng.poisson(per_day))
        starts += (base + rng.uniform(hours[0] * 3600, hours[1] * 3600, count)).astype(int).tolist()
    begin = (np.array(starts, dtype=np.int64) - period.start) // STEP_S
    length = (rng.uniform(*minutes, len(begin)) * 60 / STEP_S).astype(np.int64)
    power = rng.uniform(*power_kw, len(begin))
    edges = np.zeros(len(period.cells) + 1)
    np.add.at(edges, np.minimum(begin, len(period.cells)), power)
    np.add.at(edges, np.minimum(begin + length, len(period.cells)), -power)
    # Rounding of the running sum must not leave a negative power where nothing is on.
    return np.maximum(np.cumsum(edges[:-1]), 0.0)


def sun_elevation_sin(period: Period) -> FloatArray:
    """Sine of the sun's elevation per state cell (Cooper's declination; equation of time left out: < 17 minutes)."""
    days = period.cells / 86_400.0
    day_of_year = (days - 0.5) % 365.25
    declination = np.radians(23.45) * np.sin(2 * np.pi * (284 + day_of_year) / 365.25)
    hour_angle = np.radians(15.0 * ((days % 1.0) * 24.0 - 12.0) + LONGITUDE_DEG)
    latitude = np.radians(LATITUDE_DEG)
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    return np.asarray(sine, dtype=np.float64)


def photovoltaics_kw(rng: np.random.Generator, period: Period, peak_kw: float) -> FloatArray:
    """Feed-in of a roof of `peak_kw` under passing clouds; nothing below the horizon."""
    sine = np.maximum(sun_elevation_sin(period), 0.0)
    clearness = np.clip(
        0.62 + 0.22 * smooth_noise(rng, period, 6 * 3600) + 0.12 * smooth_noise(rng, period, 600), 0.05, 1
    )
    # Air mass takes more of a low sun: exponent 1.15 is a usual fit of clear-sky output over sin(elevation).
    return np.asarray(peak_kw * 0.85 * sine**1.15 * clearness, dtype=np.float64)


def _meter(
    name: str,
    seed: int,
    period: Period,
    active_kw: FloatArray,
    reactive_kvar: FloatArray,
    base_kwh: dict[str, float],
    intervals_s: tuple[int, ...],
    gaps: list[tuple[int, int]],
) -> Meter:
    """Sample a meter: reads at irregular distances, registers without faults yet."""
    rng = random_stream(seed, f"{name} reads")
    first = period.start + int(rng.integers(1, 40))
    stamps = without_gaps(irregular_stamps(rng, first, period.end, intervals_s, missed=0.002), gaps)
    active = Series(period.start, active_kw)
    flows = {
        "pos_ae": Series(period.start, np.maximum(active_kw, 0.0)),
        "neg_ae": Series(period.start, np.maximum(-active_kw, 0.0)),
        "com_ae": Series(period.start, np.abs(active_kw)),
    }
    registers = {n: Register(stamps, flow.integral_h(stamps), base_kwh[n]) for n, flow in flows.items()}
    return Meter(name, active, Series(period.start, reactive_kvar), stamps, registers, flows, gaps)


def house(period: Period, seed: int) -> Meter:
    """m1: house with photovoltaics; small corrections and a spike of pos_ae, a frozen com_ae."""
    rng = random_stream(seed, "house")
    load = 0.25 + 0.08 * (np.sin(2 * np.pi * period.cells / 2700.0) > 0.2)
    load = load + appliances(rng, period, 14, (0.05, 0.6), (10, 90), (6, 22.5))
    load = load + appliances(rng, period, 4, (1.0, 2.4), (4, 35), (6.5, 21))
    load = load + appliances(rng, period, 0.5, (3.5, 5.5), (60, 150), (17, 21))
    load = np.minimum(load * (1 + 0.02 * smooth_noise(rng, period, 60)), FUSE_KW)
    active = load - photovoltaics_kw(rng, period, 9.0)
    # Electronics and small motors: reactive power rises a little with the load.
    reactive = 0.06 + 0.18 * load
    gaps = [(period.at(1, 14, 10), period.at(1, 16, 25))]
    bases = {"pos_ae": 4812.337, "neg_ae": 2930.118, "com_ae": 7742.455}
    meter = _meter("m1", seed, period, active, reactive, bases, tuple(range(30, 61)), gaps)

    drawn = meter.registers["pos_ae"]
    # Each correction is larger than any honest step of this house: a smaller one would look like a spike.
    for day, hour, ticks in ((0, 19, 620), (2, 7, 760), (4, 18, 981), (6, 6, 810), (7, 20, 544)):
        drawn.correct(period.at(day, hour, 17), ticks)
    drawn.spike(period.at(6, 11, 42), 412_300)
    meter.registers["com_ae"].freeze(period.at(2, 20, 5), period.at(3, 23, 40))
    return meter


def workshop(period: Period, seed: int) -> Meter:
    """m2: workshop; the meter is replaced once (all registers restart), com_ae reads zero for one sample."""
    rng = random_stream(seed, "workshop")
    working = (period.hour_of_day > 7) & (period.hour_of_day < 17)
    weekend = np.isin(period.day_index(period.cells), [n for n, day in enumerate(period.dates) if day.weekday() >= 5])
    motors = appliances(rng, period, 22, (0.8, 2.6), (8, 60), (7, 16)) * (working & ~weekend)
    compressor = 1.6 * (np.sin(2 * np.pi * period.cells / 1900.0 + smooth_noise(rng, period, 3600)) > 0.45)
    motors = np.minimum(motors + compressor, FUSE_KW - 1.0)
    active = 0.18 + motors * (1 + 0.03 * smooth_noise(rng, period, 60))
    # Induction motors draw a magnetising current even when lightly loaded.
    reactive = 0.05 + 0.62 * motors
    swap = (period.at(7, 9, 30), period.at(7, 10, 8))
    gaps = [(period.at(3, 2, 0), period.at(3, 2, 50)), swap]
    bases = {"pos_ae": 8123.456, "neg_ae": 0.0, "com_ae": 8123.456}
    meter = _meter("m2", seed, period, active, reactive, bases, (54, 57, 58, 59, 60), gaps)

    installed = np.array([swap[1] - 300], dtype=np.int64)
    for name in ("pos_ae", "com_ae"):
        meter.registers[name].replace_meter(swap[1], float(meter.flows_kw[name].integral_h(installed)[0]))
    meter.registers["com_ae"].spike(period.at(4, 13, 5), None)
    return meter


@dataclass(frozen=True)
class LoadProfile:
    """A load profile of 15-minute means.

    Args:
        name: stem of its file.
        active_kw: true power.
        interval_starts: UTC seconds of the quarters' starts.
        ticks: mean power of each quarter in tenths of a kW.
    """

    name: str
    active_kw: Series
    interval_starts: IntArray
    ticks: IntArray


def cold_store(period: Period, seed: int) -> LoadProfile:
    """Cold store: compressors that work harder by day."""
    rng = random_stream(seed, "cold store")
    by_day = 1.0 + 0.35 * np.sin(2 * np.pi * (period.hour_of_day - 9.0) / 24.0)
    compressors = 3.4 * by_day * (1 + 0.12 * smooth_noise(rng, period, 3600))
    doors = appliances(rng, period, 9, (0.8, 2.2), (10, 40), (6, 18))
    power = Series(period.start, np.clip(1.2 + compressors + doors, 0.8, FUSE_KW))
    starts = np.arange(period.start, period.end, 900, dtype=np.int64)
    energy_kwh = power.per_span(np.append(starts, period.end))
    return LoadProfile("lastgang_sim", power, starts, np.rint(energy_kwh * 4 * 10).astype(np.int64))
