"""The market part of the demo: prices of four operators, and the revenue of one battery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from flows.report.tables import table
from ingest.simulate import MarketFiles

Query = Callable[[str], list[tuple[Any, ...]]]

COVERAGE = "printf('%.1f %%', 100 * coverage)"


def show_prices(query: Query) -> None:
    """Print one line for each operator and market."""
    rows = query(
        """
        SELECT iso, market, count(DISTINCT location), count(*), min(lmp_usd_mwh)::DECIMAL(18, 2),
            avg(lmp_usd_mwh)::DECIMAL(18, 2), max(lmp_usd_mwh)::DECIMAL(18, 2), min(interval_start)::DATE,
            max(interval_start)::DATE, count(*) FILTER (WHERE vintage = 'correction')
        FROM marts.iso_prices GROUP BY iso, market ORDER BY iso, market
        """
    )
    table(
        ("operator", "market", "locations", "prices", "lowest $/MWh", "mean", "highest", "from", "to", "corrected"),
        rows,
        title="SIMULATED energy prices, the latest statement of each",
        drop=("corrected", "locations"),
        more="marts.iso_prices has them, and a wider terminal shows them",
    )


def show_revenue(files: MarketFiles, query: Query) -> None:
    """Print a battery's days and their sum by component, and the caveats of the sum."""
    resource = files.shown
    columns = (
        "dam_energy_usd", "dam_as_usd", "rt_energy_usd", "rt_as_usd", "total_usd", "discharged_mwh", "charged_mwh",
    )  # fmt: skip
    rounded = ", ".join(f"{column}::DECIMAL(18, 2)" for column in columns)
    days = query(
        f"SELECT operating_day, {rounded}, {COVERAGE} FROM marts.bess_revenue_1d "
        f"WHERE resource = '{resource}' ORDER BY 1"
    )
    months = query(
        f"SELECT strftime(month, '%Y-%m') || ', ' || days || ' days', {rounded}, {COVERAGE}, caveats "
        f"FROM marts.bess_revenue_1mo WHERE resource = '{resource}' ORDER BY month"
    )
    battery = next(found for found in files.fleet.batteries if found.esr == resource)
    table(
        ("operating day", "DAM energy $", "DAM services $", "RT energy $", "RT services $", "total $", "out MWh",
         "in MWh", "coverage"),
        [*days, *(month[:-1] for month in months)],
        title=f"SIMULATED battery {resource} ({battery.power_mw:g} MW, {battery.energy_mwh:g} MWh) in ERCOT: revenue",
        drop=("in MWh", "out MWh"),
        more="marts.bess_revenue_1d has them, and a wider terminal shows them",
    )  # fmt: skip
    for *_, caveats in months:
        click.echo(f"caveats: {caveats}\n")
