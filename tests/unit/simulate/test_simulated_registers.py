"""Registers suffer their faults as real ones do, and tell what the documented rules let them tell."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.simulate.faults import CounterEvent, Register

MINUTE = 60


def steady(samples: int = 4000, wh_per_minute: float = 10.0) -> Register:
    """A register that grows by the same energy every minute, from 100 kWh."""
    stamps = 1_000_000 + MINUTE * np.arange(samples, dtype=np.int64)
    return Register(stamps, np.arange(samples) * wh_per_minute / 1000.0 + 1e-9, 100.0)


def at(minute: int) -> int:
    return 1_000_000 + MINUTE * minute


def test_a_register_without_faults_tells_the_whole_flow() -> None:
    register = steady()
    assert register.total_ticks == 39_990
    assert register.events == []


def test_a_correction_counts_net() -> None:
    register = steady()
    register.correct(at(100), 250)
    assert register.events == [CounterEvent("correction", at(100), at(99), -250)]
    # 3,998 honest steps of 10 Wh and one of -250 Wh.
    assert register.total_ticks == 39_980 - 250


def test_a_new_meter_adds_neither_its_first_value_nor_what_passed_before_it() -> None:
    register = steady()
    register.replace_meter(at(200), energy_kwh_when_installed=1.97)
    assert register.ticks[199] == 101_990
    assert register.ticks[200] == 30
    assert register.events == [CounterEvent("reset", at(200), at(199), 101_990)]
    assert register.total_ticks == 39_980


@pytest.mark.parametrize(("jump", "size"), [(412_300, 412_300), (None, -102_990)])
def test_a_spike_changes_one_sample_and_no_energy(jump: int | None, size: int) -> None:
    register = steady()
    register.spike(at(300), jump)
    assert register.events == [CounterEvent("spike", at(300), at(299), size)]
    assert register.total_ticks == 39_990
    assert (register.ticks != steady().ticks).sum() == 1


def test_a_freeze_keeps_its_energy_and_spreads_it_evenly_over_the_frozen_span() -> None:
    register = steady()
    register.freeze(at(1000), at(2600))
    assert register.events == [CounterEvent("freeze", at(2600), at(1000), 16_000)]
    assert set(register.ticks[1000:2600]) == {110_000}
    assert register.total_ticks == 39_990
    halves = register.ticks_per_span(np.array([at(1000), at(1800), at(2600)]))
    assert halves.tolist() == [8000.0, 8000.0]


def test_a_freeze_starts_at_the_first_sample_that_shows_its_value() -> None:
    register = steady(wh_per_minute=0.5)  # two samples a tick
    register.freeze(at(1001), at(2600))
    assert register.events[0].span_start == at(1000)


def test_energy_is_split_at_an_edge_between_two_samples_in_proportion_to_time() -> None:
    parts = steady().ticks_per_span(np.array([at(10), at(10) + 15, at(11)]))
    assert parts.tolist() == [2.5, 7.5]


def test_a_fault_without_a_sample_on_both_sides_is_refused() -> None:
    with pytest.raises(ValueError, match="both sides"):
        steady().correct(at(0), 5)
