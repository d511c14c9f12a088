"""The simulated meters count what flows through them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from ingest.simulate.clock import STEP_S, Period
from ingest.simulate.facts import counter_facts
from ingest.simulate.meters import FUSE_KW, Meter, cold_store, house, sun_elevation_sin, workshop

PERIOD = Period("Europe/Berlin", date(2025, 10, 20), 14)


@pytest.fixture(scope="module", params=[7, 12])
def meters(request: pytest.FixtureRequest) -> list[Meter]:
    return [house(PERIOD, request.param), workshop(PERIOD, request.param)]


def test_import_less_export_is_the_active_power_and_their_sum_is_the_combined_flow(meters: list[Meter]) -> None:
    for meter in meters:
        pos, neg, both = (meter.flows_kw[name].values for name in ("pos_ae", "neg_ae", "com_ae"))
        np.testing.assert_allclose(pos - neg, meter.active_kw.values)
        np.testing.assert_allclose(pos + neg, both)
        assert (np.minimum(pos, neg) == 0).all()


def test_registers_without_a_fault_show_every_whole_watt_hour_that_has_flowed(meters: list[Meter]) -> None:
    register = meters[0].registers["neg_ae"]
    assert register.events == []
    cells = meters[0].flows_kw["neg_ae"].values
    for index in (0, 1, 777, len(register.stamps) - 1):
        seconds = int(register.stamps[index]) - PERIOD.start
        whole, rest = divmod(seconds, STEP_S)
        flowed_kwh = (cells[:whole].sum() * STEP_S + cells[whole] * rest) / 3600
        assert register.ticks[index] == int((register.base_kwh + flowed_kwh) * 1000 + 1e-6)


def test_power_stays_below_the_fuse_and_apparent_power_above_active_power(meters: list[Meter]) -> None:
    for meter in meters:
        assert np.abs(meter.active_kw.values).max() <= FUSE_KW
        assert (meter.apparent_kva.values >= np.abs(meter.active_kw.values)).all()
        assert np.abs(meter.pf_ticks()).max() <= 1000
        assert (np.sign(meter.pf_ticks()) * np.sign(meter.active_kw.at(meter.stamps)) >= 0).all()


def test_the_house_exports_by_day_only(meters: list[Meter]) -> None:
    exporting = meters[0].flows_kw["neg_ae"].values > 0
    assert exporting.mean() > 0.05
    assert (sun_elevation_sin(PERIOD)[exporting] > 0).all()


def test_the_sun_stands_highest_at_local_noon_and_as_high_as_the_season_lets_it() -> None:
    sine = sun_elevation_sin(PERIOD)
    noon = PERIOD.cells[:8640][np.argmax(sine[:8640])]
    # 13.4 degrees east: noon at 11:06 UTC by mean sun.
    assert abs((noon % 86_400) / 3600 - 11.107) < 0.01
    # Declination of 20 October is -10.6 degrees: 90 - 52.5 - 10.6 = 26.9 degrees.
    assert np.degrees(np.arcsin(sine[:8640].max())) == pytest.approx(26.9, abs=1.0)


def test_the_true_energy_of_a_day_is_the_sum_of_its_power_over_time(meters: list[Meter]) -> None:
    meter = meters[1]
    facts = counter_facts("hof/m2", "pos_ae", meter.registers["pos_ae"], meter.flows_kw["pos_ae"], PERIOD)
    by_day = {fact.day: float(fact.value) for fact in facts if fact.what == "true_energy_day_kwh"}
    long_day = date(2025, 10, 26)
    first = (int(PERIOD.edges[6]) - PERIOD.start) // STEP_S
    cells = meter.active_kw.values[first : first + 25 * 3600 // STEP_S]
    assert by_day[long_day] == pytest.approx(cells.sum() * STEP_S / 3600)
    assert len(by_day) == 14


def test_days_on_which_a_counter_was_faulty_have_a_true_energy_but_no_comparison(meters: list[Meter]) -> None:
    meter = meters[0]
    facts = counter_facts("hof/m1", "com_ae", meter.registers["com_ae"], meter.flows_kw["com_ae"], PERIOD)
    days = [fact for fact in facts if fact.what == "true_energy_day_kwh"]
    assert [fact.day for fact in days if fact.tolerance is None] == [date(2025, 10, 22), date(2025, 10, 23)]
    assert all(fact.value for fact in days)


def test_the_load_profile_keeps_the_energy_of_its_state_to_its_resolution() -> None:
    profile = cold_store(PERIOD, 7)
    assert len(profile.ticks) == (14 * 24 + 1) * 4
    true_kwh = profile.active_kw.values.sum() * STEP_S / 3600
    # Every quarter is rounded to 0.1 kW: at most 0.0125 kWh each, and far less in sum.
    assert profile.ticks.sum() * 0.025 == pytest.approx(true_kwh, abs=2.0)
    assert profile.ticks.max() / 10 < 17.25
