"""What the simulator knows, and the comparison of it with published marts.

The truth is made of the simulator's state and never of files read back. The comparison reads marts only, one query a
group of facts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from ingest.simulate.faults import TICKS_PER_KWH, CounterEvent

Query = Callable[[str], list[tuple[Any, ...]]]
Number = Decimal | float | int

_REGISTER_TOTAL = "select asset_id, signal, null, sum(energy_kwh) from marts.energy_1d group by asset_id, signal"
_REGISTER_DAY = "select asset_id, signal, local_date, energy_kwh from marts.energy_1d"


def _lod(column: str) -> str:
    return f'select asset_id, signal, local_date, "{column}" from marts.lod_1d'


def _bess(column: str) -> str:
    return f"select asset_id, '', local_date, {column} from marts.bess_kpis"


#: Group of facts → (title, unit, SQL giving asset_id, signal, local day or NULL, value).
GROUPS: dict[str, tuple[str, str, str]] = {
    "register_energy_kwh": ("counter energy, what the register tells", "kWh", _REGISTER_TOTAL),
    "register_energy_day_kwh": ("counter energy by day, what the register tells", "kWh", _REGISTER_DAY),
    "true_energy_kwh": ("counter energy, true flow", "kWh", _REGISTER_TOTAL),
    "true_energy_day_kwh": ("counter energy by day, true flow", "kWh", _REGISTER_DAY),
    "profile_energy_kwh": ("load profile energy", "kWh", _REGISTER_TOTAL),
    "profile_energy_day_kwh": ("load profile energy by day", "kWh", _REGISTER_DAY),
    "samples": (
        "samples of every signal",
        "samples",
        "select asset_id, signal, null, sum(n) from marts.lod_1d group by asset_id, signal",
    ),
    "samples_day": ("samples by day", "samples", _lod("n")),
    "highest_day": ("highest value by day", "in its unit", _lod("max")),
    "lowest_day": ("lowest value by day", "in its unit", _lod("min")),
    "mean_power_day_kw": ("mean power by day", "kW", _lod("mean_time_weighted")),
    "power_factor": (
        "power factor over the period",
        "of 1",
        "select asset_id, signal, null, sum(p_kwh) / sum(s_kvah) from marts.power_factor_1d group by asset_id, signal",
    ),
    "soc_min_pct": ("lowest state of charge by day", "%", _bess("soc_min_pct")),
    "soc_max_pct": ("highest state of charge by day", "%", _bess("soc_max_pct")),
    "soc_last_pct": ("last state of charge by day", "%", _bess("soc_last_pct")),
    "soh_pct": ("state of health by day", "%", _bess("soh_pct")),
    "charge_kwh": ("battery charge by day", "kWh", _bess("charge_kwh")),
    "discharge_kwh": ("battery discharge by day", "kWh", _bess("discharge_kwh")),
    "full_cycles": ("equivalent full cycles by day", "cycles", _bess("full_cycles")),
    "aux_kwh": ("auxiliary energy by day", "kWh", _bess("aux_kwh")),
    "cell_v_spread_max_v": ("largest cell spread by day", "V", _bess("cell_v_spread_max_v")),
    "cell_t_max_c": ("hottest cell by day", "°C", _bess("cell_t_max_c")),
    "alarm_seconds": ("alarm seconds by day", "s", _bess("alarm_seconds")),
    "active_seconds": ("seconds a flag or code was active", "s", _lod("seconds_active")),
    "round_trip_efficiency": (
        "round-trip efficiency at the end",
        "of 1",
        "select asset_id, '', null, arg_max(round_trip_efficiency, local_date) from marts.bess_kpis group by asset_id",
    ),
    "simulated": (
        "assets marked as simulated",
        "0 or 1",
        "select asset_id, '', null, cast(is_simulated as integer) from marts.assets",
    ),
}

_EVENTS = "counter events: kind, time and size"
_EVENTS_SQL = "select asset_id, signal, kind, epoch_us(occurred_at), size_kwh from marts.counter_events"


@dataclass(frozen=True)
class Fact:
    """One true number.

    Args:
        what: group, a key of `GROUPS`.
        asset_id: asset, site included.
        signal: signal; empty where the number belongs to the asset.
        day: local day; None for the whole period.
        value: the number; Decimal where it is exact.
        tolerance: how far a right pipeline may be off; None where it cannot know the number (it is not compared).
        reason: why that tolerance.
    """

    what: str
    asset_id: str
    signal: str
    day: date | None
    value: Number
    tolerance: float | None
    reason: str

    @property
    def name(self) -> str:
        """The fact in words."""
        return " ".join(part for part in (self.asset_id, self.signal, self.what, str(self.day or "")) if part)


@dataclass(frozen=True)
class TrueEvent:
    """A counter fault that was simulated."""

    asset_id: str
    signal: str
    event: CounterEvent

    @property
    def size_kwh(self) -> Decimal:
        """Size in kWh, exact."""
        return Decimal(self.event.size_ticks) / TICKS_PER_KWH


@dataclass(frozen=True)
class Truth:
    """Everything the simulator knows about what it delivered.

    Args:
        facts: numbers with their tolerance.
        events: counter faults.
        counters: every counter (asset_id, signal), those without a fault too.
        notes: JSON-able description of the run: seed, days, files, gaps, alarms.
    """

    facts: Sequence[Fact]
    events: Sequence[TrueEvent]
    counters: Sequence[tuple[str, str]]
    notes: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The truth as JSON-able values: instants in UTC, exact numbers as text."""
        return {
            **self.notes,
            "counters": [list(counter) for counter in self.counters],
            "events": [
                {
                    "asset_id": true.asset_id,
                    "signal": true.signal,
                    "kind": true.event.kind,
                    "occurred_at": utc_text(true.event.occurred_at),
                    "span_start": utc_text(true.event.span_start),
                    "size_kwh": str(true.size_kwh),
                }
                for true in self.events
            ],
            "facts": [
                {
                    "what": fact.what,
                    "asset_id": fact.asset_id,
                    "signal": fact.signal,
                    "local_date": str(fact.day) if fact.day else None,
                    "value": str(fact.value) if isinstance(fact.value, Decimal) else fact.value,
                    "tolerance": fact.tolerance,
                    "reason": fact.reason,
                }
                for fact in self.facts
            ],
        }


