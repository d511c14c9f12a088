"""The `wattlake` command. Commands call plain functions; heavy imports wait until a command needs them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flows.arguments import GivenPath, LayoutName, SourceName, TableNames, ZoneName
from flows.cli_downloads import download_options, run_downloads
from flows.cli_explain import explain
from flows.cli_layouts import layout_group

if TYPE_CHECKING:
    from lakehouse.errors import WattlakeError
    from lakehouse.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


def example(text: str) -> str:
    """An epilog that click prints as it stands."""
    return f"\b\nExample:\n  {text}"


class Cli(click.Group):
    """Prints Wattlake's errors with their next step, without a stack trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; exit 2 on wrong usage and 1 on any other error that says what to do."""
        from flows.progress import tell_of_waits
        from lakehouse.errors import WattlakeError, WrongUsage
        from lakehouse.outages import explained

        tell_of_waits()
        try:
            with explained():
                return super().invoke(ctx)
        except WattlakeError as error:
            told = error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception:
            damage = _diagnosed()
            if damage is None:
                raise  # a fault of ours
            told = damage
        click.echo(f"error: {told}", err=True)
        raise click.exceptions.Exit(2 if isinstance(told, WrongUsage) else 1)


def _diagnosed() -> WattlakeError | None:
    """What is damaged in the house where something failed that nobody explained."""
    from lakehouse.damage import diagnosed, read_every_row
    from lakehouse.errors import WattlakeError

    try:
        return diagnosed(settings(), read_every_row)
    except WattlakeError as error:
        return error


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"]}, epilog=example("wattlake demo"))
@click.version_option(package_name="wattlake")
def main() -> None:
    """Wattlake: one lakehouse for energy data.

    The data live in WATTLAKE_HOME (default ./.wattlake). Exit codes: 0 done, 1 failed, 2 wrong usage.
    """


def settings() -> Settings:
    """The settings of this process."""
    from pydantic import ValidationError

    from lakehouse.errors import TerminalError
    from lakehouse.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        # Settings that follow from a wrong one are not told.
        own = [e for e in error.errors() if e["type"] != "default_factory_not_called"]
        problems = "; ".join(f"WATTLAKE_{str(e['loc'][0]).upper() if e['loc'] else '…'}: {e['msg']}" for e in own)
        raise TerminalError(f"a setting is wrong: {problems}", "mend the environment variable") from error


def house() -> Settings:
    """The settings of this process, for commands that read: a mistyped WATTLAKE_HOME is no new house."""
    from lakehouse.presence import require_house

    at = settings()
    require_house(at)
    return at


