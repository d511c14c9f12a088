"""Every rule finds what it is there for, and finds nothing in sound data."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lakehouse.writing.contradictions import CONTRADICTED
from tests.support.lake import Lake

START = datetime(2024, 3, 9, 23, tzinfo=UTC)  # 10 March 2024 in Berlin, three weeks before summer time
DAY = 86_400


def numbers(
    value: Callable[[int], float | None], seconds: int = 900, days: int = 2, start: datetime = START
) -> list[tuple[object, ...]]:
    """Samples of a function of the seconds since the start; None leaves one out."""
    found: list[tuple[object, ...]] = []
    for second in range(0, days * DAY, seconds):
        number = value(second)
        if number is not None:
            found.append((start + timedelta(seconds=second), None, Decimal(str(round(number, 6))), None))
    return found


def wave(second: int) -> float:
    """A value that never stands still, between 1 and 2."""
    return 1 + second * 7919 % 1000 / 1000


def sun(second: int, noon_h: float) -> float:
    """Photovoltaic power in kW around an hour of the day."""
    hour = second % DAY / 3600
    return max(0.0, 5 - abs(hour - noon_h))


class Site:
    """Adds signals of one asset."""

    def __init__(self, lake: Lake, asset_id: str, domain: str, **asset: float) -> None:
        self.lake, self.asset_id, self.domain = lake, asset_id, domain
        lake.add_asset(asset_id, domain=domain, **asset)

    def add(
        self, name: str, kind: str, unit: str | None, rows: list[tuple[object, ...]], *,
        role: str | None = None, expected_s: float | None = None, max_gap_s: float = 2700,
    ) -> None:  # fmt: skip
        self.lake.add_signal(self.asset_id, name, kind, unit, expected_s, max_gap_s, role)
        self.lake.add_samples(self.asset_id, name, rows, self.domain)


def break_meter_rules(lake: Lake) -> None:
    def meter(rule: str, **asset: float) -> Site:
        return Site(lake, rule, "meter", **asset)

    meter("completeness").add(
        "p", "instant", "kW", numbers(lambda s: wave(s) if s % DAY < 40_000 else None), expected_s=900
    )
    meter("gap").add("p", "instant", "kW", numbers(lambda s: None if 30_000 < s < 50_000 else wave(s)))
    meter("gap_overnight").add("p", "instant", "kW", numbers(lambda s: None if 80_000 < s < 100_000 else wave(s)))
    meter("missing_days").add("p", "instant", "kW", numbers(lambda s: None if DAY <= s < 3 * DAY else wave(s), days=4))
    meter("counter_step").add("e", "counter", "kWh", numbers(lambda s: s / 3600 + (100 if s < DAY else 0)))
    meter("spike").add("e", "counter", "kWh", numbers(lambda s: 1000 + s / 3600 + (500 if s == 45_000 else 0)))
    meter("power_limit", max_power_kw=10).add(
        "p", "instant", "W", numbers(lambda s: 10_500 if s == 45_000 else wave(s))
    )
    meter("power_limit_energy", max_power_kw=10).add("e", "counter", "kWh", numbers(lambda s: 1000 + s / 3600 * 11))
    meter("contradiction").add("p", "instant", "kW", numbers(wave))
    said = {"asset_id": "contradiction", "signal": "p", "ts": "2024-06-01T00:00:00.000000Z", "says": "7", "value": 7.0,
            "holds": "8", "holds_line": 3}  # fmt: skip
    lost = ["meter", "hash", "p.csv", 2, "p", CONTRADICTED, json.dumps(said)]
    lake.lake.execute("INSERT INTO raw.quarantine VALUES (?, ?, ?, ?, ?, ?, ?)", lost)
    meter("frozen_value").add("v", "instant", "V", numbers(lambda s: 231.7))
    meter("estimated_energy").add(
        "e", "counter", "kWh", numbers(lambda s: None if 30_000 < s < 50_000 else 50 + s / 3600)
    )
    meter("dead_register").add("e", "counter", "kWh", numbers(lambda s: 12.5, seconds=3600, days=8), max_gap_s=10_800)
    meter("unit_jump").add("p", "instant", "kW", numbers(lambda s: wave(s) * (1000 if s >= 4 * DAY else 1), days=5))
    meter("pf_range").add("pf", "power_factor", "1", numbers(lambda s: 1.4 if s == 45_000 else 0.9))
    meter("night_pv").add("pv", "instant", "kW", numbers(lambda s: sun(s, 1.0)), role="pv_power")
    # UTC read as if it were Berlin's wall clock: the sun moves with the clock.
    meter("timezone_proof").add("pv", "instant", "kW", solar_rows(knows_summer_time=False), role="pv_power")
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    meter("clock").add("p", "instant", "kW", [(ahead, None, Decimal(1), None)])
    both = meter("power_vs_counter")
    both.add("p", "instant", "kW", numbers(lambda s: 2), role="grid_power")
    both.add("e", "counter", "kWh", numbers(lambda s: 100 + s / 3600), role="import_energy")


def solar_rows(knows_summer_time: bool) -> list[tuple[datetime, None, Decimal, None]]:
    """Half-hourly sun over 45 days around the start of summer time, whose middle is 12:00 in winter."""
    summer = datetime(2024, 3, 31, 1, tzinfo=UTC)
    found = []
    for step in range(45 * 48):
        at = START + timedelta(minutes=30 * step)
        # The true sun ignores the clock: its noon stays at 11:00 UTC. A wrong file moves with the clock.
        noon_utc_h = 11.0 if knows_summer_time or at < summer else 10.0
        hour = (at - START.replace(hour=0)).total_seconds() % DAY / 3600
        value = max(0.0, 5 - abs(hour - noon_utc_h))
        found.append((at, None, Decimal(str(round(value, 6))), None))
    return found


def break_battery_rules(lake: Lake) -> None:
    def battery(rule: str, **asset: float) -> Site:
        return Site(lake, rule, "bess", **asset)

    def soc(second: int) -> float:
        return 50 + 20 * (second % 43_200 / 43_200)

    battery("alarm_value").add("level", "alarm", None, numbers(lambda s: 2 if s == 45_000 else 0))
    battery("temperature_range").add("t", "max", "°C", numbers(lambda s: 95 if s == 45_000 else 25 + wave(s)))
    battery("soc_range").add("soc", "soc", "%", numbers(lambda s: 101 if s == 45_000 else 50), role="soc")
    step = battery("soc_step")
    step.add("soc", "soc", "%", numbers(lambda s: 50 if s < 45_000 else 70, seconds=300), role="soc")
    flat = battery("soc_flat_under_current")
    flat.add("soc", "soc", "%", numbers(lambda s: 60, seconds=300), role="soc")
    flat.add("i", "instant", "A", numbers(lambda s: 120 + wave(s), seconds=300), role="pack_current")
    order = battery("cell_order")
    order.add("max", "max", "V", numbers(lambda s: 3.4), role="cell_v_max")
    order.add("min", "min", "V", numbers(lambda s: 3.3), role="cell_v_min")
    order.add("avg", "instant", "V", numbers(lambda s: 3.5 if s == 45_000 else 3.35), role="cell_v_avg")
    spread = battery("spread_mismatch")
    spread.add("max", "max", "V", numbers(lambda s: 3.4), role="cell_v_max")
    spread.add("min", "min", "V", numbers(lambda s: 3.3), role="cell_v_min")
    spread.add("diff", "spread", "mV", numbers(lambda s: 90 if s == 45_000 else 100), role="cell_v_spread")
    rack = battery("rack_sum")
    rack.add("i", "instant", "A", numbers(lambda s: 100 + wave(s)), role="pack_current")
    for number in (1, 2):
        rack.add(f"r{number}", "instant", "A", numbers(lambda s: 30 + wave(s)), role="rack_current")
    balance = battery("energy_balance")
    # The sources explain two thirds of what the load takes.
    for name, role, level in (
        ("load", "load_power", 3.0),
        ("pv", "pv_power", 1.0),
        ("grid", "grid_power", 0.5),
        ("b", "battery_discharge_power", 0.5),
    ):
        balance.add(name, "instant", "kW", numbers(lambda s, level=level: level * wave(s)), role=role)
    battery("soh_rise").add("soh", "instant", "%", numbers(lambda s: 90 if s < DAY else 93), role="soh")
    broken = battery("rte_range", capacity_kwh=1.0)
    broken.add("soc", "soc", "%", numbers(soc), role="soc")
    broken.add("p", "instant", "kW", numbers(lambda s: 3 if s % 1800 < 900 else -1), role="battery_discharge_power")


def sound(lake: Lake) -> None:
    meter = Site(lake, "sound_meter", "meter", max_power_kw=30)
    meter.add("pv", "instant", "kW", solar_rows(knows_summer_time=True), role="pv_power")
    meter.add("p", "interval_mean", "kW", [
        (ts, ts + timedelta(minutes=15), value, None) for ts, _, value, _ in numbers(wave)
    ], expected_s=900)  # fmt: skip
    meter.add("grid", "instant", "kW", numbers(wave), role="grid_power")
    counted = [100 + sum(wave(earlier) / 4 for earlier in range(0, s, 900)) for s in range(0, 2 * DAY, 900)]
    meter.add("e", "counter", "kWh", numbers(lambda s: counted[s // 900]), role="import_energy")
    meter.add("gas", "counter", "m3", numbers(lambda s: 100 + s / 7200))
    meter.add("pf", "power_factor", "1", numbers(lambda s: -0.9))
    battery = Site(lake, "sound_battery", "bess", capacity_kwh=10)
    battery.add("soc", "soc", "%", numbers(lambda s: 50 + abs(s % 43_200 - 21_600) / 1080, seconds=300), role="soc")
    battery.add("max", "max", "V", numbers(lambda s: 3.4), role="cell_v_max")
    battery.add("min", "min", "V", numbers(lambda s: 3.3), role="cell_v_min")
    battery.add("avg", "instant", "V", numbers(lambda s: 3.35 + wave(s) / 100), role="cell_v_avg")
    battery.add("diff", "spread", "mV", numbers(lambda s: 100), role="cell_v_spread")
    # A gauge of whole points under a current that moves it once in nine minutes.
    battery.add(
        "soc_coarse", "soc", "%", numbers(lambda s: round(50 + abs(s % 43_200 - 21_600) / 540), seconds=60), role="soc"
    )
    battery.add(
        "i", "instant", "A", numbers(lambda s: 100 if s % 43_200 < 21_600 else -100, seconds=60), role="pack_current"
    )
    for number in (1, 2):
        battery.add(
            f"r{number}",
            "instant",
            "A",
            numbers(lambda s: 50 if s % 43_200 < 21_600 else -50, seconds=60),
            role="rack_current",
        )
    battery.add("smoke", "alarm", None, numbers(lambda s: 1 if s == 45_000 else 0), role="alarm")
    battery.add("soh", "instant", "%", numbers(lambda s: 99 - s / DAY / 10), role="soh")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("quality"))
    break_meter_rules(lake)
    break_battery_rules(lake)
    sound(lake)
    lake.build()
    return lake


def test_every_rule_finds_the_fault_it_is_named_after(built: Lake) -> None:
    declared = {rule for (rule,) in built.rows("select rule from quality_rules")}
    assert {rule for (rule,) in built.rows("select distinct rule from quality_findings")} < declared
    rules = declared - {"price_components", "award_limits"}  # of market_findings
    found = {
        asset_id for (asset_id,) in built.rows("select distinct asset_id from quality_findings where rule = asset_id")
    }
    assert rules - found == set()
    assert built.rows(
        # Each step of a counter above the limit is an event, and so a finding of its own.
        "select count(*) from quality_findings where rule = 'counter_step' and asset_id = 'power_limit_energy'"
    ) != [(0,)]


def test_sound_data_give_no_findings(built: Lake) -> None:
    found = built.rows(
        "select rule, signal, message from quality_findings where asset_id in ('sound_meter', 'sound_battery')"
    )
    assert found == []


def test_a_finding_says_what_is_wrong_in_one_sentence(built: Lake) -> None:
    for rule, severity, value, message in built.rows("select rule, severity, value, message from quality_findings"):
        assert severity in ("info", "warning", "error")
        assert value is not None, rule
        assert message, rule
        assert message.endswith("."), message
        assert "NULL" not in message, message


def test_a_spike_names_its_size_and_time(built: Lake) -> None:
    [(value, message)] = built.rows("select value, message from quality_findings where rule = 'spike'")
    assert value == pytest.approx(500.25)
    assert "2024-03-10 11:30:00" in message
