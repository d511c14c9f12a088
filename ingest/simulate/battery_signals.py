"""What the battery's controllers write: about fifty signals of one system, each with stamps of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.simulate.battery import CELLS, BatteryState, CellSpread
from ingest.simulate.clock import (
    FloatArray,
    IntArray,
    Period,
    Series,
    irregular_stamps,
    random_stream,
    smooth_noise,
    without_gaps,
)
from ingest.simulate.faults import REGISTER_DECIMALS, Register

#: Distances of polls in seconds: slow signals, cell extremes and string values, fire panel.
SLOW_S, FAST_S, PANEL_S = (58, 59, 59, 59, 60), (30, 31), (148, 149, 150)

CELLS_FOLLOWED = 3
PANELS = 5
AUX_POWER_FACTOR = 0.86


@dataclass(frozen=True)
class Alarm:
    """A span during which a fire panel shows something.

    Args:
        signal: flag or code.
        start, end: UTC seconds, half-open.
        value: what it shows; 0 otherwise.
    """

    signal: str
    start: int
    end: int
    value: int


@dataclass(frozen=True)
class SystemSignal:
    """One signal as the system writes it.

    Args:
        name: name of signal and file.
        stamps: UTC seconds of the samples.
        ticks: values in ticks of the last decimal.
        decimals: digits after the point.
        register: the register behind a counter.
    """

    name: str
    stamps: IntArray
    ticks: IntArray
    decimals: int
    register: Register | None = None


@dataclass(frozen=True)
class SystemOutput:
    """Everything one system writes.

    Args:
        signals: by name.
        alarms: what the fire panels showed and when; flags and codes are sent at the change too.
        gaps: spans in which the system was offline.
    """

    signals: dict[str, SystemSignal]
    alarms: list[Alarm]
    gaps: list[tuple[int, int]]


def alarm_plan(period: Period) -> list[Alarm]:
    """A smoke alarm of 810 s (its level returns to 0 after 1200 s), one of 30 s, and two fault codes."""
    smoke = period.at(6, 13, 20, 10)
    blip = period.at(7, 4, 12, 5)
    fault = period.at(3, 8, 5, 0)
    return [
        Alarm("fa3_SmokeFlag", smoke, smoke + 810, 1),
        Alarm("fa3_Level", smoke, smoke + 1200, 2),
        Alarm("fa3_ErrCode", smoke + 40, smoke + 640, 3),
        Alarm("fa5_SmokeFlag", blip, blip + 30, 1),
        Alarm("fa2_ErrCode", fault, fault + 9000, 17),
    ]


def system_output(period: Period, seed: int, state: BatteryState, cells: CellSpread) -> SystemOutput:
    """Sample every signal of the system."""
    gaps = [(period.at(4, 9, 40), period.at(4, 10, 27))]
    alarms = alarm_plan(period)
    signals: dict[str, SystemSignal] = {}

    def stamps_of(name: str, intervals_s: tuple[int, ...]) -> IntArray:
        rng = random_stream(seed, f"stamps {name}")
        # Signals of one system start up to 20 minutes apart.
        first = period.start + int(rng.integers(0, 1200))
        return without_gaps(irregular_stamps(rng, first, period.end, intervals_s, missed=0.003), gaps)

    for name, (decimals, series) in _analogue(period, seed, state, cells).items():
        fast = name in ("bms1_v", "bms1_c", "bms1_cell_max_v", "bms1_cell_min_v")
        panel = name.startswith("fa")
        stamps = stamps_of(name, FAST_S if fast else PANEL_S if panel else SLOW_S)
        ticks = np.rint(series.at(stamps) * 10**decimals).astype(np.int64)
        signals[name] = SystemSignal(name, stamps, ticks, decimals)

    nothing = Series(period.start, np.zeros(len(period.cells)))
    for name, base, flow in (
        ("aux_m_pos_ae", 6120.4, state.aux_kw),
        ("aux_m_neg_ae", 0.0, nothing),
        ("aux_m_com_ae", 6120.4, state.aux_kw),
    ):
        stamps = stamps_of(name, SLOW_S)
        register = Register(stamps, flow.integral_h(stamps), base)
        signals[name] = SystemSignal(name, stamps, register.ticks, REGISTER_DECIMALS, register)

    for panel_number in range(1, PANELS + 1):
        for quantity in ("SmokeFlag", "ErrCode", "Level"):
            name = f"fa{panel_number}_{quantity}"
            mine = [alarm for alarm in alarms if alarm.signal == name]
            changes = np.array([t for alarm in mine for t in (alarm.start, alarm.end)], dtype=np.int64)
            stamps = np.union1d(stamps_of(name, PANEL_S), changes)
            ticks = np.zeros(len(stamps), dtype=np.int64)
            for alarm in mine:
                ticks[(stamps >= alarm.start) & (stamps < alarm.end)] = alarm.value
            signals[name] = SystemSignal(name, stamps, ticks, 0)
    return SystemOutput(signals, alarms, gaps)


def _analogue(period: Period, seed: int, state: BatteryState, cells: CellSpread) -> dict[str, tuple[int, Series]]:
    """Measured quantities: name → (decimals as the reference system shows them, true state)."""
    start = period.start

    def flat(value: float) -> Series:
        return Series(start, np.full(len(period.cells), value))

    def near(name: str, base: FloatArray, scale: float, every_s: int) -> Series:
        return Series(start, base + scale * smooth_noise(random_stream(seed, name), period, every_s))

    def spread(high: Series, low: Series, decimals: int) -> Series:
        # The controller shows the difference of the values it shows.
        return Series(start, np.round(high.values, decimals) - np.round(low.values, decimals))

    dc_v = np.maximum(state.pack_v.values, 1.0)
    humidity = 48.0 - 0.8 * (state.container_t_c.values - 21.0)
    signals: dict[str, tuple[int, Series]] = {
        "bms1_soc": (0, Series(start, state.soc[:-1] * 100.0)),
        "bms1_soh": (0, flat(98.0)),
        "bms1_v": (1, state.pack_v),
        "bms1_c": (1, state.current_a),
        "bms1_cell_max_v": (3, cells.v_max),
        "bms1_cell_min_v": (3, cells.v_min),
        "bms1_cell_ave_v": (3, Series(start, state.pack_v.values / CELLS)),
        "bms1_cell_v_diff": (3, spread(cells.v_max, cells.v_min, 3)),
        "bms1_cell_max_t": (0, cells.t_max),
        "bms1_cell_min_t": (0, cells.t_min),
        "bms1_cell_ave_t": (0, state.cell_t_c),
        "bms1_cell_t_diff": (0, spread(cells.t_max, cells.t_min, 0)),
        "pcs1_ap": (1, state.ac_kw),
        "pcs1_dcv": (1, state.pack_v),
        "pcs1_dcc": (1, Series(start, state.dc_kw.values * 1000.0 / dc_v)),
        "pcs1_t_igbt": (1, state.igbt_t_c),
        "pcs1_t_env": (1, near("pcs1_t_env", state.container_t_c.values + 2.0, 0.2, 900)),
        "ac1_outside_t": (1, state.outside_t_c),
        "ac1_outwater_t": (1, state.water_out_c),
        "ac1_rtnwater_t": (1, state.water_return_c),
        "aux_m_ap": (3, state.aux_kw),
        "aux_m_pf": (3, flat(AUX_POWER_FACTOR)),
        # Three phases of 400 V: I = P / (sqrt(3) U pf).
        "aux_m_i": (2, Series(start, state.aux_kw.values * 1000.0 / (3**0.5 * 400.0 * AUX_POWER_FACTOR))),
        "dh1_temp": (1, near("dh1_temp", state.container_t_c.values, 0.3, 900)),
        "dh1_humi": (1, near("dh1_humi", humidity, 2.0, 3600)),
    }
    for cell in range(CELLS_FOLLOWED):
        signals[f"bms1_p1_v{cell + 1}"] = (3, cells.single_v[cell])
    signals["bms1_p1_t1"] = (0, cells.single_t[0])
    smoke = next(alarm for alarm in alarm_plan(period) if alarm.signal == "fa3_SmokeFlag")
    for panel in range(1, PANELS + 1):
        carbon_monoxide = near(f"fa{panel}_Co", np.full(len(period.cells), 2.0), 0.6, 1800).values
        if panel == 3:
            # Smoke brings carbon monoxide: it builds up with a time constant of 3 minutes and airs out in 10.
            since, after = period.cells - smoke.start, period.cells - smoke.end
            risen = 38.0 * (1 - np.exp(-np.clip(since, 0, smoke.end - smoke.start) / 180.0))
            carbon_monoxide = carbon_monoxide + risen * np.exp(-np.maximum(after, 0) / 600.0)
        signals[f"fa{panel}_Co"] = (0, Series(start, np.maximum(carbon_monoxide, 0.0)))
        signals[f"fa{panel}_T1"] = (1, near(f"fa{panel}_T1", state.container_t_c.values + 0.2 * panel, 0.25, 900))
    return signals
