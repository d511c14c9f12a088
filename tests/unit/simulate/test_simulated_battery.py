"""The simulated battery obeys physics: nothing is created, limits hold, cells stay in order."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from ingest.simulate.battery import (
    CAPACITY_KWH,
    CELL_OHM,
    CELLS,
    CHARGE_AH,
    COOLING_W_K,
    COULOMB_EFFICIENCY,
    HEAT_CAPACITY_J_K,
    PCS_EFFICIENCY,
    RATED_KW,
    BatteryState,
    CellSpread,
    open_circuit_v,
    simulate_battery,
    spread_cells,
)
from ingest.simulate.battery_signals import SystemOutput, system_output
from ingest.simulate.clock import STEP_S, Period
from ingest.simulate.facts import true_round_trip

PERIOD = Period("Europe/Berlin", date(2025, 10, 20), 14)
HOURS = STEP_S / 3600.0


@pytest.fixture(scope="module")
def state() -> BatteryState:
    return simulate_battery(PERIOD, 7)


@pytest.fixture(scope="module")
def cells(state: BatteryState) -> CellSpread:
    return spread_cells(state, 7, 3)


@pytest.fixture(scope="module")
def output(state: BatteryState, cells: CellSpread) -> SystemOutput:
    return system_output(PERIOD, 7, state, cells)


def test_a_full_sweep_of_the_open_circuit_curve_holds_the_nominal_energy() -> None:
    soc = np.linspace(0.0, 1.0, 20_001)
    assert np.trapezoid(open_circuit_v(soc), soc) * CELLS * CHARGE_AH / 1000.0 == pytest.approx(CAPACITY_KWH, rel=1e-3)


@pytest.mark.parametrize("seed", [7, 1, 20, 300])
def test_state_of_charge_and_power_stay_within_their_limits_for_any_seed(seed: int) -> None:
    state = simulate_battery(PERIOD, seed)
    assert 0.03 < state.soc.min() < state.soc.max() < 0.97
    # Noise of the set point may pass the rating by a few per cent for seconds, as real inverters do.
    assert np.abs(state.ac_kw.values).max() < 1.1 * RATED_KW
    assert state.cell_t_c.values.min() > 10
    assert state.cell_t_c.values.max() < 45


def test_terminal_power_is_voltage_times_current(state: BatteryState) -> None:
    watts = state.pack_v.values * state.current_a.values
    np.testing.assert_allclose(watts, state.dc_kw.values * 1000.0, atol=1e-6)


def test_the_terminal_voltage_is_the_open_circuit_voltage_less_the_drop(state: BatteryState) -> None:
    expected = CELLS * (open_circuit_v(state.soc[:-1]) - state.current_a.values * CELL_OHM)
    np.testing.assert_allclose(state.pack_v.values, expected, atol=0.02)  # the curve is tabled in 0.1 % steps


def test_charge_is_conserved_from_the_first_instant_to_the_last(state: BatteryState) -> None:
    amps = state.current_a.values
    ampere_hours = (np.maximum(amps, 0).sum() + COULOMB_EFFICIENCY * np.minimum(amps, 0).sum()) * HOURS
    assert (state.soc[0] - state.soc[-1]) * CHARGE_AH == pytest.approx(ampere_hours, abs=1e-6)


def test_energy_is_conserved_between_grid_cells_and_heat(state: BatteryState) -> None:
    dc, ac, loss = state.dc_kw.values, state.ac_kw.values, state.loss_kw.values
    inverter_loss = dc - ac
    assert (inverter_loss >= -1e-9).all()
    np.testing.assert_allclose(ac[ac > 0], dc[ac > 0] * PCS_EFFICIENCY)
    np.testing.assert_allclose(ac[ac < 0], dc[ac < 0] / PCS_EFFICIENCY)
    curve = np.linspace(0.0, 1.0, 20_001)
    stored = np.concatenate([[0.0], np.cumsum((open_circuit_v(curve)[1:] + open_circuit_v(curve)[:-1]) / 2 / 20_000)])
    held_kwh = np.interp(state.soc[[0, -1]], curve, stored) * CELLS * CHARGE_AH / 1000.0
    chemical = dc + loss
    taken = np.maximum(chemical, 0).sum() * HOURS + COULOMB_EFFICIENCY * np.minimum(chemical, 0).sum() * HOURS
    assert held_kwh[0] - held_kwh[1] == pytest.approx(taken, abs=1.0)  # of 3,000 kWh through the battery


def test_heat_balances_over_the_whole_period(state: BatteryState) -> None:
    made_kj = state.loss_kw.values[:-1].sum() * STEP_S
    warmth = state.cell_t_c.values[:-1] - state.container_t_c.values[:-1]
    gone_kj = COOLING_W_K / 1000.0 * warmth.sum() * STEP_S
    kept_kj = HEAT_CAPACITY_J_K / 1000.0 * (state.cell_t_c.values[-1] - state.cell_t_c.values[0])
    assert made_kj - gone_kj == pytest.approx(kept_kj, abs=1e-3)


def test_the_round_trip_loses_what_inverter_and_cells_lose(state: BatteryState) -> None:
    efficiency = true_round_trip(state)
    assert 0.88 < efficiency < PCS_EFFICIENCY**2 * COULOMB_EFFICIENCY


def test_cells_stay_in_order_and_followed_cells_lie_between_the_extremes(
    state: BatteryState, cells: CellSpread
) -> None:
    mean_v = state.pack_v.values / CELLS
    assert (cells.v_min.values <= mean_v).all()
    assert (mean_v <= cells.v_max.values).all()
    assert (cells.t_min.values <= state.cell_t_c.values).all()
    assert (state.cell_t_c.values <= cells.t_max.values).all()
    for voltage in cells.single_v:
        assert (cells.v_min.values - 1e-12 <= voltage.values).all()
        assert (voltage.values <= cells.v_max.values + 1e-12).all()
    for temperature in cells.single_t:
        assert (cells.t_min.values <= temperature.values).all()
        assert (temperature.values <= cells.t_max.values).all()


def test_the_spread_grows_under_current(state: BatteryState, cells: CellSpread) -> None:
    spread = cells.v_max.values - cells.v_min.values
    middle = (state.soc[:-1] > 0.45) & (state.soc[:-1] < 0.55)
    idle, loaded = np.abs(state.current_a.values) < 1, np.abs(state.current_a.values) > 60
    assert spread[middle & loaded].mean() > 1.5 * spread[middle & idle].mean()


def test_an_alarm_is_sent_to_the_second_when_it_starts_and_when_it_ends(output: SystemOutput) -> None:
    smoke = output.signals["fa3_SmokeFlag"]
    on = smoke.stamps[smoke.ticks == 1]
    [alarm] = [alarm for alarm in output.alarms if alarm.signal == "fa3_SmokeFlag"]
    first_off = smoke.stamps[smoke.stamps > on[-1]][0]
    assert (on[0], first_off - on[0]) == (alarm.start, 810)


def test_carbon_monoxide_rises_with_the_smoke_and_only_there(output: SystemOutput) -> None:
    highest = {panel: int(output.signals[f"fa{panel}_Co"].ticks.max()) for panel in range(1, 6)}
    assert highest[3] > 30
    assert max(value for panel, value in highest.items() if panel != 3) < 8


def test_nothing_is_written_while_the_system_is_offline(output: SystemOutput) -> None:
    [(start, end)] = output.gaps
    assert end - start == 47 * 60
    for signal in output.signals.values():
        assert not ((signal.stamps >= start) & (signal.stamps < end)).any(), signal.name
        assert (np.diff(signal.stamps) > 0).all(), signal.name
