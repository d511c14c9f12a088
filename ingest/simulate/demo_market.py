"""The demo's power markets: day-ahead prices of three operators, and a fleet of batteries in the fourth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

from ingest.simulate.demo import Delivery
from ingest.simulate.fleet import Fleet, simulate_fleet
from ingest.simulate.fleet.publish import write_documents
from ingest.simulate.fleet.settlement import Statement, add_up, settle
from ingest.simulate.markets import caiso, isone, nyiso
from ingest.simulate.markets.stated import Price
from ingest.simulate.truth import Comparison, Query
from lakehouse.source import LandOptions

#: Six days before the clocks go forward, so that the period holds a day of 23 hours.
FIRST_DAY, CLOCK_CHANGE = date(2026, 3, 2), date(2026, 3, 8)
#: Operating days of the fleet: as many as everything that goes wrong with it needs.
DAYS = 8
BATTERIES = 3
#: The battery whose days are shown; nothing of it is unknown.
SHOWN = 1
DOLLARS = ("dam_energy_usd", "dam_as_usd", "rt_energy_usd", "rt_as_usd", "total_usd", "known_usd")
ENERGY = ("discharged_mwh", "charged_mwh")
#: Half a cent; energy is counted in billionths of MWh each quarter of an hour.
HALF_A_CENT, SMALL_MWH = 0.005, 1e-6


@dataclass(frozen=True)
class MarketFiles:
    """What was simulated.

    Args:
        deliveries: in the order to land them.
        fleet: the batteries and their market.
        prices: of the other operators, as their documents state them.
    """

    deliveries: list[Delivery]
    fleet: Fleet
    prices: list[Price]

    @property
    def shown(self) -> str:
        """Name of the battery whose days are shown."""
        return self.fleet.batteries[SHOWN].esr


def simulate_market(folder: Path, seed: int = 7) -> MarketFiles:
    """Simulate four markets and a fleet, and write their documents into `folder`; equal seeds give equal bytes."""
    fleet = simulate_fleet(FIRST_DAY, DAYS, BATTERIES, seed)
    documents = write_documents(fleet, folder / "ercot")
    simulated = LandOptions(simulated=True)
    deliveries = [
        Delivery(source, paths, simulated, f"{source}: {DAYS} days, simulated")
        for source, paths in documents.files.items()
    ]
    deliveries += [
        Delivery(source, paths, simulated, f"{source}: what corrects some of it, simulated")
        for source, paths in documents.later.items()
    ]
    others = [
        nyiso.daily(seed, "damlbmp_zone", CLOCK_CHANGE),
        caiso.day_answer(seed, "PRC_LMP", CLOCK_CHANGE),
        isone.public_csv(seed, "dam", CLOCK_CHANGE),
    ]
    for document in others:
        path = folder / document.source / document.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(document.content)
        deliveries.append(Delivery(document.source, [path], simulated, f"{document.source}: one day, simulated"))
    return MarketFiles(deliveries, fleet, [price for document in others for price in document.prices])


def compare_market(files: MarketFiles, query: Query) -> list[Comparison]:
    """What the simulator knows beside the published marts: every price, and what every battery earned a day.

    Args:
        query: runs SQL in which `marts.*` are the published marts and returns all rows.
    """
    return [*_prices(files.prices, query), *_revenue(files.fleet, query)]


def _prices(prices: Sequence[Price], query: Query) -> Iterator[Comparison]:
    rows = query("select iso, market, location, epoch(interval_start)::bigint, lmp_usd_mwh from marts.iso_prices")
    found = {tuple(row[:4]): row[4] for row in rows}
    for price in prices:
        said = found.get((price.iso, price.market, price.location, int(price.start.timestamp())))
        name = f"{price.iso} {price.market} {price.location} {price.start:%Y-%m-%dT%H:%MZ}"
        yield Comparison(
            name, price.lmp, said, 0.0, said == price.lmp, "day-ahead prices of NYISO, CAISO and ISO-NE", "$/MWh",
            "prices are decimal numbers from the text: exact",
        )  # fmt: skip


def _revenue(fleet: Fleet, query: Query) -> Iterator[Comparison]:
    columns = (*DOLLARS, *ENERGY)
    rows = query(f"select resource, operating_day, {', '.join(columns)} from marts.bess_revenue_1d")
    found = {(row[0], str(row[1])): dict(zip(columns, row[2:], strict=True)) for row in rows}
    for resource, intervals in settle(fleet).items():
        for day, true in add_up(intervals, lambda interval: interval.day).items():
            said = found.get((resource, str(day)), {})
            for column in columns:
                tolerance = SMALL_MWH if column in ENERGY else HALF_A_CENT
                expected, value = _true(true, column), said.get(column)
                if expected is None:
                    ok = bool(said) and value is None
                else:
                    ok = value is not None and abs(Fraction(value) - expected) <= Fraction(tolerance)
                shown = "not known" if expected is None else float(expected)
                yield Comparison(
                    f"{resource} {day} {column}", shown, value, tolerance, ok,
                    "battery revenue by day" if column in DOLLARS else "battery energy by day",
                    "$" if column in DOLLARS else "MWh",
                    "worked out from the simulator's state in fractions: to the cent",
                )  # fmt: skip


def _true(statement: Statement, column: str) -> Fraction | None:
    if column in ("dam_as_usd", "rt_as_usd"):
        services = (statement.dam_as_usd if column == "dam_as_usd" else statement.rt_as_usd).values()
        known = [amount for amount in services if amount is not None]
        return sum(known, Fraction(0)) if len(known) == len(services) else None
    value: Fraction | None = getattr(statement, column)
    return value
