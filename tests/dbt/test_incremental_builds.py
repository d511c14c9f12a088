"""Builds of what changed leave the same marts as one build of everything."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

from tests.support.lake import Lake
from tests.support.marts_oracle import Sample
from tests.support.random_series import Series, all_series, declare, instant, rows

#: Every mart whose rows come from samples.
MARTS = (
    "lod_5min", "lod_15min", "lod_1h", "lod_1d", "energy_15min", "energy_1d", "counter_events",
    "power_factor_15min", "power_factor_1h", "power_factor_1d", "bess_days", "bess_kpis", "quality_findings",
)  # fmt: skip
PAIRED = ("a0", "a2", "b3", "c4")


def contents(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """Every mart in a fixed order."""
    return {mart: lake.dicts(f"select * from {mart} order by all") for mart in MARTS}


def assert_same(found: dict[str, list[dict[str, Any]]], expected: dict[str, list[dict[str, Any]]]) -> None:
    for mart, rows_expected in expected.items():
        rows_found = found[mart]
        assert len(rows_found) == len(rows_expected), mart
        for row, want in zip(rows_found, rows_expected, strict=True):
            assert row.keys() == want.keys()
            for column, value in want.items():
                same = row[column] == value
                if isinstance(value, float) and isinstance(row[column], float) and not same:
                    # Sums of doubles depend on the order of rows.
                    scale = max(abs(want.get("max") or 0) * 100_000, 1.0)
                    same = math.isclose(row[column], value, rel_tol=1e-9, abs_tol=1e-9 * scale)
                assert same, (mart, column, row, want)


def prepare(folder: Path, series: list[Series], battery: bool) -> Lake:
    lake = Lake(folder)
    declare(lake, series)
    for asset_id in PAIRED:
        lake.lake.execute(
            "UPDATE raw.signals SET pair_signal = 'instant_1' WHERE asset_id = ? AND kind = 'power_factor'", [asset_id]
        )
    if battery:
        # One of the places is a battery: its signals get the roles that its figures are made of.
        lake.lake.execute("UPDATE raw.assets SET domain = 'bess', capacity_kwh = 10 WHERE asset_id = 'a1'")
        for kind, role in (
            ("soc", "soc"), ("instant", "battery_discharge_power"), ("max", "cell_v_max"), ("min", "cell_v_min"),
            ("alarm", "alarm"), ("code", "alarm_code"), ("counter", "aux_energy"), ("spread", "cell_t_spread"),
        ):  # fmt: skip
            lake.lake.execute("UPDATE raw.signals SET role = ? WHERE asset_id = 'a1' AND kind = ?", [role, kind])
    return lake


def test_late_changed_and_vanished_samples_give_the_marts_of_one_build(tmp_path: Path) -> None:
    rng = random.Random(7)
    series = [one for seed, prefix in ((1, "a"), (2, "b"), (4, "c")) for one in all_series(seed, prefix)]
    batches: list[dict[tuple[str, str], list[Sample]]] = [{}, {}, {}]
    for one in series:
        order = rng.choice(["late", "by_time", "holes"])
        for sample in one.samples:
            age = (sample.at - one.samples[0].at) / (one.samples[-1].at - one.samples[0].at)
            # Late stragglers; day after day; whole stretches that come last.
            batch = {
                "late": 0 if rng.random() < 0.95 else rng.choice([1, 2]),
                "by_time": min(int(age * 3), 2),
                "holes": 2 if 0.4 < age < 0.5 else 0,
            }[order]
            batches[batch].setdefault((one.asset_id, one.signal), []).append(sample)

    step_by_step = prepare(tmp_path / "steps", series, battery=True)
    for number, batch in enumerate(batches):
        touched = {}
        for (asset_id, signal), samples in batch.items():
            step_by_step.add_samples(asset_id, signal, rows(samples))
            touched[asset_id, signal] = [instant(sample.at) for sample in samples]
        if number == 1:
            # What was landed wrongly goes again: its buckets have to vanish.
            for one in rng.sample(series, 24):
                gone = [instant(s.at) for s in batches[0].get((one.asset_id, one.signal), [])[10:40]]
                step_by_step.remove_samples(one.asset_id, one.signal, gone)
                touched.setdefault((one.asset_id, one.signal), []).extend(gone)
        # The checks look at all that the marts hold: once, when the last batch has come.
        command = "build" if number == len(batches) - 1 else "run"
        step_by_step.build(step_by_step.changed_spans(touched) if number else None, command=command)
    found = contents(step_by_step)
    step_by_step.build(full_refresh=True, command="run")
    assert_same(found, contents(step_by_step))
    assert all(found[mart] for mart in MARTS), "a mart was empty: nothing was compared"


def test_a_build_touches_only_the_days_that_changed(tmp_path: Path) -> None:
    series = [one for one in all_series(3) if one.asset_id == "a0" and one.kind in ("instant", "counter")]
    lake = prepare(tmp_path, series, battery=False)
    for one in series:
        lake.add_samples(one.asset_id, one.signal, rows(one.samples))
    lake.build(command="run")
    first = series[0].samples[0]
    before = lake.rows("select count(*) from lod_1d")
    # A mark on every row shows which ones a build writes anew.
    import duckdb

    with duckdb.connect(str(lake.marts)) as marts:
        marts.execute("UPDATE lod_1d SET unit = 'marked'")
    late = Sample(first.at + 1_000_000, first.value)
    lake.add_samples("a0", series[0].signal, rows([late]))
    lake.build(lake.changed_spans({("a0", series[0].signal): [instant(late.at)]}), command="run")
    rebuilt = lake.rows("select signal, local_date from lod_1d where unit <> 'marked'")
    assert {signal for signal, _ in rebuilt} == {series[0].signal}
    assert 1 <= len(rebuilt) <= 2
    assert lake.rows("select count(*) from lod_1d") == before