def land_options(command: Command) -> Command:
    """The options that say what the files don't."""
    options = [
        click.option("--asset", help="asset_id for everything in the files"),
        click.option("--site", help="site id; prefixes every asset_id as SITE/"),
        click.option(
            "--timezone", type=ZoneName(), help="IANA zone of naive stamps (default: the layout's, else Europe/Berlin)"
        ),
        click.option(
            "--site-timezone",
            type=ZoneName(),
            help="IANA zone of the calendar, where it differs from that of the stamps",
        ),
        click.option("--max-power-kw", type=float, help="connection limit of the site (default 17.25)"),
        click.option("--capacity-kwh", type=float, help="usable energy of the battery"),
        click.option("--layout", type=LayoutName(), help="read with this layout instead of recognising one by content"),
        click.option("--simulated", is_flag=True, help="the files come from a simulator; needs a home of its own"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@main.command(epilog=example("wattlake land meter meters/ --site hof"))
@click.argument("source", type=SourceName())
@click.argument("paths", nargs=-1, required=True, type=GivenPath())
@land_options
def land(source: str, paths: tuple[Path, ...], **options: Any) -> None:
    """Land files and folders into the raw tables.

    SOURCE is one of `wattlake sources`. Landing the same bytes again changes nothing.

    Exits with 0 if every file landed, had landed before or is not landed on purpose, and with 1 if one was refused: the
    others have landed.
    """
    from flows.land import land as land_files
    from flows.present import file_progress, land_report
    from ingest.source import LandOptions

    with file_progress() as progress:
        report = land_files(settings(), source, paths, LandOptions(**options), progress)
    land_report(report)
    if report.refused:
        raise click.exceptions.Exit(1)


main.add_command(layout_group)
main.add_command(explain)


@main.command(epilog=example("wattlake sources"))
def sources() -> None:
    """List every source: what it lands and what it needs."""
    from flows.tables import table
    from ingest.registry import sources as known

    rows = [
        (name, source.summary, ", ".join(f"raw.{c.name}" for c in source.contracts), source.needs)
        for name, source in sorted(known().items())
    ]
    table(("source", "what it is", "lands", "needs"), rows, drop=("lands",))


@main.command(epilog=example("wattlake download nyiso-rt5-lbmp-zone --days 7"))
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=SourceName(downloaded=True))
@download_options
@click.option("--days", type=click.IntRange(min=1), help="so many days back from --end, instead of --start")
@click.option("--simulated", is_flag=True, help="the operator is a simulator; needs a home of its own")
def download(sources: tuple[str, ...], **window: Any) -> None:
    """Download and land what is not at hand of some market days.

    SOURCE is one of `wattlake sources`. What is at hand and final is not asked for again; docs/markets.md tells more.
    Exits with 1 if a document that there should be could not be had or was refused; what came has landed.
    """
    run_downloads(settings(), sources, "download", **window)


@main.command(epilog=example("wattlake realtime nyiso-rt5-lbmp-zone"))
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=SourceName(downloaded=True))
@click.option("--locations", default="", help="CAISO: these nodes, with commas, instead of WATTLAKE_CAISO_NODES")
@click.option("--simulated", is_flag=True, help="the operator is a simulator; needs a home of its own")
def realtime(sources: tuple[str, ...], **window: Any) -> None:
    """Download and land everything from where the last download ended up to now; run it again and again."""
    run_downloads(settings(), sources, "realtime", **window)


@main.command(epilog=example("wattlake backfill bess archive-of-2023/ --site werk"))
@click.argument("source", type=SourceName())
@click.argument("paths", nargs=-1, type=GivenPath())
@click.option("--batch", default=200, show_default=True, type=click.IntRange(min=1), help="files a commit")
@download_options
@land_options
def backfill(
    source: str, paths: tuple[Path, ...], batch: int, start: date | None, end: date | None, locations: str,
    **options: Any,
) -> None:  # fmt: skip
    """Land a large history in batches; an interrupted backfill goes on where it stopped.

    With PATHS it is a history in files. With --start it is downloaded: all days from there that are not at hand.
    Exits as `land` and `download` do.
    """
    if bool(paths) == bool(start):
        raise click.UsageError("give either PATHS, or --start DAY to download")
    if start:
        given = sorted(name for name, value in options.items() if value and name != "simulated")
        if given:
            raise click.UsageError(f"--{given[0].replace('_', '-')} is of files, and --start downloads")
        run_downloads(
            settings(), (source,), "backfill", start=start, end=end, locations=locations, simulated=options["simulated"]
        )  # fmt: skip
        return
    if end or locations:
        raise click.UsageError("--end and --locations are of downloads: give --start too")
    from flows.backfill import backfill as run
    from flows.present import file_progress, land_report
    from ingest.source import LandOptions

    with file_progress() as progress:
        report = run(settings(), source, paths, LandOptions(**options), batch, progress)
    land_report(report)
    if report.refused:
        raise click.exceptions.Exit(1)


