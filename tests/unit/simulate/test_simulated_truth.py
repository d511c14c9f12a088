"""The truth can be found in the files: a slow, plain reading of them agrees with every fact and every event.

The reading below follows the documented rules row by row with whole numbers and the standard library, and puts its
result into tables named like the published marts. What it cannot reach, no pipeline could.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from ingest.simulate import DemoFiles, compare, summarise
from ingest.simulate.truth import GROUPS

BERLIN = ZoneInfo("Europe/Berlin")
COUNTERS = {"hof/m1": ("pos_ae", "neg_ae", "com_ae"), "hof/m2": ("pos_ae", "neg_ae", "com_ae")}
SYSTEM = "werk/ZSIM001"
Samples = list[tuple[int, str]]
ReadSamples = Callable[[Path], Samples]


def day_of(instant: int) -> date:
    return datetime.fromtimestamp(instant, BERLIN).date()


def midnights() -> list[int]:
    first = datetime(2025, 10, 20, tzinfo=BERLIN)
    return [int((first + timedelta(days=n)).timestamp()) for n in range(15)]


@dataclass
class Reading:
    """Samples of every file by (asset, signal), late files united, each instant once, in order of time."""

    samples: dict[tuple[str, str], Samples]

    def values(self, asset: str, signal: str) -> list[tuple[int, float]]:
        return [(at, float(text)) for at, text in self.samples[asset, signal]]


@pytest.fixture(scope="module")
def reading(demo: DemoFiles, read_samples: ReadSamples) -> Reading:
    united: dict[tuple[str, str], dict[int, str]] = {}
    for file in demo.files:
        if file.signal != "Wirkleistung":
            united.setdefault((file.asset_id, file.signal), {}).update(dict(read_samples(file.path)))
    return Reading({key: sorted(samples.items()) for key, samples in united.items()})


def read_register(samples: Samples) -> tuple[list[tuple[int, int]], list[tuple[str, int, Decimal]]]:
    """Cumulative Wh at every telling sample, and the events, by the documented rules."""
    values = [(at, int(Decimal(text) * 1000)) for at, text in samples]
    events: list[tuple[str, int, int]] = []
    kept = [values[0]]
    for before, this, after in zip(values, values[1:], values[2:] + values[-1:], strict=False):
        away, back = this[1] - before[1], after[1] - this[1]
        # A spike is away and back: what remains is small beside the jump.
        if abs(away) > 1000 and abs(away + back) * 10 < abs(away):
            events.append(("spike", this[0], away))
        else:
            kept.append(this)
    cumulative = [(kept[0][0], 0)]
    flat_since = kept[0][0]
    for before, this in pairwise(kept):
        step, seconds = this[1] - before[1], this[0] - before[0]
        if step < 0:
            reset = step * 10 <= -before[1]
            events.append(("reset", this[0], before[1]) if reset else ("correction", this[0], step))
            step = 0 if reset else step
        elif before[0] - flat_since >= 86_400 and step > 17.25 * seconds / 3.6:
            events.append(("freeze", this[0], step))
            cumulative = [known for known in cumulative if known[0] <= flat_since]
        if step:
            flat_since = this[0]
        cumulative.append((this[0], cumulative[-1][1] + step))
    return cumulative, [(kind, at, Decimal(size) / 1000) for kind, at, size in events]


def energy_by_day(cumulative: list[tuple[int, int]]) -> Iterator[tuple[date, Decimal]]:
    """kWh between local midnights, linear between samples, with exact fractions."""
    edges = midnights()
    at_edge = [Fraction(0)]
    for edge in edges[1:-1]:
        before, after = next((a, b) for a, b in pairwise(cumulative) if a[0] <= edge < b[0])
        share = Fraction(edge - before[0], after[0] - before[0])
        at_edge.append(before[1] + share * (after[1] - before[1]))
    at_edge.append(Fraction(cumulative[-1][1]))
    # Cut to 0.000001 kWh at the edges, so that the parts still add up to the whole.
    cut = [Decimal(int(wh * 1000)) / 1_000_000 for wh in at_edge]
    for edge, (a, b) in zip(edges, pairwise(cut), strict=False):
        yield day_of(edge), b - a


def held(values: list[tuple[int, float]], max_gap_s: int) -> Iterator[tuple[date, float, float]]:
    """(local day, value, seconds) of every sample carried to the next one or `max_gap_s`, cut at midnight."""
    for (at, value), (following, _) in pairwise([*values, (midnights()[-1], 0.0)]):
        end = min(following, at + max_gap_s)
        midnight = next(edge for edge in midnights() if edge > at)
        yield day_of(at), value, min(end, midnight) - at
        if end > midnight:
            yield day_of(midnight), value, end - midnight


def quarters(path: Path) -> Iterator[tuple[date, Decimal]]:
    """Local day of the start and kW of every quarter."""
    for line in path.read_text().splitlines()[1:]:
        day, time, power = line.split(",")
        end = datetime.strptime(f"{day} {time}", "%d/%m/%Y %H:%M:%S")  # noqa: DTZ007 - naive as in the file
        yield (end - timedelta(minutes=15)).date(), Decimal(power)


@pytest.fixture(scope="module")
def marts(reading: Reading, folder: Path) -> duckdb.DuckDBPyConnection:
    db = duckdb.connect()
    db.execute("attach ':memory:' as marts")
    db.execute("create table marts.assets (asset_id text, is_simulated boolean)")
    db.execute("create table marts.energy_1d (asset_id text, signal text, local_date date, energy_kwh decimal(18,6))")
    db.execute(
        "create table marts.counter_events (asset_id text, signal text, kind text, occurred_at timestamptz,"
        " size_kwh decimal(18,6))"
    )
    db.execute(
        "create table marts.lod_1d (asset_id text, signal text, local_date date, n bigint, min double, max double,"
        " mean_time_weighted double, seconds_active double)"
    )
    db.execute("create table marts.power_factor_1d (asset_id text, signal text, p_kwh double, s_kvah double)")
    db.execute(
        "create table marts.bess_kpis (asset_id text, local_date date, soc_min_pct double, soc_max_pct double,"
        " soc_last_pct double, soh_pct double, charge_kwh double, discharge_kwh double, full_cycles double,"
        " aux_kwh double, cell_v_spread_max_v double, cell_t_max_c double, alarm_seconds double,"
        " round_trip_efficiency double)"
    )
    assets = [*COUNTERS, SYSTEM, "hof/lastgang_sim"]
    db.executemany("insert into marts.assets values (?, true)", [[asset] for asset in assets])
    energy: list[list[Any]] = []
    events: list[list[Any]] = []
    for asset, signal in [*((a, s) for a, signals in COUNTERS.items() for s in signals), (SYSTEM, "aux_m_pos_ae")]:
        cumulative, found = read_register(reading.samples[asset, signal])
        energy += [[asset, signal, day, kwh] for day, kwh in energy_by_day(cumulative)]
        events += [[asset, signal, kind, datetime.fromtimestamp(at, UTC), size] for kind, at, size in found]
    days: dict[date, list[Decimal]] = {}
    for day, power in quarters(folder / "hof/meter/lastgang_sim.csv"):
        days.setdefault(day, []).append(power)
    energy += [["hof/lastgang_sim", "Wirkleistung", day, sum(powers) / 4] for day, powers in days.items()]
    lod = [
        ["hof/lastgang_sim", "Wirkleistung", day, len(powers), min(powers), max(powers), None, None]
        for day, powers in days.items()
    ]
    db.executemany("insert into marts.energy_1d values (?, ?, ?, ?)", energy)
    if events:
        db.executemany("insert into marts.counter_events values (?, ?, ?, ?, ?)", events)
    db.executemany("insert into marts.lod_1d values (?, ?, ?, ?, ?, ?, ?, ?)", lod + list(daily(reading)))
    db.executemany("insert into marts.power_factor_1d values (?, ?, ?, ?)", list(power_factors(reading)))
    aux = {row[2]: row[3] for row in energy if row[1] == "aux_m_pos_ae"}
    columns = ", ".join("?" * 14)
    db.executemany(f"insert into marts.bess_kpis values ({columns})", list(battery_days(reading, aux)))
    return db


def daily(reading: Reading) -> Iterator[list[Any]]:
    for (asset, signal), samples in reading.samples.items():
        days: dict[date, list[float]] = {}
        for at, text in samples:
            days.setdefault(day_of(at), []).append(float(text))
        weighted: dict[date, list[float]] = {}
        if signal == "com_ap":
            for day, value, seconds in held(reading.values(asset, signal), 900):
                total = weighted.setdefault(day, [0.0, 0.0])
                total[0] += value * seconds
                total[1] += seconds
        active = dict.fromkeys(days, 0.0)
        if signal.endswith(("SmokeFlag", "Level", "ErrCode")):
            for day, value, seconds in held(reading.values(asset, signal), 900):
                active[day] += seconds if value else 0
        for day, values in days.items():
            mean = weighted[day][0] / weighted[day][1] if weighted else None
            yield [asset, signal, day, len(values), min(values), max(values), mean, active[day]]


def power_factors(reading: Reading) -> Iterator[list[Any]]:
    for asset in COUNTERS:
        active = dict(reading.values(asset, "com_ap"))
        usable = [(at, abs(active[at]), abs(pf)) for at, pf in reading.values(asset, "pf") if abs(pf) >= 0.01]
        p = sum(kw for _, kw, _ in usable)
        yield [asset, "pf", p, sum(kw / pf for _, kw, pf in usable)]


def battery_days(reading: Reading, aux: dict[date, Decimal]) -> Iterator[list[Any]]:
    def by_day(signal: str) -> dict[date, list[float]]:
        days: dict[date, list[float]] = {}
        for at, value in reading.values(SYSTEM, signal):
            days.setdefault(day_of(at), []).append(value)
        return days

    soc, soh, spread, hot = map(by_day, ("bms1_soc", "bms1_soh", "bms1_cell_v_diff", "bms1_cell_max_t"))
    charge, discharge, alarm = dict.fromkeys(soc, 0.0), dict.fromkeys(soc, 0.0), dict.fromkeys(soc, 0.0)
    for day, kw, seconds in held(reading.values(SYSTEM, "pcs1_ap"), 900):
        (discharge if kw > 0 else charge)[day] += abs(kw) * seconds / 3600
    for panel in range(1, 6):
        for name in (f"fa{panel}_SmokeFlag", f"fa{panel}_Level"):
            for day, value, seconds in held(reading.values(SYSTEM, name), 900):
                alarm[day] += seconds if value else 0
    taken = (soc[min(soc)][0] - soc[max(soc)][-1]) / 100 * 200.0
    efficiency = (sum(discharge.values()) - taken) / sum(charge.values())
    for day in soc:
        yield [
            SYSTEM, day, min(soc[day]), max(soc[day]), soc[day][-1], soh[day][-1], charge[day], discharge[day],
            discharge[day] / 200.0, aux[day], max(spread[day]), max(hot[day]), alarm[day], efficiency,
        ]  # fmt: skip


def query_of(db: duckdb.DuckDBPyConnection) -> Callable[[str], list[tuple[Any, ...]]]:
    return lambda sql: db.execute(sql).fetchall()


def test_a_plain_reading_of_the_files_agrees_with_every_fact_and_event(
    demo: DemoFiles, marts: duckdb.DuckDBPyConnection
) -> None:
    comparisons = compare(demo.truth, query_of(marts))
    assert [c for c in comparisons if not c.ok] == []
    assert len(comparisons) > 450
    assert {fact.what for fact in demo.truth.facts} == set(GROUPS)


def test_the_truth_holds_every_kind_of_fault_and_counters_without_one(demo: DemoFiles) -> None:
    kinds = sorted(true.event.kind for true in demo.truth.events)
    assert kinds == ["correction"] * 5 + ["freeze"] + ["reset"] * 2 + ["spike"] * 2
    faulty = {(true.asset_id, true.signal) for true in demo.truth.events}
    assert len(set(demo.truth.counters) - faulty) >= 3


def test_the_frozen_counter_stands_still_for_more_than_a_day_and_catches_up_beyond_the_limit(
    demo: DemoFiles, reading: Reading
) -> None:
    [freeze] = [true.event for true in demo.truth.events if true.event.kind == "freeze"]
    stamps = [at for at, _ in reading.samples["hof/m1", "com_ae"]]
    before = stamps[stamps.index(freeze.occurred_at) - 1]
    assert before - freeze.span_start > 86_400
    limit_wh = 17.25 * (freeze.occurred_at - before) / 3.6
    assert freeze.size_ticks > 20 * limit_wh


def test_other_steps_stay_far_below_the_limit(demo: DemoFiles, reading: Reading) -> None:
    known = {(true.asset_id, true.signal, true.event.occurred_at) for true in demo.truth.events}
    for asset, signals in COUNTERS.items():
        for signal in signals:
            for (at, a), (then, b) in pairwise(reading.samples[asset, signal]):
                if {(asset, signal, at), (asset, signal, then)} & known:
                    continue
                assert 0 <= Decimal(b) - Decimal(a) <= Decimal("12.5") * (then - at) / 3600 + Decimal("0.001")


@pytest.mark.parametrize(
    ("change", "group"),
    [
        ("update marts.energy_1d set energy_kwh = energy_kwh + 0.001 where signal = 'com_ae'", "counter energy"),
        ("delete from marts.energy_1d where local_date = '2025-10-25'", "counter energy by day"),
        ("update marts.lod_1d set n = n + 1 where signal = 'bms1_v'", "samples of every signal"),
        ("update marts.lod_1d set max = max + 0.001 where signal = 'com_ap'", "highest value by day"),
        ("update marts.bess_kpis set soc_last_pct = NULL", "last state of charge by day"),
        ("update marts.bess_kpis set discharge_kwh = discharge_kwh * 1.05", "battery discharge by day"),
        ("update marts.bess_kpis set alarm_seconds = alarm_seconds * 2", "alarm seconds by day"),
        ("update marts.lod_1d set seconds_active = 0 where signal = 'fa2_ErrCode'", "seconds a flag or code"),
        ("update marts.assets set is_simulated = false where asset_id = 'hof/m2'", "assets marked as simulated"),
        ("delete from marts.counter_events where kind = 'spike'", "counter events"),
        ("update marts.counter_events set kind = 'reset' where kind = 'correction'", "counter events"),
        ("update marts.counter_events set size_kwh = size_kwh + 0.001", "counter events"),
        ("insert into marts.counter_events select 'hof/m1', 'neg_ae', 'reset', now(), 1", "counter events"),
    ],
)
def test_marts_that_say_something_else_are_found_out(
    demo: DemoFiles, marts: duckdb.DuckDBPyConnection, change: str, group: str
) -> None:
    cursor = marts.cursor()
    cursor.execute("begin")
    try:
        cursor.execute(change)
        wrong = {c.group for c in compare(demo.truth, query_of(cursor)) if not c.ok}
    finally:
        cursor.execute("rollback")
    assert any(title.startswith(group) for title in wrong)


def test_facts_that_no_pipeline_can_know_are_recorded_but_not_compared(
    demo: DemoFiles, marts: duckdb.DuckDBPyConnection
) -> None:
    unknowable = {fact.name for fact in demo.truth.facts if fact.tolerance is None}
    assert unknowable
    assert not unknowable & {c.name for c in compare(demo.truth, query_of(marts))}


def test_the_summary_counts_each_group_once_and_names_the_largest_difference(
    demo: DemoFiles, marts: duckdb.DuckDBPyConnection
) -> None:
    comparisons = compare(demo.truth, query_of(marts))
    spoilt = [replace(c, ok=False) if c.group.startswith("state of health") else c for c in comparisons]
    summary = {line.group: line for line in summarise(spoilt)}
    assert sum(line.compared for line in summary.values()) == len(comparisons)
    assert (summary["state of health by day"].compared, summary["state of health by day"].agreeing) == (14, 0)
    difference = summary["battery discharge by day"].largest_difference
    assert difference is not None
    assert 0 < difference < 3
