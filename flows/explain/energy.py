"""Energy of counters and interval values, worked out again from their samples in whole billionths of a kWh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from flows.explain.chain import Evidence, Explanation, House, Row, Step
from flows.explain.rules import observations

#: Billionths of a kWh in a millionth of a unit of energy.
NANO_PER_MICRO = {"Wh": 1, "kWh": 1_000, "MWh": 1_000_000}
WATTS = {"W": 1, "kW": 1_000, "MW": 1_000_000}
#: Samples before and after the interval that are looked at, so that a spike at its edge has its neighbours.
NEIGHBOURS = 4
#: Values that a register comes back from are shown for less than a day.
LONGEST_SPIKE = timedelta(days=1)
#: The longest time that energy is spread over (dbt macro longest_spread_us).
LONGEST_SPREAD = timedelta(days=1096)
COLUMNS = ("ts", "interval_end", "value_exact", "text", "line")


@dataclass(frozen=True)
class Amount:
    """Energy that is spread evenly over a time: billionths of a kWh, and what it comes from."""

    nano: int
    start: datetime
    end: datetime
    said: str

    def inside(self, start: datetime, end: datetime) -> int:
        """The part inside of an interval: the difference of two whole cumulative amounts."""
        whole = _us(self.end, self.start)
        reached, done = _us(min(self.end, end), self.start), _us(max(self.start, start), self.start)
        return _cut(self.nano * reached, whole) - _cut(self.nano * done, whole)


def energy(house: House, found: Explanation) -> None:
    """A quarter or a local day of energy: steps of a counter, or interval values, and the part of each inside."""
    row = found.row
    table, declared = observations(house, row)
    start, end = row["interval_start"], row["interval_end"]
    kind, unit = declared.get("kind"), declared.get("unit") or ""
    events = house.rows(
        "SELECT * FROM marts.counter_events WHERE asset_id = ? AND signal = ? AND occurred_at > ? AND span_start < ?",
        [row["asset_id"], row["signal"], start - LONGEST_SPIKE, end],
    )
    spikes = [event for event in events if event["kind"] == "spike"]
    samples = _samples(
        house, table, row,
        min([start, *(spike["span_start"] for spike in spikes)]),
        max([end, *(event["occurred_at"] for event in events)]),
        NEIGHBOURS + sum(spike["samples_left_out"] for spike in spikes),
    )  # fmt: skip
    if kind == "counter":
        found.rules += [
            "A counter's step between two samples is spread evenly over the time between them; what lies in the "
            "interval counts.",
            "A spike is left out; after a reset nothing is known of the step; a rollover goes on past the declared "
            "value; after a freeze the step is spread over the frozen time (marts.counter_events).",
        ]
        if samples:
            sql = "SELECT * FROM marts.counter_events WHERE asset_id = ? AND signal = ? AND occurred_at BETWEEN ? AND ?"
            events = house.rows(sql, [row["asset_id"], row["signal"], samples[0]["ts"], samples[-1]["ts"]])
        amounts = list(_steps(samples, {event["occurred_at"]: event for event in events}, NANO_PER_MICRO[unit]))
    else:
        found.rules.append("An interval's value is spread evenly over it; what lies in the quarter or day counts.")
        amounts = [_interval(sample, kind, unit) for sample in samples if sample["interval_end"] is not None]
    parts = [(amount, amount.inside(start, end)) for amount in amounts if amount.start < end and amount.end > start]
    used = {at for amount, _ in parts for at in (amount.start, amount.end)}
    entered = [
        sample for sample in samples
        if start <= sample["ts"] < end or sample["ts"] in used
    ]  # fmt: skip
    found.evidence.append(Evidence(table, "samples that the energy comes from", entered, COLUMNS, len(entered)))
    formula = " + ".join(
        f"{_kwh(nano)} ({amount.said})" for amount, nano in parts[:4]
    ) + (f" + ... ({len(parts)} parts)" if len(parts) > 4 else "")  # fmt: skip
    total = sum(nano for _, nano in parts)
    found.steps.append(Step("energy_kwh", formula or "no step", _decimal(total) if parts else None, row["energy_kwh"]))


def event(house: House, found: Explanation) -> None:
    """What happened to a counter: its samples around the event."""
    row = found.row
    table, _ = observations(house, row)
    found.rules.append("A sample is judged with its neighbours: docs/rules.md says how each kind is recognised.")
    samples = _samples(house, table, row, row["span_start"], row["occurred_at"])
    found.evidence.append(Evidence(table, "samples around it", samples, COLUMNS, len(samples)))
    after = next((sample["value_exact"] for sample in samples if sample["ts"] == row["occurred_at"]), None)
    found.steps.append(Step("value_after", "sample of the event", after, row["value_after"]))


def _samples(house: House, table: str, row: Row, start: datetime, end: datetime, beside: int = NEIGHBOURS) -> list[Row]:
    """Exact samples of an interval and some on both sides of it."""
    where, of = "asset_id = ? AND signal = ? AND value_exact IS NOT NULL", [row["asset_id"], row["signal"]]
    sql = f"""
        (SELECT * FROM {table} WHERE {where} AND ts < ? ORDER BY ts DESC LIMIT {beside})
        UNION ALL (SELECT * FROM {table} WHERE {where} AND ts >= ? AND ts <= ?)
        UNION ALL (SELECT * FROM {table} WHERE {where} AND ts > ? ORDER BY ts LIMIT {beside})
    """
    found = house.rows(sql, [*of, start, *of, start, end, *of, end])
    return sorted(found, key=lambda sample: sample["ts"])


def _steps(samples: Sequence[Row], events: dict[datetime, Row], factor: int) -> Iterator[Amount]:
    """Steps between the samples that are no spikes."""
    before: Row | None = None
    left_out = 0
    for sample in samples:
        event = events.get(sample["ts"])
        if event and event["kind"] == "spike":
            left_out = event["samples_left_out"]
        if left_out:
            left_out -= 1
            continue
        if before is not None:
            step = sample["value_exact"] - before["value_exact"]
            kind = event["kind"] if event else None
            start = event["span_start"] if event and kind == "freeze" else before["ts"]
            start = max(start, sample["ts"] - LONGEST_SPREAD)
            said = f"step {sample['value_exact']} - {before['value_exact']}" + (f", {kind}" if kind else "")
            nano = 0 if kind == "reset" else int(step * 1_000_000) * factor
            if event and kind == "rollover":
                nano = int(event["size"] * 1_000_000) * factor
            yield Amount(nano, start, sample["ts"], said)
        before = sample


def _interval(sample: Row, kind: str | None, unit: str) -> Amount:
    micro = int(sample["value_exact"] * 1_000_000)
    start, end = sample["ts"], sample["interval_end"]
    if kind == "interval_energy":
        nano = micro * NANO_PER_MICRO[unit]
    else:
        nano = _cut(micro * WATTS[unit] * _us(end, start), 3_600_000_000)
    return Amount(nano, start, end, f"{sample['value_exact'].normalize():f} {unit} from {start:%H:%M} to {end:%H:%M}")


def _us(later: datetime, earlier: datetime) -> int:
    span = later - earlier
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _cut(amount: int, by: int) -> int:
    """Whole quotient towards zero, as databases divide."""
    return abs(amount) // by * (1 if amount >= 0 else -1)


def _decimal(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)


def _kwh(nano: int) -> str:
    return f"{_decimal(nano).normalize():f} kWh"