@main.command(epilog=example("wattlake replay"))
@click.option("--dry-run", is_flag=True, help="compare only; leave the raw tables as they are")
def replay(dry_run: bool) -> None:
    """Rebuild the raw tables from the archive alone.

    It mends a broken home: what cannot be read is put aside first, and nothing is deleted. docs/mending.md tells more.
    """
    from flows.present import file_progress
    from flows.replay import replay as run
    from flows.tables import table

    with file_progress() as progress:
        report = run(house(), dry_run=dry_run, progress=progress)
    table(
        ("table", "rows", "missing before", "surplus before", "outcome"),
        [(f"raw.{t.table}", t.rows, t.missing, t.surplus, t.outcome) for t in report.tables],
    )
    for said in report.mended:
        click.echo(f"mended: {said}")
    if report.restored:
        click.echo(f"recorded anew: {report.restored} landings that the database had lost")
    click.echo(f"{report.receipts} receptions replayed")
    if report.incomplete:
        raise report.incomplete


@main.command(epilog=example("wattlake build"))
@click.option("--full-refresh", is_flag=True, help="rebuild every mart from the raw tables")
def build(full_refresh: bool) -> None:
    """Rebuild what changed, check it, and publish it."""
    from flows.present import build_report
    from flows.progress import steps
    from flows.transform import build as run
    from lakehouse.presence import holds_a_house

    at = settings()
    if not holds_a_house(at):
        click.echo(f"nothing has landed yet: there is no house in {at.root}")
        return
    with steps() as told:
        report = run(at, full_refresh=full_refresh, progress=told, watch=told.watch)
    build_report(report)
    if report.built and report.held_back:
        raise click.exceptions.Exit(1)


@main.command(epilog=example('wattlake sql "SELECT * FROM energy_1d LIMIT 5"'))
@click.argument("query", required=False)
@click.option("--file", "-f", "script", type=GivenPath(), help="read the query from this file")
@click.option(
    "--format", "style", type=click.Choice(["table", "csv", "json", "markdown", "parquet", "xlsx"]),
    help="default: what the name of --output says, else table",
)  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), help="write here instead of to standard output")
def sql(query: str | None, script: Path | None, style: str | None, output: Path | None) -> None:
    """Ask with SQL over raw.*, marts.* and ops.*; a mart needs no `marts.` before its name.

    QUERY is SQL, or - to read it from standard input. Without one, on a terminal, a shell opens. SHOW TABLES lists the
    tables and DESCRIBE energy_1d the columns of one. Nothing can be changed.
    """
    from flows.query import run_sql

    if script is not None:
        if query is not None:
            raise click.UsageError("give either QUERY or --file")
        query = script.read_text(encoding="utf-8")
    elif query is None and output is None and sys.stdin.isatty() and sys.stdout.isatty():
        from flows.results import chosen
        from flows.sql_shell import shell

        shell(house(), chosen(style, None))
        return
    elif query is None or query == "-":
        query = click.get_text_stream("stdin", encoding="utf-8").read()
    run_sql(house(), query, style, output)


@main.command(epilog=example("wattlake catalog --format json"))
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
def catalog(style: str) -> None:
    """Show every table: rows, bytes, first and last instant, freshness, snapshot."""
    from flows.query import show_catalog

    show_catalog(house(), style)


@main.command(epilog=example("wattlake check"))
def check() -> None:
    """Run every check on the published marts and print the failing rows."""
    from flows.present import check_report
    from flows.progress import steps
    from flows.transform import check as run

    with steps() as told:
        checks = run(house(), progress=told, watch=told.watch)
    if not check_report(checks):
        raise click.exceptions.Exit(1)


@main.command("dbt-env", epilog=example("wattlake dbt-env > env.sh && . ./env.sh && cd dbt && dbt build"))
def dbt_env() -> None:
    """Print the environment in which dbt's own commands work on a copy of the marts: eval "$(wattlake dbt-env)".

    Run it again for what has landed since. What such a dbt builds is published nowhere; `wattlake build` does that.
    """
    import shlex

    from flows.present import log
    from ingest.registry import contracts
    from lakehouse.audit import hand_over

    variables = hand_over(house(), contracts())
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    log(f"dbt works in {variables['WATTLAKE_DBT_FOLDER']}, on a copy: nothing of it is published")


