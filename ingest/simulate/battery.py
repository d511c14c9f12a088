"""Site `werk`: a battery system of 100 kW and 200 kWh, step by step.

Cells follow open-circuit voltage over state of charge less the drop over their resistance; state of charge integrates
current; heat is what the resistance turns power into. Numbers of the cells are those of common prismatic LFP cells,
rounded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ingest.simulate.clock import STEP_S, FloatArray, Period, Series, random_stream, smooth_noise

CELLS = 260
"""Cells in series: five packs of 52, as in the reference system."""

RATED_KW = 100.0
CAPACITY_KWH = 200.0
PCS_EFFICIENCY = 0.972
"""One way, DC to AC or back; 0.96 to 0.98 is usual for inverters of this size."""

COULOMB_EFFICIENCY = 0.998
CELL_OHM = 0.00042
HEAT_CAPACITY_J_K = CELLS * 4.2 * 1000.0
"""260 cells of 4.2 kg at about 1 kJ/(kg K)."""

COOLING_W_K = 160.0
"""Heat that leaves the cells per kelvin above the container: time constant about two hours."""

#: Open-circuit voltage of an LFP cell over state of charge (flat in the middle, steep at both ends).
OCV_SOC = (0.0, 0.05, 0.10, 0.20, 0.30, 0.40, 0.60, 0.70, 0.90, 0.95, 1.0)
OCV_V = (2.90, 3.12, 3.20, 3.245, 3.27, 3.29, 3.30, 3.325, 3.335, 3.35, 3.45)

_OCV = np.interp(np.linspace(0.0, 1.0, 1001), OCV_SOC, OCV_V)
CHARGE_AH = CAPACITY_KWH * 1000.0 / (CELLS * float(np.mean(_OCV)))
"""Charge of the string such that a full sweep of the open-circuit curve holds `CAPACITY_KWH`."""


def open_circuit_v(soc: FloatArray) -> FloatArray:
    """Open-circuit voltage of a cell at a state of charge of 0..1."""
    return np.interp(soc, OCV_SOC, OCV_V)


@dataclass(frozen=True)
class BatteryState:
    """True state per cell of time; powers and currents are + while discharging.

    Args:
        ac_kw: power at the AC terminals.
        dc_kw: power at the battery terminals.
        current_a: string current.
        pack_v: string voltage.
        soc: state of charge (0..1) at the START of each time cell; one value more for the end.
        loss_kw: heat in the cells.
        cell_t_c: mean cell temperature.
        igbt_t_c, container_t_c, outside_t_c, water_out_c, water_return_c: other temperatures.
        aux_kw: auxiliary power (controls, pumps, chiller).
    """

    ac_kw: Series
    dc_kw: Series
    current_a: Series
    pack_v: Series
    soc: FloatArray
    loss_kw: Series
    cell_t_c: Series
    igbt_t_c: Series
    container_t_c: Series
    outside_t_c: Series
    water_out_c: Series
    water_return_c: Series
    aux_kw: Series

    @property
    def charging_kw(self) -> Series:
        """Power taken from the grid."""
        return Series(self.ac_kw.start, np.maximum(-self.ac_kw.values, 0.0))

    @property
    def discharging_kw(self) -> Series:
        """Power given to the grid."""
        return Series(self.ac_kw.start, np.maximum(self.ac_kw.values, 0.0))


def schedule(period: Period, seed: int) -> tuple[FloatArray, FloatArray]:
    """Set points a day: charge at night and noon, discharge in the morning and the evening peak.

    Returns:
        per time cell: wished AC power in kW (+ = discharge) and the state of charge at which it stops.
    """
    rng = random_stream(seed, "schedule")
    power, target = np.zeros(len(period.cells)), np.zeros(len(period.cells))
    for day in range(period.days):
        for start, end, kw, stop in (
            ((2, 5), (5, 40), -rng.uniform(32, 46), rng.uniform(0.55, 0.70)),
            ((6, 20), (9, 10), rng.uniform(45, 80), rng.uniform(0.24, 0.36)),
            ((11, 0), (15, 30), -rng.uniform(40, 62), rng.uniform(0.88, 0.95)),
            ((17, 15), (22, 0), rng.uniform(48, 97), rng.uniform(0.07, 0.18)),
        ):
            first, last = ((period.at(day, *t) - period.start) // STEP_S for t in (start, end))
            power[first:last], target[first:last] = kw, stop
    return power * (1 + 0.03 * smooth_noise(rng, period, 120)), target


def simulate_battery(period: Period, seed: int) -> BatteryState:
    """Run the battery through its schedule, one time cell of `STEP_S` seconds after the other."""
    rng = random_stream(seed, "battery")
    wished, stops = (a.tolist() for a in schedule(period, seed))
    outside = (
        9.0 + 4.5 * np.sin(2 * np.pi * (period.hour_of_day - 9.0) / 24.0) + 1.5 * smooth_noise(rng, period, 6 * 3600)
    )
    container = 21.0 + 0.15 * (outside - 9.0) + 0.3 * smooth_noise(rng, period, 1800)
    string_ohm, hours, ocv = CELLS * CELL_OHM, STEP_S / 3600.0, _OCV.tolist()
    soc, kw, cell_t, igbt_t = 0.52, 0.0, 23.5, 24.0
    columns: list[list[float]] = [[] for _ in range(7)]
    socs = [soc]
    for wish, stop, around in zip(wished, stops, container.tolist(), strict=True):
        # Power tapers over the last 2 % before the stop and moves by at most 20 kW a step, as a PCS ramps.
        room = (soc - stop if wish > 0 else stop - soc) / 0.02
        goal = wish * min(1.0, max(0.0, room)) if wish else 0.0
        if abs(goal) < 0.5:
            goal = 0.0
        kw += min(20.0, max(-20.0, goal - kw))
        dc_kw = kw / PCS_EFFICIENCY if kw > 0 else kw * PCS_EFFICIENCY
        position = soc * 1000.0
        low = min(int(position), 999)
        open_v = CELLS * (ocv[low] + (ocv[low + 1] - ocv[low]) * (position - low))
        # Terminal power P = (V0 - I R) I solved for the current.
        amps = (open_v - math.sqrt(open_v * open_v - 4.0 * string_ohm * dc_kw * 1000.0)) / (2.0 * string_ohm)
        loss_kw = amps * amps * string_ohm / 1000.0
        for column, value in zip(
            columns, (kw, dc_kw, amps, open_v - amps * string_ohm, loss_kw, cell_t, igbt_t), strict=True
        ):
            column.append(value)
        soc -= amps * hours / CHARGE_AH * (1.0 if amps > 0 else COULOMB_EFFICIENCY)
        socs.append(soc)
        cell_t += (loss_kw * 1000.0 - COOLING_W_K * (cell_t - around)) * STEP_S / HEAT_CAPACITY_J_K
        # Heat sink of the power stack: 0.32 K a kW above the container, time constant two minutes.
        igbt_t += (around + 2.0 + 0.32 * abs(kw) - igbt_t) * STEP_S / 120.0
    ac, dc, current, pack, loss, cell, igbt = (np.array(column) for column in columns)
    heat_out_kw = COOLING_W_K / 1000.0 * np.maximum(cell - container, 0.0)
    # The chiller holds its outlet; water at 0.25 kg/s (4.19 kJ/(kg K)) warms by the heat it takes away.
    water_out = 18.0 + 0.4 * smooth_noise(rng, period, 900)
    water_return = water_out + heat_out_kw / (0.25 * 4.19)
    # Controls and pumps run always; the chiller's compressor has a coefficient of performance of about 3.
    aux = 0.85 + 0.5 * (np.abs(ac) > 0.5) + heat_out_kw / 3.0 + 0.02 * smooth_noise(rng, period, 60)

    def series(values: FloatArray) -> Series:
        return Series(period.start, values)

    return BatteryState(
        ac_kw=series(ac),
        dc_kw=series(dc),
        current_a=series(current),
        pack_v=series(pack),
        soc=np.array(socs),
        loss_kw=series(loss),
        cell_t_c=series(cell),
        igbt_t_c=series(igbt),
        container_t_c=series(container),
        outside_t_c=series(outside),
        water_out_c=series(water_out),
        water_return_c=series(water_return),
        aux_kw=series(aux),
    )


@dataclass(frozen=True)
class CellSpread:
    """The cells of the string one by one, condensed: extremes over all 260, and a few followed singly.

    Args:
        v_max, v_min: highest and lowest cell voltage.
        t_max, t_min: highest and lowest cell temperature in °C.
        single_v, single_t: voltage and temperature of the first cells of pack 1.
    """

    v_max: Series
    v_min: Series
    t_max: Series
    t_min: Series
    single_v: list[Series]
    single_t: list[Series]


def spread_cells(state: BatteryState, seed: int, followed: int) -> CellSpread:
    """Give every cell its own state of charge, resistance and place in the cooling, averaging to the string's.

    A cell's voltage is OCV + slope x (its deviation in charge) - current x (its resistance), so the spread grows with
    current and towards an empty string, where the curve is steep.
    """
    rng = random_stream(seed, "cells")
    charge, resistance, place = (_centred(rng, scale) for scale in (0.006, 0.05, 0.10))
    soc = state.soc[:-1]
    slope = (open_circuit_v(np.minimum(soc + 0.005, 1.0)) - open_circuit_v(np.maximum(soc - 0.005, 0.0))) / 0.01
    drop = state.current_a.values * CELL_OHM
    mean_v = state.pack_v.values / CELLS
    warm = state.cell_t_c.values - state.container_t_c.values
    v_max, v_min = np.empty_like(soc), np.empty_like(soc)
    for at in range(0, len(soc), 4096):  # bounds the matrix of cells x instants to a few MB
        part = slice(at, at + 4096)
        off = np.outer(slope[part], charge) - np.outer(drop[part], resistance)
        v_max[part], v_min[part] = mean_v[part] + off.max(axis=1), mean_v[part] + off.min(axis=1)
    hot, cold = float(place.max()), float(place.min())
    edges_t = state.cell_t_c.values + hot * warm + 0.8, state.cell_t_c.values + cold * warm - 0.7
    start = state.ac_kw.start

    def voltage(cell: int) -> Series:
        return Series(start, mean_v + slope * charge[cell] - drop * resistance[cell])

    def temperature(cell: int) -> Series:
        return Series(start, state.cell_t_c.values + place[cell] * warm)

    return CellSpread(
        Series(start, v_max),
        Series(start, v_min),
        Series(start, np.maximum(*edges_t)),
        Series(start, np.minimum(*edges_t)),
        [voltage(cell) for cell in range(followed)],
        [temperature(cell) for cell in range(followed)],
    )


def _centred(rng: np.random.Generator, scale: float) -> FloatArray:
    """Normal deviations of all cells, at most three scales wide, with a mean of exactly zero."""
    values = np.clip(rng.normal(0.0, scale, CELLS), -3 * scale, 3 * scale)
    return np.asarray(values - values.mean(), dtype=np.float64)
