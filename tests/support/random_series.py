"""Seeded random series of every kind: irregular, with gaps, faults and odd intervals."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.support.lake import Lake
from tests.support.marts_oracle import MINUTE, Sample, micro

#: Zones with half and quarter hours, and days on which summer time starts or ends.
PLACES = (
    ("Europe/Berlin", datetime(2024, 3, 30, 20, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2024, 10, 26, 20, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2024, 5, 1, 3, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2024, 5, 1, 3, tzinfo=UTC)),
    ("America/St_Johns", datetime(2024, 11, 2, 3, tzinfo=UTC)),
)
KINDS = (
    "instant", "interval_mean", "interval_energy", "counter", "min", "max", "spread", "alarm", "code", "category",
    "soc", "power_factor",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Series:
    """One signal with its samples."""

    asset_id: str
    signal: str
    kind: str
    zone: str
    unit: str
    max_gap_s: int
    expected_s: int | None
    samples: tuple[Sample, ...]
    rollover_at: Decimal | None = None


def instant(at: int) -> datetime:
    """Microseconds since 1970 as an instant."""
    return EPOCH + timedelta(microseconds=at)


def all_series(seed: int, prefix: str = "a") -> list[Series]:
    """A signal of every kind in every place."""
    rng = random.Random(seed)
    return [
        one_series(rng, f"{prefix}{number}", kind, zone, start)
        for number, (zone, start) in enumerate(PLACES)
        for kind in KINDS
    ]


def one_series(rng: random.Random, asset_id: str, kind: str, zone: str, start: datetime) -> Series:
    """About three days of one signal."""
    max_gap_s = rng.choice([90, 900, 5400])
    at = micro(start) + rng.randrange(0, 1800) * 1_000_000
    end = at + 3 * 1440 * MINUTE
    register = Decimal(rng.randrange(1, 50_000_000)) / 1000
    rollover_at = None
    if kind == "counter" and rng.random() < 0.5:
        # Of two digits: it begins again more than once.
        rollover_at, register = Decimal(100), register % 100
    excursion: list[Decimal] = []
    frozen_from = at + rng.randrange(0, 1440) * MINUTE
    frozen_to = frozen_from + 1500 * MINUTE if rng.random() < 0.5 else 0
    samples: list[Sample] = []
    returning: dict[int, Decimal] = {}
    while at < end:
        gap_s = rng.choice([20, 31, 60, 300, 301, 899, 900, 1300])
        if rng.random() < 0.02:
            gap_s = rng.choice([3600, 7201, 40_000])
        if kind == "counter":
            if frozen_from < at < frozen_to:
                value = samples[-1].value if samples else register
            else:
                register = next_reading(rng, register, gap_s)
                if 0 < frozen_to <= at and not rollover_at:
                    # What was used while it stood still.
                    register, frozen_to = register + 120_000, 0
                if rollover_at:
                    register %= rollover_at
                value = register
                if excursion:
                    value = excursion.pop()
                elif rng.random() < 0.01:
                    excursion = away(rng, register)
                elif len(samples) in returning:
                    value = returning.pop(len(samples))
                elif rng.random() < 0.02:
                    value = rng.choice([Decimal(0), register + 900, register / 2])
                    # Some come twice with a sound sample between.
                    if rng.random() < 0.5:
                        returning[len(samples) + 2] = value
            samples.append(Sample(at, value))
        elif kind.startswith("interval"):
            # As long as the step, shorter than it, overlapping the next, or longer than a bucket.
            length = rng.choice([gap_s, gap_s, gap_s, max(gap_s // 2, 1), 700, 5400, 90_000])
            status = rng.choice(["", "", "E"])
            samples.append(Sample(at, number(rng), at + length * 1_000_000, status))
        elif kind in ("code", "category"):
            samples.append(Sample(at, None, None, rng.choice(["0", "0", "7", "E12"])))
        elif kind == "alarm":
            samples.append(Sample(at, Decimal(rng.choice([0, 0, 1]))))
        else:
            samples.append(Sample(at, number(rng)))
        at += gap_s * 1_000_000 + rng.choice([0, 0, 1])
    unit = {"counter": rng.choice(["Wh", "kWh", "MWh"]), "interval_energy": "Wh", "interval_mean": "kW"}.get(kind, "W")
    # An interval reaches as far as its length, and a build learns from the declared cadence how far that can be.
    expected_s = 90_000 if kind.startswith("interval") else rng.choice([None, 60, 900])
    return Series(asset_id, f"{kind}_1", kind, zone, unit, max_gap_s, expected_s, tuple(samples), rollover_at)


def away(rng: random.Random, register: Decimal) -> list[Decimal]:
    """Values of a register that is somewhere else for a while, last one first."""
    value = rng.choice([Decimal(0), Decimal(0), register + 900])
    values = []
    for _ in range(rng.choice([1, 2, 5, 40, 400])):
        value += rng.choice([0, 0, 1, 50]) * Decimal("0.001")
        values.append(value)
    return values[::-1]


def next_reading(rng: random.Random, register: Decimal, gap_s: int) -> Decimal:
    """A counter's next value: a rise, now and then a fault."""
    chance = rng.random()
    if chance < 0.01:
        return Decimal(rng.randrange(0, 50)) / 1000
    if chance < 0.02:
        return register - Decimal(rng.randrange(1, 900)) / 1000 if register > 1 else register
    if chance < 0.3:
        return register
    return register + Decimal(rng.randrange(0, 5000)) * gap_s / 3_600_000


def number(rng: random.Random) -> Decimal:
    """A value with up to three decimals, of either sign."""
    return Decimal(rng.randrange(-100_000, 1_000_000)) / 1000


def exact(value: Decimal | None) -> Decimal | None:
    """A value on the grid that raw tables keep."""
    return None if value is None else value.quantize(Decimal("0.000001"))


def declare(lake: Lake, series: list[Series]) -> None:
    """Put assets and signals into a lake."""
    for asset_id, zone in dict.fromkeys((one.asset_id, one.zone) for one in series):
        lake.add_asset(asset_id, zone)
    for one in series:
        lake.add_signal(
            one.asset_id,
            one.signal,
            one.kind,
            one.unit,
            one.expected_s,
            one.max_gap_s,
            estimated_statuses="E|S",
            rollover_at=one.rollover_at,
        )


def rows(samples: list[Sample] | tuple[Sample, ...]) -> list[tuple[object, ...]]:
    """Samples as rows of a lake."""
    return [(instant(s.at), None if s.end is None else instant(s.end), exact(s.value), s.text) for s in samples]
