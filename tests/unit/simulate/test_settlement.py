"""The settlement of simulated batteries gives sums that can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from ingest.simulate.fleet import Fleet, simulate_fleet
from ingest.simulate.fleet.day_ahead import BLANK, TICKS
from ingest.simulate.fleet.settlement import SERVICES, add_up, settle

DAY = date(2026, 6, 1)


def steady(**changes: int) -> Fleet:
    """A battery that sells 10 MW at 30 $ and 4 MW of RegUp at 5 $ ahead, and in real time puts out 12 MW at 40 $ and
    holds 3 MW of RegUp at 2 $; every run is published."""
    fleet = simulate_fleet(DAY, days=1, count=1, faults=False)
    said = {"energy": 10 * TICKS, "output": 12 * TICKS, **changes}
    ahead, real, prices = fleet.ahead, fleet.real, fleet.prices
    blank = {name: np.full_like(award, BLANK) for name, award in ahead.services.items()}
    no_awards = {name: np.full_like(award, BLANK) for name, award in real.awards.items()}
    output = np.full_like(real.output, said["output"])
    spp, ahead_spp = np.full_like(prices.real_time, 40_00), np.full_like(prices.day_ahead, 30_00)
    fleet.calendar.__dict__["published"] = np.ones_like(fleet.calendar.published)
    return replace(
        fleet,
        ahead=replace(
            ahead,
            energy=np.full_like(ahead.energy, said["energy"]),
            services={**blank, "regup": np.full_like(ahead.energy, 4 * TICKS)},
        ),
        real=replace(real, output=output, awards={**no_awards, "regup": np.full_like(output, 3 * TICKS)}),
        prices=replace(
            prices,
            real_time=spp,
            day_ahead=ahead_spp,
            day_ahead_services={name: np.full_like(of, 5_00) for name, of in prices.day_ahead_services.items()},
            real_time_services={name: np.full_like(of, 2_00) for name, of in prices.real_time_services.items()},
        ),
        first_output=output,
        first_prices=spp,
        first_day_ahead=ahead_spp,
    )


def test_a_steady_day_earns_what_can_be_worked_out_by_hand() -> None:
    fleet = steady()
    [(name, intervals)] = settle(fleet).items()
    day = add_up(intervals, lambda interval: interval.day)[DAY]
    late_s = int(fleet.calendar.runs[0] - fleet.calendar.period.start)
    assert name == "SIM_BAT001_ESR1"
    assert day.dam_energy_usd == 24 * 10 * 30
    assert day.dam_as_usd == {**dict.fromkeys(SERVICES, 0), "regup": 24 * 4 * 5}
    assert day.rt_energy_usd == 24 * (12 - 10) * 40 - Fraction(12 * late_s, 3600) * 40, "the first seconds have no run"
    assert day.rt_as_usd == {**dict.fromkeys(SERVICES, 0), "regup": 24 * (3 - 4) * 2}
    assert day.total_usd == day.known_usd == 7200 + 480 + day.rt_energy_usd - 48
    assert day.discharged_mwh == 12 * Fraction(86_400 - late_s, 3600)
    assert (day.covered_s, day.seconds, day.charged_mwh) == (86_400 - late_s, 86_400, 0)


def test_charging_is_bought_and_a_blank_award_is_none() -> None:
    [(_, bought)] = settle(steady(energy=-10 * TICKS, output=-10 * TICKS)).items()
    assert bought[40].statement.dam_energy_usd == Fraction(-10 * 30, 4)
    assert bought[40].statement.rt_energy_usd == 0, "what was bought ahead was taken"
    assert bought[40].statement.charged_mwh == Fraction(10, 4)
    [(_, blank)] = settle(steady(energy=BLANK, output=-10 * TICKS)).items()
    assert blank[40].statement.dam_energy_usd == 0
    assert blank[40].statement.rt_energy_usd == Fraction(-10 * 40, 4)


def test_output_that_nobody_telemetered_is_not_known_and_so_is_no_total() -> None:
    [(_, intervals)] = settle(steady(output=BLANK)).items()
    statement = intervals[40].statement
    assert statement.rt_energy_usd is None and statement.total_usd is None and statement.discharged_mwh is None
    assert statement.known_usd == Fraction(10 * 30 + 4 * 5 - 1 * 2, 4)
    assert add_up(intervals, lambda interval: interval.day)[DAY].rt_energy_usd is None


@pytest.mark.parametrize("first_day", [date(2026, 3, 7), date(2024, 11, 2)])
def test_settled_energy_is_what_the_battery_moved(first_day: date) -> None:
    fleet = simulate_fleet(first_day, days=3, count=4)
    calendar = fleet.calendar
    hours = np.diff(np.append(calendar.runs, calendar.period.end)) / 3600
    for number, (name, intervals) in enumerate(settle(fleet).items()):
        if (fleet.real.output[number] == BLANK).any():
            continue
        moved = fleet.real.true_output[number]
        settled = add_up(intervals, lambda interval: interval.day)
        out = sum((day.discharged_mwh or 0 for day in settled.values()), Fraction(0))
        assert float(out) == pytest.approx((np.maximum(moved, 0) * hours).sum(), rel=0.02), name
