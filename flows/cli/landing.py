"""Commands that land data: from files, from downloads, and from the archive (replay)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.cli.arguments import GivenPath, SourceName
from flows.cli.base import example, house, settings
from flows.cli.downloads import run_downloads
from flows.cli.options import LOCATIONS, land_options, window_options
from lakehouse.options import BATCH_FILES, LandOptions

if TYPE_CHECKING:
    from lakehouse.landing.outcome import LandReport


@click.command(epilog=example("wattlake land meter meters/ --site hof"))
@click.argument("source", type=SourceName())
@click.argument("paths", nargs=-1, required=True, type=GivenPath())
@land_options()
def land(source: str, paths: tuple[Path, ...], **options: Any) -> None:
    """Land files and folders into the raw tables.

    SOURCE is one of `wattlake sources`. Landing the same bytes again changes nothing.

    Exits with 0 if every file landed, had landed before or is left out on purpose, and with 1 if a file was refused;
    the other files have landed then.
    """
    from flows.report.terminal import file_progress
    from ingest.registry import registry
    from lakehouse.landing.files import land_files

    with file_progress() as progress:
        report = land_files(settings(), registry(), source, paths, LandOptions(**options), progress)
    _conclude(report)


@click.command(epilog=example("wattlake sources"))
def sources() -> None:
    """List every source: what it lands and what it needs."""
    from flows.report.tables import table
    from ingest.registry import registry

    rows = [
        (name, source.summary, ", ".join(f"raw.{c.name}" for c in source.contracts), source.needs)
        for name, source in sorted(registry().sources.items())
    ]
    table(("source", "what it is", "lands", "needs"), rows, drop=("lands",))


@click.command(epilog=example("wattlake download nyiso-rt5-lbmp-zone --days 7"))
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=SourceName(downloaded=True))
@window_options
@click.option("--days", type=click.IntRange(min=1), help="number of days before --end, instead of --start")
@LOCATIONS
@land_options("simulated")
def download(sources: tuple[str, ...], **window: Any) -> None:
    """Download the missing documents of some days, and land them.

    SOURCE is one of `wattlake sources`. Documents that are at hand and final are not asked for again; see
    docs/markets.md. Exits with 1 if an expected document could not be fetched or was refused; the others have landed.
    """
    run_downloads(settings(), sources, "download", **window)


@click.command(epilog=example("wattlake realtime nyiso-rt5-lbmp-zone"))
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=SourceName(downloaded=True))
@LOCATIONS
@land_options("simulated")
def realtime(sources: tuple[str, ...], **window: Any) -> None:
    """Download and land everything since the last download; made to run again and again."""
    run_downloads(settings(), sources, "realtime", **window)


@click.command(epilog=example("wattlake backfill bess archive-of-2023/ --site werk"))
@click.argument("source", type=SourceName())
@click.argument("paths", nargs=-1, type=GivenPath())
@click.option(
    "--batch", default=BATCH_FILES, show_default=True, type=click.IntRange(min=1), help="files in each commit"
)
@window_options
@LOCATIONS
@land_options()
def backfill(
    source: str, paths: tuple[Path, ...], batch: int, start: date | None, end: date | None, locations: str,
    **options: Any,
) -> None:  # fmt: skip
    """Land a large history in batches; run it again after an interruption, and it goes on where it stopped.

    PATHS are files of the history. With --start it is downloaded instead: all days from there that are not at hand.
    Exits as `land` and `download` do.
    """
    if bool(paths) == bool(start):
        raise click.UsageError("give either PATHS, or --start DAY to download")
    if start:
        given = sorted(name for name, value in options.items() if value and name != "simulated")
        if given:
            raise click.UsageError(f"--{given[0].replace('_', '-')} is for files, and --start downloads")
        run_downloads(
            settings(), (source,), "backfill", start=start, end=end, locations=locations, simulated=options["simulated"]
        )  # fmt: skip
        return
    if end or locations:
        raise click.UsageError("--end and --locations are for downloads: give --start too")
    from flows.report.terminal import file_progress
    from ingest.registry import registry
    from lakehouse.landing.backfill import backfill as run

    with file_progress() as progress:
        report = run(settings(), registry(), source, paths, LandOptions(**options), batch, progress)
    _conclude(report)


def _conclude(report: LandReport) -> None:
    """Show what landed; exit 1 if a file was refused."""
    from flows.report.terminal import land_report

    land_report(report)
    if report.refused:
        raise click.exceptions.Exit(1)


@click.command(epilog=example("wattlake replay"))
@click.option(
    "--table",
    "tables",
    multiple=True,
    metavar="NAME",
    help="only this raw table and the others of its sources; repeatable",
)
@click.option("--dry-run", is_flag=True, help="compare only; leave the raw tables as they are")
def replay(tables: tuple[str, ...], dry_run: bool) -> None:
    """Rebuild the raw tables from the archive alone.

    It mends a broken home: unreadable files are put aside first, and nothing is deleted; see docs/mending.md.
    With --table it locks only those tables, and landings of other domains go on.
    """
    from flows.report.tables import table
    from flows.report.terminal import file_progress
    from ingest.registry import registry
    from lakehouse.landing.replay import replay as run

    with file_progress() as progress:
        names = [name.removeprefix("raw.") for name in tables]
        report = run(house(), registry(), tables=names, dry_run=dry_run, progress=progress)
    table(
        ("table", "rows", "missing before", "surplus before", "outcome"),
        [(f"raw.{t.table}", t.rows, t.missing, t.surplus, t.outcome) for t in report.tables],
    )
    for sentence in report.mended:
        click.echo(f"mended: {sentence}")
    if report.restored:
        click.echo(f"recorded again: {report.restored} landings that the database had lost")
    click.echo(f"{report.receipts} receipts replayed")
    if report.incomplete:
        raise report.incomplete
