"""How a counter is read, for any readings: against plain loops, to the last digit, and the same however they arrive."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_marts_equal_oracle import LIMIT_KW

from tests.support.counter_models import CounterModels, Declared, Readings, Rows
from tests.support.marts_oracle import DAY, MINUTE, Sample, energy_by_quarter, micro, read_counter

START = micro(datetime(2024, 3, 30, 20, tzinfo=UTC))
#: From seconds to more than the day that an excursion may last.
GAPS = (
    MINUTE // 60,
    MINUTE,
    15 * MINUTE,
    60 * MINUTE,
    60 * MINUTE,
    8 * 60 * MINUTE,
    20 * 60 * MINUTE,
    DAY,
    31 * 60 * MINUTE,
)
WHAT = ("rise", "rise", "flat", "away to 0", "away up", "back", "back to less", "new register", "correction", "jump")

steps = st.tuples(st.sampled_from(GAPS), st.sampled_from(WHAT), st.integers(0, 4000))
registers = st.tuples(st.sampled_from(["0", "0.3", "7", "99.9", "50000"]), st.lists(steps, min_size=1, max_size=14))


def readings(register: str, walk: list[tuple[int, str, int]], rollover: Decimal | None) -> dict[int, Decimal]:
    """What a register shows that goes away and comes back, is reset, corrected, and rolls over."""
    at, true = START, Decimal(register)
    shown: Decimal | None = None
    found = {at: true}
    for gap, what, size in walk:
        at += gap
        little = Decimal(size) / 1000
        if what == "rise":
            true += little
            shown = shown if shown is None else shown + little / 10
        elif what == "away to 0":
            shown = little / 10
        elif what == "away up":
            shown = true + 100 + little
        elif what == "back":
            shown, true = None, true + little / 10
        elif what == "back to less":
            shown, true = None, max(true - little / 100, Decimal(0))
        elif what == "new register":
            shown, true = None, little
        elif what == "correction":
            true -= true * little / 10
        elif what == "jump":
            true += 20 * little
        if rollover:
            true %= rollover
        found[at] = (true if shown is None else shown).quantize(Decimal("0.000001"))
    return found


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> CounterModels:
    return CounterModels(tmp_path_factory.mktemp("counters"))


CENTURY = 100 * 365 * DAY

#: Readings (microseconds after the start, kWh), what went through, and the events with their sizes in kWh.
CASES: dict[str, tuple[list[tuple[int, str]], str, list[tuple[str, str]]]] = {
    "one zero": ([(0, "100"), (1, "0"), (2, "100.2")], "0.2", [("spike", "-100")]),
    "several zeros": ([(0, "100"), (1, "0"), (2, "0"), (3, "0"), (4, "100.2")], "0.2", [("spike", "-100")]),
    "counts from 0, then is restored": (
        [(0, "100"), (1, "100.2"), (2, "0"), (3, "0.1"), (4, "0.3"), (5, "100.9"), (6, "101")],
        "1", [("spike", "-100.2")],
    ),
    "restored to a little less": ([(0, "100"), (1, "0"), (2, "0.1"), (3, "99.5")], "-0.5",
                                  [("spike", "-100"), ("correction", "-0.5")]),
    "two in a row": ([(0, "100"), (1, "0"), (2, "100.1"), (3, "0"), (4, "0.2"), (5, "100.3")], "0.3",
                     [("spike", "-100"), ("spike", "-100.1")]),
    "from 0 up, twice": ([(0, "0"), (1, "100"), (2, "0"), (3, "100"), (4, "0")], "0",
                         [("spike", "100"), ("spike", "100")]),
    "two values far too high": ([(0, "100"), (1, "900"), (2, "901"), (3, "100.3")], "0.3", [("spike", "800")]),
    "restored within a day": ([(0, "100"), (60, "0"), (60 + 1439, "3"), (1500, "110")], "10", [("spike", "-100")]),
    "restored after a day": ([(0, "100"), (60, "0"), (60 + 1440, "3"), (1501, "110")], "110",
                             [("reset", "100"), ("jump", "107")]),
    "a new register": ([(0, "100"), (1, "0"), (2, "0.2"), (1400, "60")], "60", [("reset", "100")]),
    "a new register that jumps": ([(0, "100"), (1, "0"), (600, "80"), (601, "101")], "101",
                                  [("reset", "100"), ("jump", "21")]),
    "an end that may not last": ([(0, "100"), (1, "0"), (2, "0.2")], "0.2", [("reset", "100")]),
    "a beginning that did not last": ([(0, "0"), (1, "0.2"), (2, "100"), (3, "100.1")], "100.1", [("jump", "99.8")]),
    "a fall of exactly a tenth": ([(0, "100"), (60, "90"), (120, "91")], "1", [("reset", "100")]),
    "a fall of less than a tenth": ([(0, "100"), (60, "90.000001"), (120, "91")], "-9",
                                    [("correction", "-9.999999")]),
    "flat for exactly a day": ([(0, "5"), (1440, "5"), (1441, "105")], "100", [("freeze", "100")]),
    "flat for less than a day": ([(1, "5"), (1440, "5"), (1441, "105")], "100", [("jump", "100")]),
    "exactly what the connection delivers": ([(0, "5"), (60, "22.25")], "17.25", []),
    "a little more": ([(0, "5"), (60, "22.250001")], "17.250001", [("jump", "17.250001")]),
}  # fmt: skip


@pytest.fixture(scope="module")
def read(models: CounterModels) -> dict[str, tuple[Decimal, list[tuple[str, Decimal]], bool]]:
    """Of every case the energy, its events in order, and whether any of the energy is an estimate."""
    counters = {
        name: {START + at * MINUTE: Decimal(value) for at, value in values} for name, (values, _, _) in CASES.items()
    }
    return answers(models.full(counters, Declared(max_gap_s=1_000_000)), counters)


def answers(rows: Rows, counters: Readings) -> dict[str, tuple[Decimal, list[tuple[str, Decimal]], bool]]:
    found = {}
    for name in counters:
        energy = [(kwh, is_estimated) for n, _, kwh, _, is_estimated in rows["energy_15min"] if n == name]
        events = sorted((at, kind, size) for n, at, kind, size, _, _ in rows["counter_events"] if n == name)
        found[name] = (
            sum((kwh for kwh, _ in energy), Decimal(0)),
            [(kind, size) for _, kind, size in events],
            any(is_estimated for _, is_estimated in energy),
        )
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_register_is_read_as_a_person_reads_it(
    case: str, read: dict[str, tuple[Decimal, list[tuple[str, Decimal]], bool]]
) -> None:
    _, kwh, events = CASES[case]
    energy, told, is_estimated = read[case]
    assert energy == Decimal(kwh)
    assert told == [(kind, Decimal(size)) for kind, size in events]
    assert is_estimated == bool({kind for kind, _ in events} & {"correction", "freeze", "jump"})


ROLLED = {"five digits": (["99999.1", "99999.6", "0.1", "0.6"], 15), "too far": (["99990", "1"], 15)}


@pytest.mark.parametrize(
    ("rollover_at", "expected"),
    [
        (Decimal(100_000), {"five digits": ("1.5", [("rollover", "0.5")]), "too far": ("0", [("reset", "99990")])}),
        (None, {"five digits": ("1", [("reset", "99999.6")]), "too far": ("0", [("reset", "99990")])}),
    ],
)
def test_a_register_rolls_over_where_that_is_declared_and_can_be(
    rollover_at: Decimal | None, expected: dict[str, tuple[str, list[tuple[str, str]]]], models: CounterModels
) -> None:
    counters = {
        name: {START + n * minutes * MINUTE: Decimal(value) for n, value in enumerate(values)}
        for name, (values, minutes) in ROLLED.items()
    }
    found = answers(models.full(counters, Declared(rollover_at=rollover_at)), counters)
    for name, (kwh, events) in expected.items():
        assert found[name] == (Decimal(kwh), [(kind, Decimal(size)) for kind, size in events], False)


def test_a_gigawatt_and_a_century_fit(models: CounterModels) -> None:
    limit_kw, most = 1_000_000, Decimal("999999999999.999999")
    counters = {
        # A clock that was never set, beside what the register says today.
        "since 1970": {0: Decimal(0), 60_000_000: Decimal("0.5"), START: Decimal("1000.5")},
        "a century": {0: Decimal(0), CENTURY: most},
        "two days at 100 MW": {START: Decimal(0), START + 2 * DAY: Decimal(4_800_000)},
        "the widest jump": {START: -most, START + MINUTE: most, START + 2 * MINUTE: most},
    }
    rows = models.full(counters, Declared(limit_kw=limit_kw))
    found = answers(rows, counters)
    assert found["since 1970"][:2] == (Decimal("1000.5"), [("gap", Decimal(1000))])
    # 1 GW delivers 876,000 hours * 1,000,000 kW = 876,000,000,000 kWh in a century of 365 days: less than this.
    assert found["a century"][:2] == (most, [("jump", most)])
    assert found["two days at 100 MW"][:2] == (Decimal(4_800_000), [])
    assert found["the widest jump"][:2] == (2 * most, [("jump", 2 * most)])
    # Spread over three years at most, and evenly: of two days, a quarter has 1/192.
    assert sum(1 for row in rows["energy_15min"] if row[0] == "since 1970") <= 1096 * 96 + 2
    assert {row[2] for row in rows["energy_15min"] if row[0] == "two days at 100 MW"} == {Decimal(25_000)}


many = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
declarations = st.builds(
    Declared, max_gap_s=st.sampled_from([90, 3600, 100_000]), rollover_at=st.sampled_from([None, Decimal(100)])
)


def walked(walks: list[tuple[str, list[tuple[int, str, int]]]], declared: Declared) -> Readings:
    return {f"m{n}": readings(register, walk, declared.rollover_at) for n, (register, walk) in enumerate(walks)}


@many
@given(walks=st.lists(registers, min_size=8, max_size=16), declared=declarations)
def test_energy_and_events_are_those_of_plain_loops_and_nothing_above_the_limit_goes_untold(
    walks: list[tuple[str, list[tuple[int, str, int]]]], declared: Declared, models: CounterModels
) -> None:
    counters = walked(walks, declared)
    built = models.full(counters, declared)
    for name, values in counters.items():
        samples = [Sample(at, value) for at, value in values.items()]
        spreads, events = read_counter(samples, declared.max_gap_s * 1_000_000, LIMIT_KW, declared.rollover_at)
        told = {(at, kind, size, since) for n, at, kind, size, since, _ in built["counter_events"] if n == name}
        assert told == {(e.at, e.kind, e.size, e.span_start) for e in events}
        quarters = {at: (kwh, is_estimated) for n, at, kwh, _, is_estimated in built["energy_15min"] if n == name}
        expected = energy_by_quarter(spreads)
        assert quarters.keys() == expected.keys()
        for at, (kwh, is_estimated) in expected.items():
            assert abs(Fraction(quarters[at][0]) - kwh) <= Fraction(4, 10**9)
            assert quarters[at][1] == is_estimated
        assert sum(kwh for kwh, _ in quarters.values()) == sum(spread.amount for spread in spreads)
        # What is no estimate, the connection has carried.
        for at, (kwh, is_estimated) in quarters.items():
            assert is_estimated or kwh <= LIMIT_KW / 4 + Decimal("0.000000004"), (name, at)


@many
@given(walks=st.lists(registers, min_size=8, max_size=16), declared=declarations, data=st.data())
def test_builds_of_what_changed_leave_the_rows_of_a_full_build(
    walks: list[tuple[str, list[tuple[int, str, int]]]],
    declared: Declared,
    data: st.DataObject,
    models: CounterModels,
) -> None:
    landed = walked(walks, declared)
    earlier: dict[str, dict[int, Decimal]] = {}
    for name, values in landed.items():
        # Some readings arrive late, and some that were there go, or were others: 0, or far too high.
        fates = data.draw(st.lists(st.sampled_from("===lo0"), min_size=len(values), max_size=len(values)))
        others = {"=": lambda value: value, "o": lambda value: value + 300, "0": lambda value: Decimal(0)}
        earlier[name] = {
            at: others[fate](value) for fate, (at, value) in zip(fates, values.items(), strict=True) if fate != "l"
        }
    touched = {
        name: {at for at in values.keys() | earlier[name].keys() if values.get(at) != earlier[name].get(at)}
        for name, values in landed.items()
    }
    gone = {name for name in touched if not touched[name]}
    if len(gone) == len(touched):
        return
    before = models.full({name: values for name, values in earlier.items() if values}, declared)
    assert models.following(before, landed, declared, touched) == models.full(landed, declared)


@settings(many, max_examples=8)
@given(walks=st.lists(registers, min_size=2, max_size=4), declared=declarations, at_once=st.integers(5, 60))
def test_a_build_in_shards_of_few_samples_leaves_the_rows_of_one_build(
    walks: list[tuple[str, list[tuple[int, str, int]]]], declared: Declared, at_once: int, models: CounterModels
) -> None:
    landed = walked(walks, declared)
    samples = [len(values) for values in landed.values()]
    found, count = models.in_shards(landed, declared, at_once)
    assert count >= sum(samples) / max(at_once, *samples)
    assert found == models.full(landed, declared)
