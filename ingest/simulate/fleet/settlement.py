"""What a simulated battery earns, worked out from the simulator's own state in whole numbers and fractions.

It reads no document and no table, and has its own clock and units. Formulas are those of the nodal protocols:

- day-ahead energy (4.6.2): award times price of the settlement point, by hour; negative awards cost;
- day-ahead services (4.6.4.1): award times clearing price, by hour; RRS is the sum of its three kinds;
- real-time energy (6.6.3.1): (output - a quarter of the hour's award) times price, by 15 minutes;
- real-time services (6.7.2, since RTC+B): a quarter of (award of the runs - award day-ahead) times price, the same way.

Output is telemetered at SCED runs. A run's values hold until the next one, at most 15 minutes, and are cut at the
edges of the settlement intervals. What is not covered moves nothing that is known; an interval without any cover has
no known output. A blank award is none. An amount that is not known makes every sum that needs it unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from ingest.simulate.fleet.fleet import Fleet

CENTRAL = ZoneInfo("America/Chicago")
#: The simulator's units: 0.1 kW or 0.1 kWh, cents, and the value for an empty cell.
PER_MW, PER_USD, EMPTY = 10_000, 100, -(2**63)
QUARTER_S, HOLDS_S = 900, 900
#: Clearing price → products that it pays, as the day-ahead market and as SCED call them.
SERVICES = {
    "regup": (("regup",), ("regup",)),
    "regdown": (("regdown",), ("regdn",)),
    "rrs": (("rrspfr", "rrsffr", "rrsufr"), ("rrspfr", "rrsffr", "rrsufr")),
    "ecrs": (("ecrssd", "ecrsmd"), ("ecrs",)),
    "nonspin": (("nonspin",), ("nspin",)),
}


@dataclass
class Statement:
    """What one battery earned in an interval, a day or a month; None: not known.

    Args:
        dam_energy_usd, rt_energy_usd: dollars.
        dam_as_usd, rt_as_usd: dollars by clearing price.
        discharged_mwh, charged_mwh: both positive.
        known_usd: what is known of all that, also where a part of a day or of a component is not.
        covered_s: seconds of which the output is known.
        seconds: length.
    """

    dam_energy_usd: Fraction | None = Fraction(0)
    rt_energy_usd: Fraction | None = Fraction(0)
    dam_as_usd: dict[str, Fraction | None] = field(default_factory=lambda: dict.fromkeys(SERVICES, Fraction(0)))
    rt_as_usd: dict[str, Fraction | None] = field(default_factory=lambda: dict.fromkeys(SERVICES, Fraction(0)))
    discharged_mwh: Fraction | None = None
    charged_mwh: Fraction | None = None
    known_usd: Fraction = Fraction(0)
    covered_s: int = 0
    seconds: int = 0

    @property
    def leaves(self) -> list[Fraction | None]:
        """Every amount that is not a sum of others."""
        return [self.dam_energy_usd, *self.dam_as_usd.values(), self.rt_energy_usd, *self.rt_as_usd.values()]

    @property
    def total_usd(self) -> Fraction | None:
        """Sum of everything."""
        return _sum(self.leaves)


@dataclass(frozen=True)
class Interval:
    """A settlement interval: its start in UTC seconds, its operating day, and what was earned in it."""

    start: int
    day: date
    statement: Statement


def settle(fleet: Fleet, first: bool = False) -> dict[str, list[Interval]]:
    """Settle every battery, by its name as it is disclosed (until RTC+B that of its generator).

    Args:
        fleet: what was simulated.
        first: with telemetry and prices as they were published first, before anything was corrected.
    """
    return {
        battery.esr if fleet.rtcb else battery.generator: list(_settle(fleet, number, first))
        for number, battery in enumerate(fleet.batteries)
    }


def add_up(intervals: Iterable[Interval], key: Callable[[Interval], date]) -> dict[date, Statement]:
    """Statements of days, months or whatever the key tells apart."""
    groups: dict[date, list[Statement]] = defaultdict(list)
    for interval in intervals:
        groups[key(interval)].append(interval.statement)
    return {
        when: Statement(
            dam_energy_usd=_sum(s.dam_energy_usd for s in found),
            rt_energy_usd=_sum(s.rt_energy_usd for s in found),
            dam_as_usd={name: _sum(s.dam_as_usd[name] for s in found) for name in SERVICES},
            rt_as_usd={name: _sum(s.rt_as_usd[name] for s in found) for name in SERVICES},
            discharged_mwh=_sum(s.discharged_mwh for s in found if s.discharged_mwh is not None),
            charged_mwh=_sum(s.charged_mwh for s in found if s.charged_mwh is not None),
            known_usd=sum((s.known_usd for s in found), Fraction(0)),
            covered_s=sum(s.covered_s for s in found),
            seconds=sum(s.seconds for s in found),
        )
        for when, found in groups.items()
    }  # fmt: skip


def _sum(amounts: Iterable[Fraction | None]) -> Fraction | None:
    total = Fraction(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def _settle(fleet: Fleet, number: int, first: bool) -> Iterable[Interval]:
    node = fleet.prices.nodes.index(fleet.batteries[number].settlement_point)
    posted = (fleet.first_prices if first else fleet.prices.real_time)[node].tolist()
    unknown = fleet.unknown_prices[node].tolist()
    ahead_price = (fleet.first_day_ahead if first else fleet.prices.day_ahead)[node].tolist()
    ahead_energy = fleet.ahead.energy[number].tolist()
    sold = _sold(fleet, number)
    hours = {start: at for at, start in enumerate(fleet.calendar.hours.tolist())}
    pieces = _pieces(fleet, number, first)
    for at, start in enumerate(fleet.calendar.quarters.tolist()):
        hour = hours[start - start % 3600]
        energy = Fraction(_award(ahead_energy[hour]), PER_MW)
        found = Statement(seconds=QUARTER_S)
        found.dam_energy_usd = energy * Fraction(ahead_price[hour], PER_USD) / 4
        piece = pieces[start]
        known = [(output, seconds) for output, _, seconds in piece if output is not None]
        if known:
            found.covered_s = sum(seconds for _, seconds in known)
            found.discharged_mwh = Fraction(sum(max(output, 0) * s for output, s in known), PER_MW * 3600)
            found.charged_mwh = Fraction(sum(max(-output, 0) * s for output, s in known), PER_MW * 3600)
        found.rt_energy_usd = None
        if known and found.discharged_mwh is not None and found.charged_mwh is not None:
            imbalance = found.discharged_mwh - found.charged_mwh - energy / 4
            price = None if unknown[at] else Fraction(posted[at], PER_USD)
            found.rt_energy_usd = Fraction(0) if imbalance == 0 else None if price is None else imbalance * price
        run_s = sum(seconds for _, _, seconds in piece)
        for name in SERVICES:
            awarded, price_cents = sold[name][hour], fleet.prices.day_ahead_services[name][hour]
            found.dam_as_usd[name] = Fraction(awarded, PER_MW) * Fraction(int(price_cents), PER_USD) / 4
            if fleet.rtcb:
                cents = int(fleet.prices.real_time_services[name][at])
                found.rt_as_usd[name] = None
                if run_s:
                    held = Fraction(sum(awards[name] * seconds for _, awards, seconds in piece), run_s * PER_MW)
                    found.rt_as_usd[name] = (held - Fraction(awarded, PER_MW)) / 4 * Fraction(cents, PER_USD)
        found.known_usd = sum((leaf for leaf in found.leaves if leaf is not None), Fraction(0))
        yield Interval(start, datetime.fromtimestamp(start, UTC).astimezone(CENTRAL).date(), found)


def _award(ticks: int) -> int:
    return 0 if ticks == EMPTY else ticks


def _sold(fleet: Fleet, number: int) -> dict[str, list[int]]:
    """Services sold day-ahead by hour, of both halves where there are two."""
    found: dict[str, list[int]] = {}
    for name, (products, _) in SERVICES.items():
        sums = [0] * len(fleet.calendar.hours)
        for half in (fleet.ahead.services, fleet.ahead.load_services):
            for product in products:
                if product in half:
                    sums = [
                        total + _award(ticks) for total, ticks in zip(sums, half[product][number].tolist(), strict=True)
                    ]
        found[name] = sums
    return found


Piece = tuple[int | None, dict[str, int], int]


def _pieces(fleet: Fleet, number: int, first: bool) -> dict[int, list[Piece]]:
    """Output, awards and seconds of every stretch, by the settlement interval that it lies in."""
    output = (fleet.first_output if first else fleet.real.output)[number].tolist()
    awards = {product: row[number].tolist() for product, row in fleet.real.awards.items()}
    published = [at for at, is_published in enumerate(fleet.calendar.published.tolist()) if is_published]
    runs = fleet.calendar.runs.tolist()
    pieces: dict[int, list[Piece]] = defaultdict(list)
    for at, following in zip(published, [*published[1:], None], strict=True):
        held = {
            name: sum(_award(awards[product][at]) for product in products if product in awards)
            for name, (_, products) in SERVICES.items()
        }
        value = None if output[at] == EMPTY else output[at]
        begin, end = runs[at], runs[at] + HOLDS_S
        if following is not None:
            end = min(end, runs[following])
        while begin < end:
            quarter = begin - begin % QUARTER_S
            cut = min(end, quarter + QUARTER_S)
            pieces[quarter].append((value, held, cut - begin))
            begin = cut
    return pieces
