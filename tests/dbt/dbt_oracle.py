"""What the marts must say, in plain loops over Python numbers: slow, short, and independent of the SQL.

Instants are whole microseconds since 1970, values are Decimal, integrals are Fraction.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

MINUTE = 60_000_000
QUARTER = 15 * MINUTE
DAY = 1440 * MINUTE
#: Kinds whose values are sets of codes and no numbers.
CODES = ("code", "category")

Bucket = tuple[int, int]


@dataclass(frozen=True)
class Sample:
    """One observation.

    Args:
        at: instant, or start of the interval.
        value: number; None for codes.
        end: end of the interval; None for instants.
        text: code or status.
    """

    at: int
    value: Decimal | None
    end: int | None = None
    text: str | None = None


@dataclass
class Row:
    """One bucket of a level."""

    values: list[Decimal] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    n: int = 0
    covered: int = 0
    integral: Fraction = Fraction(0)
    positive: Fraction = Fraction(0)
    active: int = 0
    first_at: int = 0
    last_at: int = 0


def micro(instant: datetime) -> int:
    """An instant in microseconds since 1970."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def utc_bucket(seconds: int) -> Callable[[int], Bucket]:
    """Buckets aligned to UTC."""
    length = seconds * 1_000_000
    return lambda at: (at // length * length, at // length * length + length)


def day_bucket(zone: str) -> Callable[[int], Bucket]:
    """Local days of a zone."""

    def bucket(at: int) -> Bucket:
        day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(ZoneInfo(zone)).date()
        edges = [
            datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
            for d in (day, day + timedelta(days=1))
        ]
        return micro(edges[0]), micro(edges[1])

    return bucket


def level(samples: list[Sample], kind: str, max_gap: int, bucket_of: Callable[[int], Bucket]) -> dict[Bucket, Row]:
    """Rows of a level by bucket."""
    rows: dict[Bucket, Row] = {}
    valid: list[tuple[Sample, int]] = []
    ordered = sorted(samples, key=lambda sample: sample.at)
    for sample, following in zip(ordered, [*ordered[1:], None], strict=True):
        until = sample.end if sample.end is not None else sample.at + max_gap
        if following is not None and following.at < until:
            until = following.at
        start, end = bucket_of(sample.at)
        if sample.end is not None and sample.end - sample.at > end - start:
            continue
        valid.append((sample, until))
        row = rows.setdefault((start, end), Row(first_at=sample.at))
        row.n += 1
        row.last_at = sample.at
        if kind in CODES:
            row.codes.add(sample.text or "")
        elif sample.value is not None:
            row.values.append(sample.value)
    for sample, until in valid:
        at = sample.at
        while at < until:
            start, end = bucket_of(at)
            piece = min(until, end) - at
            if (start, end) in rows:
                row = rows[start, end]
                row.covered += piece
                row.active += piece if is_active(sample, kind) else 0
                if sample.value is not None and kind not in CODES:
                    row.integral += Fraction(sample.value) * piece
                    row.positive += Fraction(max(sample.value, Decimal(0))) * piece
            at = end
    return rows


def is_active(sample: Sample, kind: str) -> bool:
    """Whether an alarm flag or a code says something."""
    if kind == "alarm":
        return sample.value != 0
    return kind == "category" or (kind == "code" and sample.text not in (None, "", "0"))


@dataclass(frozen=True)
class Event:
    """A counter event with its size in the register's unit."""

    at: int
    kind: str
    size: Decimal
    span_start: int


@dataclass(frozen=True)
class Spread:
    """An amount of energy in the register's unit, used evenly over a time."""

    start: int
    end: int
    amount: Decimal
    is_estimated: bool


def read_counter(samples: list[Sample], max_gap: int, limit_kw: Decimal) -> tuple[list[Spread], list[Event]]:
    """Steps and events of a counter in kWh."""
    points = [(sample.at, sample.value) for sample in sorted(samples, key=lambda s: s.at) if sample.value is not None]
    runs = [list(run) for _, run in itertools.groupby(points, key=lambda point: point[1])]
    odd = [0 < r < len(runs) - 1 and away_and_back(*runs[r - 1 : r + 2], limit_kw) for r in range(len(runs))]
    spikes = [odd[r] and not odd[r - 1] for r in range(len(runs)) for _ in runs[r]]
    events: list[Event] = []
    spreads: list[Spread] = []
    flat_since = 0
    previous: tuple[int, Decimal, int] | None = None
    for i, (at, value) in enumerate(points):
        if i == 0 or points[i - 1][1] != value:
            flat_since = at
        if spikes[i]:
            if value != points[i - 1][1]:
                events.append(Event(at, "spike", value - points[i - 1][1], points[i - 1][0]))
            continue
        if previous is not None:
            spread, event = step(previous, (at, value), max_gap, limit_kw)
            spreads.append(spread)
            events += [event] if event else []
        previous = (at, value, flat_since)
    return spreads, events


Run = list[tuple[int, Decimal]]


def away_and_back(before: Run, run: Run, after: Run, limit_kw: Decimal) -> bool:
    """Whether the middle one of three runs of equal values is a spike."""
    away, back, rest = run[0][1] - before[0][1], after[0][1] - run[0][1], after[0][1] - before[0][1]
    if away * back >= 0 or run[-1][0] - run[0][0] >= DAY:
        return False
    if len(run) == 1 and abs(rest) <= min(abs(away), abs(back)) / 100 and not before[0][1] == after[0][1] == 0:
        return True
    can_go, can_return, can_pass = (
        limit_kw * (later - earlier) / 3_600_000_000
        for earlier, later in (
            (before[-1][0], run[0][0]), (run[-1][0], after[0][0]), (before[-1][0], after[0][0])
        )
    )  # fmt: skip
    if abs(rest) <= abs(away) / 10 and (away > can_go or back > can_return):
        return True
    fell = away < 0 and abs(away) >= abs(before[0][1]) / 10
    return fell and back > can_return and 0 <= rest <= can_pass


def step(
    previous: tuple[int, Decimal, int], now: tuple[int, Decimal], max_gap: int, limit_kw: Decimal
) -> tuple[Spread, Event | None]:
    """One step between kept samples."""
    (t0, before, flat_since), (t1, value) = previous, now
    rise = value - before
    in_gap = t1 - t0 > max_gap
    if rise < 0 and -rise < abs(before) / 10:
        return Spread(t0, t1, rise, True), Event(t1, "correction", rise, t0)
    if rise < 0:
        return Spread(t0, t1, Decimal(0), in_gap), Event(t1, "reset", before, t0)
    if t0 - flat_since >= DAY and rise > limit_kw * (t1 - t0) / 3_600_000_000:
        return Spread(flat_since, t1, rise, True), Event(t1, "freeze", rise, flat_since)
    return Spread(t0, t1, rise, in_gap), None


def energy_by_quarter(spreads: list[Spread]) -> dict[int, tuple[Fraction, bool]]:
    """Exact energy and whether any of it is estimated, by start of the quarter."""
    found: dict[int, tuple[Fraction, bool]] = {}
    for spread in spreads:
        at = spread.start
        while at < spread.end:
            start = at // QUARTER * QUARTER
            upto = min(start + QUARTER, spread.end)
            share = Fraction(spread.amount) * Fraction(upto - at, spread.end - spread.start)
            energy, estimated = found.get(start, (Fraction(0), False))
            found[start] = (energy + share, estimated or spread.is_estimated)
            at = upto
    return found
