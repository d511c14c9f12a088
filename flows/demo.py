"""The demo: two simulated sites and four power markets, landed, built and published offline in a home of its own."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from flows.demo_market import show_prices, show_revenue
from flows.docs_site.site import write_site
from flows.report.progress import steps
from flows.report.tables import table
from flows.report.terminal import build_report, file_progress, log
from ingest.registry import registry
from ingest.simulate import (
    Comparison,
    Delivery,
    GroupSummary,
    compare,
    compare_market,
    simulate_demo,
    simulate_market,
    summarise,
)
from lakehouse.inventory import inventory
from lakehouse.landing.files import land_files
from lakehouse.marts.build import build
from lakehouse.reader import open_session
from lakehouse.settings import Settings

Query = Callable[[str], list[tuple[Any, ...]]]

#: File that marks a home that the demo may delete.
MARKER = "DEMO"

#: Queries to try next, each with a title.
QUESTIONS = (
    (
        "energy of every counter a day, and how much of it is estimated",
        "SELECT asset_id, signal, local_date, energy_kwh, coverage, is_estimated FROM marts.energy_1d "
        "ORDER BY ALL LIMIT 20",
    ),
    (
        "faults that counters had, each with its time and size",
        "SELECT asset_id, signal, kind, occurred_at, size_kwh FROM marts.counter_events ORDER BY occurred_at",
    ),
    (
        "the battery's days",
        "SELECT local_date, soc_min_pct, soc_max_pct, charge_kwh, discharge_kwh, round_trip_efficiency, alarm_seconds "
        "FROM marts.bess_kpis ORDER BY local_date",
    ),
    (
        "what every battery of the fleet earned, and why a total may be unknown",
        "SELECT resource, month, dam_energy_usd, dam_as_usd, rt_energy_usd, rt_as_usd, known_usd, total_usd, caveats "
        "FROM marts.bess_revenue_1mo ORDER BY resource",
    ),
)


def demo(home: Path, days: int) -> bool:
    """Simulate, land, build, check and publish, then show the results.

    Args:
        home: of the demo; it is created again. It must be empty, absent, or an earlier demo's.
        days: local days to simulate.

    Returns:
        Whether the published marts agree with the simulator's truth.
    """
    began = time.monotonic()
    home = home.resolve()
    settings = Settings.embedded(home)
    _clear(settings)
    settings.root.mkdir(parents=True, exist_ok=True)
    (settings.root / MARKER).write_text("Made by `wattlake demo`, which deletes this folder when it runs again.\n")
    click.echo(
        f"SIMULATED DATA: two invented sites, {days} days, and a fleet of batteries in ERCOT; nothing here was "
        f"measured or traded. Home: {home}"
    )
    log("simulating two sites and four power markets")
    files = simulate_demo(home / "devices", days=days)
    market = simulate_market(home / "markets")
    *on_time, late = files.deliveries
    for delivery in (*on_time, *market.deliveries):
        _land(settings, delivery)
    with steps() as shown:
        build(settings, registry().contracts, progress=shown, watch=shown.watch)
    click.echo("\nLate data: a day that was missing lands, and only the days it touches are rebuilt.")
    _land(settings, late)
    with steps() as shown:
        report = build(settings, registry().contracts, progress=shown, watch=shown.watch)
    build_report(report)
    page = write_site(settings, None, progress=log)
    connection = open_session(settings, registry().contracts)
    try:

        def query(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        comparisons = [*compare(files.truth, query), *compare_market(market, query)]
        _show_tables(settings)
        _plot(query)
        show_prices(query)
        show_revenue(market, query)
        rows = _rows_to_explain(query)
    finally:
        connection.close()
    agrees = _show_truth(comparisons)
    _show_next(home, page, rows)
    click.echo(f"\ndone in {time.monotonic() - began:.0f} s; all data above are SIMULATED")
    return agrees


def _land(settings: Settings, delivery: Delivery) -> None:
    log(f"landing: {delivery.title}")
    with file_progress() as progress:
        report = land_files(settings, registry(), delivery.source, delivery.paths, delivery.options, progress)
    counts = [outcome.counts for outcome in report.files]
    new, equal = sum(count.new for count in counts), sum(count.equal for count in counts)
    click.echo(f"landed {delivery.title}: {len(report.files)} files, {new:,} new rows, {equal:,} known ones")
    for outcome in report.files:
        if outcome.reason:
            click.echo(f"refused: {outcome.reason}", err=True)


def _clear(settings: Settings) -> None:
    """Delete an earlier demo's home; refuse any other home."""
    if not settings.root.exists() or not any(settings.root.iterdir()):
        return
    if not (settings.root / MARKER).exists():
        raise click.UsageError(f"{settings.root} is not the home of a demo; give another one with --home")
    shutil.rmtree(settings.root)


