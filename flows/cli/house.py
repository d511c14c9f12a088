"""Commands over landed data: build, query, check, maintain."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flows.cli.arguments import GivenPath, TableNames
from flows.cli.base import example, house, settings


@click.command(epilog=example("wattlake build"))
@click.option("--full-refresh", is_flag=True, help="rebuild every mart from the raw tables")
def build(full_refresh: bool) -> None:
    """Rebuild the marts that changed, check them, and publish them."""
    from flows.report.terminal import UNCHANGED, build_report
    from lakehouse.marts.unchanged import is_current
    from lakehouse.presence import holds_a_house

    at = settings()
    if not holds_a_house(at):
        click.echo(f"nothing has landed yet: there is no Wattlake home in {at.root}")
        return
    if not full_refresh and is_current(at):
        click.echo(UNCHANGED)
        return

    from flows.report.progress import steps
    from ingest.registry import registry
    from lakehouse.marts.build import build as run

    with steps() as shown:
        report = run(at, registry().contracts, full_refresh=full_refresh, progress=shown, watch=shown.watch)
    build_report(report)
    if report.built and (report.held_back or report.kept_back):
        raise click.exceptions.Exit(1)


@click.command(epilog=example('wattlake sql "SELECT * FROM energy_1d LIMIT 5"'))
@click.argument("query", required=False)
@click.option("--file", "-f", "script", type=GivenPath(), help="read the query from this file")
@click.option(
    "--format", "style", type=click.Choice(["table", "csv", "json", "markdown", "parquet", "xlsx"]),
    help="default: by the suffix of --output, else table",
)  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), help="write here instead of to standard output")
def sql(query: str | None, script: Path | None, style: str | None, output: Path | None) -> None:
    """Query raw.*, marts.* and ops.* with SQL, read-only; the prefix `marts.` is optional.

    QUERY is SQL, or - to read it from standard input. Without QUERY, a shell opens on a terminal. SHOW TABLES lists the
    tables, DESCRIBE energy_1d the columns of one.
    """
    from flows.cli.query import run_sql

    if script is not None:
        if query is not None:
            raise click.UsageError("give either QUERY or --file")
        query = script.read_text(encoding="utf-8")
    elif query is None and output is None and sys.stdin.isatty() and sys.stdout.isatty():
        from flows.cli.sql_shell import shell
        from flows.report.results import chosen

        shell(house(), chosen(style, None))
        return
    elif query is None or query == "-":
        query = click.get_text_stream("stdin", encoding="utf-8").read()
    run_sql(house(), query, style, output)


@click.command(epilog=example("wattlake catalog --format json"))
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
def catalog(style: str) -> None:
    """Show every table: rows, bytes, first and last instant, freshness, snapshot."""
    from flows.cli.query import show_catalog

    show_catalog(house(), style)


@click.command(epilog=example("wattlake check"))
def check() -> None:
    """Run every check on the published marts and print the failing rows."""
    from flows.report.progress import steps
    from flows.report.terminal import check_report
    from ingest.registry import registry
    from lakehouse.marts.audit import check as run

    with steps() as shown:
        checks = run(house(), registry().contracts, progress=shown, watch=shown.watch)
    if not check_report(checks):
        raise click.exceptions.Exit(1)


@click.command("dbt-env", epilog=example("wattlake dbt-env > env.sh && . ./env.sh && cd dbt && dbt build"))
def dbt_env() -> None:
    """Print the environment in which dbt's own commands work on a copy of the marts: eval "$(wattlake dbt-env)".

    Run it again after new landings. Marts that dbt builds there are not published; `wattlake build` publishes.
    """
    import shlex

    from flows.report.terminal import log
    from ingest.registry import registry
    from lakehouse.marts.audit import hand_over

    variables = hand_over(house(), registry().contracts)
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    log(f"dbt works on a copy in {variables['WATTLAKE_DBT_FOLDER']}, which is not published")


@click.command(epilog=example("wattlake maintain --sweep"))
@click.option("--dry-run", is_flag=True, help="report the plan, and change nothing")
@click.option("--sweep", is_flag=True, help="delete orphaned files; else they are only listed")
@click.option("--tables", type=TableNames(), help="only these, such as raw.meter_observations,marts.lod_1d")
@click.option(
    "--older-than", type=click.FloatRange(min=1), help="hours after which a file that nothing names is an orphan"
)
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
def maintain(dry_run: bool, sweep: bool, tables: str | None, older_than: float | None, style: str) -> None:
    """Compact small files, expire old snapshots, find orphans, and show disk use.

    It may run beside landings, builds and readers. Rows never change.
    """
    from datetime import timedelta

    from flows.report.terminal import log, maintain_report
    from ingest.registry import registry
    from lakehouse.upkeep.maintain import maintain as run

    report = run(
        house(),
        registry(),
        tables=tables.split(",") if tables else (),
        dry_run=dry_run,
        sweep=sweep,
        older_than=timedelta(hours=older_than) if older_than else None,
        progress=log,
    )
    maintain_report(report, style)


@click.command(epilog=example("wattlake doctor --format json"))
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
def doctor(style: str) -> None:
    """Check settings, disk, database, storage, marts and Prefect, and say how to mend each problem.

    Exits with 1 on a problem. Secrets are never printed.
    """
    from flows import download_doctor, prefect_doctor
    from flows.report.terminal import doctor_report
    from lakehouse.upkeep.doctor import examine

    checks = {**download_doctor.CHECKS, **prefect_doctor.CHECKS}
    findings = examine(settings(), checks, download_doctor.VARIABLES)
    doctor_report(findings, style)
    if any(finding.status == "problem" for finding in findings):
        raise click.exceptions.Exit(1)
