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
THREE_YEARS = 1096 * DAY
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


def read_counter(
    samples: list[Sample], max_gap: int, limit_kw: Decimal, rollover: Decimal | None = None
) -> tuple[list[Spread], list[Event]]:
    """Steps and events of a counter in kWh."""
    register = Register(limit_kw, rollover)
    points = [(sample.at, sample.value) for sample in sorted(samples, key=lambda s: s.at) if sample.value is not None]
    runs = [list(run) for _, run in itertools.groupby(points, key=lambda point: point[1])]
    events: list[Event] = []
    kept: list[Run] = runs[:1]
    number = 1
    while number < len(runs):
        back = register.way_back(runs, number)
        if back is not None:
            (before, value), (at, other) = runs[number - 1][-1], runs[number][0]
            events.append(Event(at, "spike", other - value, before))
            number = back
        # The register has come back to this run, or has never left.
        kept.append(runs[number])
        number += 1
    spreads: list[Spread] = []
    previous: tuple[int, Decimal, int] | None = None
    for run in kept:
        for at, value in run:
            if previous is not None:
                spread, event = register.step(previous, (at, value), max_gap)
                spreads.append(spread)
                events += [event] if event else []
            previous = (at, value, run[0][0])
    return spreads, events


Run = list[tuple[int, Decimal]]


@dataclass(frozen=True)
class Register:
    """What is known of a register: its connection's limit, and the value at which it begins again."""

    limit_kw: Decimal
    rollover: Decimal | None = None

    def can_carry(self, amount: Decimal, microseconds: int) -> bool:
        """Whether the connection delivers so many kWh in the time."""
        return Fraction(amount) * 3_600_000_000 <= Fraction(self.limit_kw) * microseconds

    def rise(self, before: tuple[int, Decimal], after: tuple[int, Decimal]) -> Decimal:
        """What went through from one reading to a later one, if nothing was done to the register."""
        change = after[1] - before[1]
        if change < 0 and self.rollover is not None:
            beyond = change + self.rollover
            if beyond >= 0 and self.can_carry(beyond, after[0] - before[0]):
                return beyond
        return change

    def way_back(self, runs: list[Run], away: int) -> int | None:
        """The run at which the register is back from where it went with the run `away`, or None."""
        before, gone = runs[away - 1][-1], runs[away][0]
        went = gone[1] - before[1]
        if away + 1 == len(runs) or (went > 0 and self.can_carry(went, gone[0] - before[0]) and len(runs[away]) > 1):
            return None
        tried = 0
        for there in range(away + 1, len(runs)):
            last, now = runs[there - 1][-1], runs[there][0]
            if last[0] - gone[0] >= DAY or tried == 64:
                return None
            came = now[1] - last[1]
            if went * came > 0:
                continue
            rest = now[1] - before[1]
            cancels = abs(rest) * 100 <= min(abs(went), abs(came))
            if there == away + 1 and len(runs[away]) == 1 and cancels and not before[1] == now[1] == 0:
                return there
            leaper = (came, now[0] - last[0]) if went < 0 else (went, gone[0] - before[0])
            if self.can_carry(*leaper):
                continue
            tried += 1
            if abs(came) * 2 < abs(went):
                continue
            fell, fell_from = (-went, before[1]) if went < 0 else (-came, last[1])
            through = self.rise(before, now)
            is_reset = fell * 10 >= abs(fell_from)
            if abs(through) * 10 <= abs(went):
                return there
            if is_reset and through >= 0 and self.can_carry(through, now[0] - before[0]):
                return there
        return None

    def step(
        self, previous: tuple[int, Decimal, int], now: tuple[int, Decimal], max_gap: int
    ) -> tuple[Spread, Event | None]:
        """One step between kept samples."""
        (t0, before, flat_since), (t1, value) = previous, now
        rise, through = value - before, self.rise((t0, before), now)
        # Over more than the longest day nobody knows which day it was used in.
        in_gap = t1 - t0 > min(max_gap, 25 * 60 * MINUTE)
        start = max(t0, t1 - THREE_YEARS)
        if through != rise:
            return Spread(start, t1, through, in_gap), Event(t1, "rollover", through, t0)
        if rise < 0 and -rise < abs(before) / 10:
            return Spread(start, t1, rise, True), Event(t1, "correction", rise, t0)
        if rise < 0:
            return Spread(start, t1, Decimal(0), in_gap), Event(t1, "reset", before, t0)
        if self.can_carry(rise, t1 - t0):
            event = Event(t1, "gap", rise, t0) if t1 - t0 > THREE_YEARS and rise else None
            return Spread(start, t1, rise, in_gap), event
        if t0 - flat_since >= DAY:
            return Spread(max(flat_since, t1 - THREE_YEARS), t1, rise, True), Event(t1, "freeze", rise, flat_since)
        return Spread(start, t1, rise, True), Event(t1, "jump", rise, t0)


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