def utc_text(instant: int) -> str:
    """ISO text of a UTC second."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Comparison:
    """One true number beside what the marts say.

    Args:
        name: the fact in words.
        expected: the truth.
        found: what the marts say; None where they have no row or no value.
        tolerance: allowed absolute difference.
        ok: whether found is within it.
        group: title of the group it belongs to.
        unit: of the three numbers.
        reason: why that tolerance.
    """

    name: str
    expected: Number | str
    found: Number | str | None
    tolerance: float
    ok: bool
    group: str
    unit: str
    reason: str


@dataclass(frozen=True)
class GroupSummary:
    """A group of comparisons in one line.

    Args:
        group: its title.
        compared, agreeing: how many, and how many of them lie within their tolerance.
        largest_difference: absolute, in `unit`; None where no two numbers stand beside each other.
        largest_tolerance: the widest that one of them allows, in `unit`; 0 is exact.
        unit: of the numbers.
    """

    group: str
    compared: int
    agreeing: int
    largest_difference: float | None
    largest_tolerance: float
    unit: str


def compare(truth: Truth, query: Query) -> list[Comparison]:
    """Compare the truth with published marts.

    Args:
        truth: what the simulator knows.
        query: runs SQL in which `marts.*` are the published marts and returns all rows.

    Returns:
        one comparison a fact that has a tolerance and one a counter event, missing and surplus events included.
    """
    comparisons: list[Comparison] = []
    for what, (title, unit, sql) in GROUPS.items():
        facts = [fact for fact in truth.facts if fact.what == what and fact.tolerance is not None]
        if not facts:
            continue
        found = {(row[0], row[1] or "", _day_key(row[2])): row[3] for row in query(sql)}
        for fact in facts:
            value = found.get((fact.asset_id, fact.signal, _day_key(fact.day)))
            tolerance = fact.tolerance or 0.0
            ok = value is not None and _difference(fact.value, value) <= Decimal(str(tolerance))
            comparisons.append(Comparison(fact.name, fact.value, value, tolerance, ok, title, unit, fact.reason))
    return comparisons + _compare_events(truth, query)


def summarise(comparisons: Sequence[Comparison]) -> list[GroupSummary]:
    """One line a group, in the order the groups appear."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.group, []).append(comparison)
    return [
        GroupSummary(
            title, len(members), sum(m.ok for m in members), _largest_difference(members),
            max(m.tolerance for m in members), members[0].unit,
        )
        for title, members in groups.items()
    ]  # fmt: skip


def _compare_events(truth: Truth, query: Query) -> list[Comparison]:
    reason = "registers are whole Wh and faults lie on samples: exact"
    counters = set(truth.counters)
    found = {
        (row[0], row[1], row[2], int(row[3])): row[4] for row in query(_EVENTS_SQL) if (row[0], row[1]) in counters
    }
    comparisons = []
    for true in truth.events:
        key = (true.asset_id, true.signal, true.event.kind, true.event.occurred_at * 1_000_000)
        size = found.pop(key, None)
        ok = size is not None and _difference(true.size_kwh, size) == 0
        name = f"{true.asset_id} {true.signal} {true.event.kind} {utc_text(true.event.occurred_at)}"
        comparisons.append(Comparison(name, true.size_kwh, size, 0.0, ok, _EVENTS, "kWh", reason))
    for (asset_id, signal, kind, at), size in sorted(found.items()):
        name = f"{asset_id} {signal} {kind} {utc_text(at // 1_000_000)}"
        comparisons.append(Comparison(name, "no event", size, 0.0, False, _EVENTS, "kWh", reason))
    return comparisons


def _largest_difference(members: Sequence[Comparison]) -> float | None:
    differences = [
        float(_difference(m.expected, m.found))
        for m in members
        if m.found is not None and not isinstance(m.expected, str) and not isinstance(m.found, str)
    ]
    return max(differences, default=None)


def _difference(expected: Number, found: Any) -> Decimal:
    return abs(Decimal(str(expected)) - Decimal(str(found)))


def _day_key(day: date | None) -> str:
    return str(day)[:10] if day is not None else ""