@main.command(epilog=example("wattlake maintain --sweep"))
@click.option("--dry-run", is_flag=True, help="say what would be done, and change nothing")
@click.option("--sweep", is_flag=True, help="delete orphaned files; they are only listed otherwise")
@click.option("--tables", type=TableNames(), help="only these, such as raw.meter_observations,marts.lod_1d")
@click.option(
    "--older-than", type=click.FloatRange(min=1), help="hours after which a file that nothing names is an orphan"
)
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
def maintain(dry_run: bool, sweep: bool, tables: str | None, older_than: float | None, style: str) -> None:
    """Compact small files, expire old snapshots, find orphans, and show where the bytes are.

    It runs beside landings, builds and readers. Rows never change.
    """
    from datetime import timedelta

    from flows.maintain import maintain as run
    from flows.present import log, maintain_report

    report = run(
        house(),
        tables=tables.split(",") if tables else (),
        dry_run=dry_run,
        sweep=sweep,
        older_than=timedelta(hours=older_than) if older_than else None,
        progress=log,
    )
    maintain_report(report, style)


@main.command(epilog=example("wattlake doctor --format json"))
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
def doctor(style: str) -> None:
    """Look at settings, disk, database, storage, marts and Prefect, and say how to mend what is wrong.

    Exits with 1 if something will fail. No secret is printed.
    """
    from flows import download_doctor, prefect_doctor
    from flows.present import doctor_report
    from lakehouse.doctor import examine

    checks = {**download_doctor.CHECKS, **prefect_doctor.CHECKS}
    findings = examine(settings(), checks, download_doctor.VARIABLES)
    doctor_report(findings, style)
    if any(finding.status == "problem" for finding in findings):
        raise click.exceptions.Exit(1)


@main.command(epilog=example("wattlake docs --no-serve"))
@click.option("--output", type=click.Path(path_type=Path), help="write the site to this folder and end")
@click.option("--serve/--no-serve", "serving", default=None, help="serve the site (default, unless --output is given)")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one")
def docs(output: Path | None, serving: bool | None, host: str, port: int) -> None:
    """Write the documentation site and serve it: dbt docs, Data Docs, the last checks.

    The pages need no internet and no server: they open from the folder too. Ends on Ctrl-C or SIGTERM.
    """
    from flows.docs import serve_site, write_site
    from flows.present import log

    page = write_site(house(), output, progress=log)
    click.echo(f"docs: {page}")
    if serving if serving is not None else output is None:
        serve_site(page.parent, host, port, log)


@main.group(epilog=example("wattlake serve sql"))
def serve() -> None:
    """Serve the published marts to people and tools."""


@serve.command("sql", epilog=example("wattlake serve sql --port 9494"))
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", default=9494, show_default=True, type=click.IntRange(1, 65535))
def serve_sql(host: str, port: int) -> None:
    """Answer SQL over the published marts, read-only, for many clients at once, and follow new builds.

    Clients are DuckDB with its Quack extension; docs/connect.md shows how. They need the token: WATTLAKE_SQL_TOKEN, or
    one that is generated once and kept in the home. Ends on Ctrl-C or SIGTERM.
    """
    from flows.present import log
    from flows.serve import serve_sql as run

    run(house(), host, port, log)
    # Everything is closed. A statement that DuckDB still winds up may call the guard, which aborts the process if the
    # interpreter is being taken down meanwhile; so it is not.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


@main.command(epilog=example("wattlake demo"))
@click.option(
    "--home", type=click.Path(path_type=Path), default=Path(".wattlake-demo"), show_default=True, help="its own home"
)
@click.option("--days", default=14, show_default=True, type=click.IntRange(8, 60), help="days to simulate")
def demo(home: Path, days: int) -> None:
    """Simulate two sites and four power markets and take them through the whole house, offline."""
    from flows.demo import demo as run

    if not run(home, days):
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    sys.exit(main())