def _show_tables(settings: Settings) -> None:
    states = inventory(settings, registry().contracts)
    rows = [
        (state.table, state.rows, f"{state.first:%Y-%m-%d}" if state.first else None,
         f"{state.last:%Y-%m-%d}" if state.last else None)
        for state in states
        if state.rows
    ]  # fmt: skip
    table(("table", "rows", "from", "to"), rows, title="What there is (simulated)")
    click.echo(f"{len(states) - len(rows)} more tables are empty; `wattlake catalog` lists them\n")


def _plot(query: Query) -> None:
    """Draw one battery day in the terminal: state of charge and power."""
    import plotext

    day = query("SELECT median(local_date)::DATE FROM marts.bess_kpis")[0][0]
    rows = query(
        f"""
        SELECT hour(timezone(a.time_zone, l.bucket_start)) + minute(timezone(a.time_zone, l.bucket_start)) / 60,
            l.mean
        FROM marts.lod_15min l JOIN marts.assets a USING (asset_id) JOIN marts.signals s USING (asset_id, signal)
        WHERE s.role = 'soc' AND timezone(a.time_zone, l.bucket_start)::DATE = DATE '{day}'
        ORDER BY l.bucket_start
        """
    )
    if not rows:
        return
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(80, 15)
    plotext.plot([row[0] for row in rows], [row[1] for row in rows], marker="dot")
    plotext.title(f"SIMULATED battery werk/ZSIM001: state of charge in %, {day}")
    plotext.xlabel("local hour")
    drawn = plotext.build()
    click.echo(drawn if sys.stdout.isatty() else plotext.uncolorize(drawn))


def _show_truth(comparisons: Sequence[Comparison]) -> bool:
    table(
        ("what the simulator knows", "compared", "agree", "largest difference", "allowed"),
        [
            (group.group, group.compared, group.agreeing, _difference(group), f"{group.largest_tolerance:.3g}")
            for group in summarise(comparisons)
        ],
        title="Published marts beside the simulator's truth",
    )
    wrong = [comparison for comparison in comparisons if not comparison.ok]
    for comparison in wrong[:20]:
        click.echo(
            f"differs: {comparison.name}: true {comparison.expected}, marts {comparison.found} {comparison.unit} "
            f"(tolerance {comparison.tolerance:g}: {comparison.reason})",
            err=True,
        )
    return not wrong


def _difference(group: GroupSummary) -> str:
    """The largest difference with its unit: dollars to the cent, other units to three digits."""
    value = group.largest_difference
    shown = "-" if value is None else f"{value:.2f}" if group.unit == "$" else f"{value:.3g}"
    return f"{shown} {group.unit}"


def _rows_to_explain(query: Query) -> list[str]:
    """Arguments for `wattlake explain`: the best quarter hour of a battery, and a counter's day."""
    ((resource, start),) = query(
        "SELECT resource, interval_start::VARCHAR FROM marts.bess_revenue_15min WHERE total_usd IS NOT NULL "
        "ORDER BY total_usd DESC, resource, interval_start LIMIT 1"
    )
    ((asset, signal, day),) = query(
        "SELECT asset_id, signal, local_date::VARCHAR FROM marts.energy_1d ORDER BY energy_kwh DESC, 1, 2, 3 LIMIT 1"
    )
    return [
        f"bess_revenue_15min resource={resource} interval_start={shlex.quote(start)}",
        f"energy_1d asset_id={asset} signal={signal} local_date={day}",
    ]


def _show_next(home: Path, page: Path, rows: Sequence[str]) -> None:
    home = home.relative_to(Path.cwd()) if home.is_relative_to(Path.cwd()) else home
    command = f"WATTLAKE_HOME={shlex.quote(str(home))} python -m uv run --no-dev wattlake"
    click.echo("Try next:")
    for title, sql in QUESTIONS:
        click.echo(f"\n  {title}:\n  {command} sql {shlex.quote(sql)}")
    click.echo("\n  one number, back to its lines in the files:")
    for row in rows:
        click.echo(f"  {command} explain {row}")
    click.echo(f"\nEvery table and column is described in {page}")
