"""Facts from the simulator's state: what a right pipeline must find, how exactly, and why."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import numpy as np

from ingest.simulate.battery import CAPACITY_KWH, COULOMB_EFFICIENCY, BatteryState
from ingest.simulate.battery_signals import SystemOutput, SystemSignal
from ingest.simulate.clock import IntArray, Period, Series
from ingest.simulate.faults import TICKS_PER_KWH, CounterEvent, Register
from ingest.simulate.meters import FUSE_KW, LoadProfile, Meter
from ingest.simulate.truth import Fact, Number

EXACT = "whole ticks of the register: exact"
AS_WRITTEN = "an extreme or count of what was written: exact"
#: A day's edge lies between two samples a minute apart. All power in one half of that minute is the worst that a
#: straight line between them can meet: a quarter of the minute at full power.
EDGE_KWH = round(FUSE_KW * 60 / 3600 / 4, 3)


def meter_facts(asset_id: str, meter: Meter, period: Period) -> list[Fact]:
    """Energy of the counters, power and power factor of one meter."""
    facts: list[Fact] = []
    for name, register in meter.registers.items():
        facts += counter_facts(asset_id, name, register, meter.flows_kw[name], period)
    facts += daily_extremes(asset_id, "com_ap", meter.stamps, meter.com_ap_ticks(), 3, period)
    means = meter.active_kw.per_span(period.edges) / (np.diff(period.edges) / 3600.0)
    broken = {int(d) for gap in meter.gaps for d in period.day_index(np.array(gap, dtype=np.int64))}
    for n, day in enumerate(period.dates):
        whole = n not in broken
        reason = "power is sampled every 30 to 60 s" if whole else "power inside a gap is not known: not compared"
        facts.append(
            Fact("mean_power_day_kw", asset_id, "com_ap", day, float(means[n]), 0.03 if whole else None, reason)
        )
    active = float(np.abs(meter.active_kw.values).sum())
    facts.append(
        Fact(
            "power_factor",
            asset_id,
            "pf",
            None,
            active / float(meter.apparent_kva.values.sum()),
            0.01,
            "rolled up through active and apparent power, both sampled every 30 to 60 s and shown with three decimals",
        )
    )
    return facts


def counter_facts(asset_id: str, signal: str, register: Register, flow_kw: Series, period: Period) -> list[Fact]:
    """What a counter tells by the documented rules (exact), and the true flow (as far as its faults let it through)."""
    facts = [Fact("register_energy_kwh", asset_id, signal, None, kwh(register.total_ticks), 0.0, EXACT)]
    by_day = register.ticks_per_span(period.edges) / TICKS_PER_KWH
    true_by_day = flow_kw.per_span(period.edges)
    events = register.events
    missed = sum(_missed_kwh(register, event, flow_kw) for event in events if event.kind in ("correction", "reset"))
    facts.append(
        Fact(
            "true_energy_kwh",
            asset_id,
            signal,
            None,
            float(true_by_day.sum()),
            round(2 * EDGE_KWH + missed, 3),
            "what corrections and the change of the meter hide; open ends before the first and after the last sample",
        )
    )
    faulty = {
        int(n)
        for event in events
        if event.kind != "spike"
        for n in np.unique(period.day_index(np.array([event.span_start, event.occurred_at], dtype=np.int64)))
    }
    for n, day in enumerate(period.dates):
        facts.append(
            Fact(
                "register_energy_day_kwh",
                asset_id,
                signal,
                day,
                float(by_day[n]),
                0.000002,
                "linear between the samples on both sides of midnight; the two edges are cut to 0.000001 kWh",
            )
        )
        reason = "linear between the samples on both sides of midnight, at most a minute apart"
        if n in faulty:
            reason = "the counter was frozen, replaced or corrected on this day: not compared"
        tolerance = None if n in faulty else 2 * EDGE_KWH
        facts.append(Fact("true_energy_day_kwh", asset_id, signal, day, float(true_by_day[n]), tolerance, reason))
    return facts


def _missed_kwh(register: Register, event: CounterEvent, flow_kw: Series) -> float:
    """True energy over the step of a reset or correction, less what the register counts there."""
    index = int(np.searchsorted(register.stamps, event.occurred_at))
    flowed = float(flow_kw.per_span(register.stamps[index - 1 : index + 1])[0])
    return flowed - (event.size_ticks / TICKS_PER_KWH if event.kind == "correction" else 0.0)


def profile_facts(asset_id: str, profile: LoadProfile, period: Period) -> list[Fact]:
    """Energy, peak and number of quarters of the load profile: all exact, its values are what the operator bills."""
    signal = "Wirkleistung"
    # A tick is 0.1 kW over a quarter of an hour: 0.025 kWh.
    per_tick = Decimal("0.025")
    day_of = period.day_index(profile.interval_starts)
    facts = [Fact("profile_energy_kwh", asset_id, signal, None, int(profile.ticks.sum()) * per_tick, 0.0, AS_WRITTEN)]
    facts += daily_extremes(asset_id, signal, profile.interval_starts, profile.ticks, 1, period)
    for n, day in enumerate(period.dates):
        energy = int(profile.ticks[day_of == n].sum()) * per_tick
        facts.append(Fact("profile_energy_day_kwh", asset_id, signal, day, energy, 0.0, AS_WRITTEN))
    return facts


def daily_extremes(
    asset_id: str, signal: str, stamps: IntArray, ticks: IntArray, decimals: int, period: Period
) -> list[Fact]:
    """Number, highest and lowest of the written values by local day."""
    facts = []
    day_of = period.day_index(stamps)
    for n, day in enumerate(period.dates):
        mine = ticks[day_of == n]
        facts.append(Fact("samples_day", asset_id, signal, day, len(mine), 0.0, AS_WRITTEN))
        if len(mine):
            facts.append(Fact("highest_day", asset_id, signal, day, shown(mine.max(), decimals), 1e-9, AS_WRITTEN))
            facts.append(Fact("lowest_day", asset_id, signal, day, shown(mine.min(), decimals), 1e-9, AS_WRITTEN))
    return facts


def battery_facts(asset_id: str, state: BatteryState, output: SystemOutput, period: Period) -> list[Fact]:
    """Daily figures of the battery system."""
    facts: list[Fact] = []

    def per_day(what: str, values: list[Number], tolerances: list[float], reason: str) -> None:
        for day, value, tolerance in zip(period.dates, values, tolerances, strict=True):
            facts.append(Fact(what, asset_id, "", day, value, tolerance, reason))

    zero = [1e-9] * period.days
    charge, discharge = (f.per_span(period.edges) for f in (state.charging_kw, state.discharging_kw))
    sampled = "power is sampled every 59 s while it ramps within seconds: 1 % and 0.5 kWh"
    for what, energy in (("charge_kwh", charge), ("discharge_kwh", discharge)):
        per_day(what, energy.tolist(), [round(0.5 + 0.01 * e, 3) for e in energy.tolist()], sampled)
    cycles = (discharge / CAPACITY_KWH).tolist()
    per_day("full_cycles", cycles, [round(0.0025 + 0.01 * c, 5) for c in cycles], sampled)

    soc = output.signals["bms1_soc"]
    per_day("soc_min_pct", _per_day(soc, period, "min"), zero, AS_WRITTEN)
    per_day("soc_max_pct", _per_day(soc, period, "max"), zero, AS_WRITTEN)
    per_day("soc_last_pct", _per_day(soc, period, "last"), zero, AS_WRITTEN)
    per_day("soh_pct", _per_day(output.signals["bms1_soh"], period, "last"), zero, AS_WRITTEN)
    spread = output.signals["bms1_cell_v_diff"]
    per_day("cell_v_spread_max_v", _per_day(spread, period, "max"), zero, AS_WRITTEN)
    per_day("cell_t_max_c", _per_day(output.signals["bms1_cell_max_t"], period, "max"), zero, AS_WRITTEN)

    aux = output.signals["aux_m_pos_ae"].register
    if aux is None:
        raise ValueError("aux_m_pos_ae is a counter and needs its register")
    aux_days = (aux.ticks_per_span(period.edges) / TICKS_PER_KWH).tolist()
    linear = "linear between the samples on both sides of midnight; the two edges are cut to 0.000001 kWh"
    per_day("aux_kwh", aux_days, [0.000002] * period.days, linear)

    on_change = "panels send a flag or code when it changes, to the second: exact"
    seconds = [0] * period.days
    for alarm in output.alarms:
        day = int(period.day_index(np.array([alarm.start], dtype=np.int64))[0])
        active = alarm.end - alarm.start
        facts.append(Fact("active_seconds", asset_id, alarm.signal, period.dates[day], active, 1e-9, on_change))
        # Flags and levels are alarms; a fault code says what is wrong and is none by itself.
        seconds[day] += 0 if alarm.signal.endswith("ErrCode") else active
    per_day("alarm_seconds", list(seconds), zero, on_change)
    facts.append(
        Fact(
            "round_trip_efficiency",
            asset_id,
            "",
            None,
            true_round_trip(state),
            0.015,
            "sampled power; the charge left at both ends is known to 1 % of the nominal capacity only",
        )
    )
    return facts


def true_round_trip(state: BatteryState) -> float:
    """Efficiency of a full round trip, AC to AC: share stored while charging times share returned while discharging.

    The difference between the state of charge at both ends does not enter, because each way is taken for itself.
    """
    chemical_kw = state.dc_kw.values + state.loss_kw.values
    stored = COULOMB_EFFICIENCY * float(np.maximum(-chemical_kw, 0.0).sum())
    taken = float(np.maximum(chemical_kw, 0.0).sum())
    charged, discharged = float(state.charging_kw.values.sum()), float(state.discharging_kw.values.sum())
    return stored / charged * discharged / taken


def _per_day(signal: SystemSignal, period: Period, how: Literal["min", "max", "last"]) -> list[Number]:
    days = np.split(signal.ticks, np.searchsorted(signal.stamps, period.edges[1:-1]))
    picked = [{"min": ticks.min(), "max": ticks.max(), "last": ticks[-1]}[how] for ticks in days]
    return [shown(int(tick), signal.decimals) for tick in picked]


def kwh(ticks: int) -> Decimal:
    """Register ticks as exact kWh."""
    return Decimal(ticks) / TICKS_PER_KWH


def shown(ticks: int, decimals: int) -> Decimal:
    """A written value, exact."""
    return Decimal(int(ticks)).scaleb(-decimals)
