"""The marts against plain loops over the same samples: every kind, irregular, with gaps and faults, on DST days."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.support.lake import Lake
from tests.support.marts_oracle import (
    CODES,
    Sample,
    day_bucket,
    energy_by_quarter,
    level,
    micro,
    read_counter,
    utc_bucket,
)
from tests.support.random_series import Series, all_series, declare, exact, rows

LIMIT_KW = Decimal("17.25")
LEVELS = {"lod_5min": 300, "lod_15min": 900, "lod_1h": 3600, "lod_1d": None}
KWH = {"Wh": Decimal("0.001"), "kWh": Decimal(1), "MWh": Decimal(1000)}


@pytest.fixture(scope="module")
def series() -> list[Series]:
    return all_series(seed=20240330)


@pytest.fixture(scope="module")
def built(series: list[Series], tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    declare(lake, series)
    for one in series:
        lake.add_samples(one.asset_id, one.signal, rows(one.samples))
    lake.build()
    return lake


def on_grid(one: Series) -> list[Sample]:
    return [Sample(s.at, exact(s.value), s.end, s.text) for s in one.samples]


def close(found: float | None, expected: Fraction, scale: Fraction) -> bool:
    """Within 1e-9 of the sum of magnitudes."""
    return found is not None and abs(found - float(expected)) <= 1e-9 * max(float(scale), 1.0)


@pytest.mark.parametrize("mart", LEVELS)
def test_a_level_equals_a_recomputation_from_raw(mart: str, series: list[Series], built: Lake) -> None:
    found: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for row in built.dicts(f"select * from {mart}"):
        found.setdefault((row["asset_id"], row["signal"]), {})[micro(row["bucket_start"])] = row
    for one in series:
        seconds = LEVELS[mart]
        bucket_of = utc_bucket(seconds) if seconds else day_bucket(one.zone)
        expected = level(on_grid(one), one.kind, one.max_gap_s * 1_000_000, bucket_of)
        rows_found = found.get((one.asset_id, one.signal), {})
        assert set(rows_found) == {start for start, _ in expected}, (one.asset_id, one.signal)
        for (start, end), want in expected.items():
            row = rows_found[start]
            where = (one.asset_id, one.signal, row["bucket_start"])
            assert micro(row["bucket_end"]) == end, where
            assert row["n"] == want.n, where
            assert row["covered_s"] == pytest.approx(want.covered / 1e6, abs=1e-9), where
            assert row["coverage"] == pytest.approx(want.covered / (end - start), abs=1e-12), where
            assert (micro(row["first_at"]), micro(row["last_at"])) == (want.first_at, want.last_at), where
            wanted_n = None if one.expected_s is None else pytest.approx((end - start) / 1e6 / one.expected_s)
            assert row["n_expected"] == wanted_n, where
            check_numbers(row, want, one, where)


def check_numbers(row: dict[str, Any], want: Any, one: Series, where: tuple[Any, ...]) -> None:
    if one.kind in CODES:
        assert row["codes"] == sorted(want.codes), where
        assert row["seconds_active"] == pytest.approx(want.active / 1e6, abs=1e-9), where
        assert [row[c] for c in ("sum", "min", "max", "mean", "mean_time_weighted", "first", "last")] == [None] * 7
        return
    assert row["min"] == float(min(want.values)), where
    assert row["max"] == float(max(want.values)), where
    assert row["first"] == float(want.values[0]), where
    assert row["last"] == float(want.values[-1]), where
    total, scale = sum(want.values), Fraction(sum(abs(value) for value in want.values))
    if one.kind in ("counter", "interval_energy", "interval_mean"):
        assert row["sum_exact"] == total, where
    assert close(row["sum"], Fraction(total), scale), where
    # A value carried into the bucket may be larger than those in it.
    magnitude = max(Fraction(max(abs(value) for value in want.values)), abs(want.integral) / max(want.covered, 1))
    if one.kind == "alarm":
        assert row["seconds_active"] == pytest.approx(want.active / 1e6, abs=1e-9), where
        assert row["value_seconds_positive"] is None, where
    else:
        assert close(row["value_seconds_positive"], want.positive / 10**6, magnitude * 200_000), where
        negative = (want.integral - want.positive) / 10**6
        assert close(row["value_seconds_negative"], negative, magnitude * 200_000), where
    if one.kind == "power_factor":
        assert row["mean"] is None, where
        assert row["mean_time_weighted"] is None, where
        return
    assert close(row["mean"], Fraction(total) / want.n, scale), where
    assert close(row["mean_time_weighted"], want.integral / want.covered, magnitude * 100), where


def counters(series: list[Series]) -> list[Series]:
    return [one for one in series if one.kind == "counter"]


def rollover_kwh(one: Series) -> Decimal | None:
    return None if one.rollover_at is None else one.rollover_at * KWH[one.unit]


def test_counter_energy_lies_in_the_quarters_it_was_used_in(series: list[Series], built: Lake) -> None:
    for one in counters(series):
        in_kwh = [Sample(s.at, s.value * KWH[one.unit]) for s in on_grid(one) if s.value is not None]
        spreads, _ = read_counter(in_kwh, one.max_gap_s * 1_000_000, LIMIT_KW, rollover_kwh(one))
        expected = energy_by_quarter(spreads)
        found = {
            micro(row["interval_start"]): row
            for row in built.dicts(
                "select * from energy_15min where asset_id = ? and signal = ?", [one.asset_id, one.signal]
            )
        }
        assert set(found) == set(expected)
        for start, (energy, estimated) in expected.items():
            # A quarter's edges are each cut to a billionth of a kWh, once for every amount that crosses them.
            assert abs(Fraction(found[start]["energy_kwh"]) - energy) <= Fraction(4, 10**9), (one.asset_id, start)
            assert found[start]["is_estimated"] == estimated, (one.asset_id, found[start]["interval_start"])
        assert sum(row["energy_kwh"] for row in found.values()) == sum(s.amount for s in spreads)


def test_counter_events_are_named_timed_and_sized(series: list[Series], built: Lake) -> None:
    kinds = set()
    for one in counters(series):
        in_kwh = [Sample(s.at, s.value * KWH[one.unit]) for s in on_grid(one) if s.value is not None]
        _, events = read_counter(in_kwh, one.max_gap_s * 1_000_000, LIMIT_KW, rollover_kwh(one))
        found = built.rows(
            """select epoch_us(occurred_at), kind, size_kwh, epoch_us(span_start) from counter_events
            where asset_id = ? and signal = ? order by all""",
            [one.asset_id, one.signal],
        )
        assert found == sorted((e.at, e.kind, e.size, e.span_start) for e in events), one.asset_id
        kinds |= {event.kind for event in events}
    assert kinds == {"reset", "correction", "spike", "freeze", "jump", "rollover"}, (
        "the random series lost their faults"
    )


def test_days_of_energy_are_the_sum_of_their_quarters(series: list[Series], built: Lake) -> None:
    zones = {one.asset_id: one.zone for one in series}
    quarters: dict[tuple[str, str, int], Decimal] = {}
    for asset_id, signal, start, energy in built.rows(
        "select asset_id, signal, epoch_us(interval_start), energy_kwh from energy_15min"
    ):
        key = (asset_id, signal, day_bucket(zones[asset_id])(start)[0])
        quarters[key] = quarters.get(key, Decimal(0)) + energy
    days = built.rows("select asset_id, signal, epoch_us(interval_start), energy_kwh from energy_1d")
    assert {(a, s, d): energy for a, s, d, energy in days} == quarters


def test_interval_energy_adds_up_exactly(series: list[Series], built: Lake) -> None:
    for one in series:
        if one.kind not in ("interval_energy", "interval_mean"):
            continue
        [(found,)] = built.rows(
            "select sum(energy_kwh) from energy_15min where asset_id = ? and signal = ?", [one.asset_id, one.signal]
        )
        total = Fraction(0)
        for s in on_grid(one):
            assert s.value is not None and s.end is not None
            hours = Fraction(s.end - s.at, 3_600_000_000) if one.kind == "interval_mean" else Fraction(1, 1000)
            total += Fraction(s.value) * hours
        # Mean power times a duration may need more digits than a billionth of a kWh.
        slack = Fraction(len(one.samples), 10**9) if one.kind == "interval_mean" else 0
        assert abs(Fraction(found) - total) <= slack


def test_energy_coverage_counts_seconds_after_a_sample_that_is_not_too_old(series: list[Series], built: Lake) -> None:
    for one in counters(series):
        in_kwh = [Sample(s.at, s.value * KWH[one.unit]) for s in on_grid(one) if s.value is not None]
        spreads, _ = read_counter(in_kwh, one.max_gap_s * 1_000_000, LIMIT_KW, rollover_kwh(one))
        kept = sorted({spread.end for spread in spreads} | {min(s.at for s in one.samples)})
        covered: dict[int, int] = {}
        for at, following in zip(kept, [*kept[1:], None], strict=True):
            until = at + one.max_gap_s * 1_000_000
            until = until if following is None else min(until, following)
            while at < until:
                start = at // 900_000_000 * 900_000_000
                upto = min(until, start + 900_000_000)
                covered[start] = covered.get(start, 0) + upto - at
                at = upto
        for start, coverage in built.rows(
            "select epoch_us(interval_start), coverage from energy_15min where asset_id = ? and signal = ?",
            [one.asset_id, one.signal],
        ):
            assert coverage == pytest.approx(covered.get(start, 0) / 900_000_000, abs=1e-9), (one.asset_id, start)
