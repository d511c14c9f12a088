"""Shared by the commands that download: one source after the other, and a clean stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lakehouse.settings import Settings


def run_downloads(settings: Settings, sources: tuple[str, ...], mode: str, **window: Any) -> None:
    """Download sources one after the other; exit 1 if one of them has a hole or failed."""
    from flows.report.terminal import download_report, file_progress, log
    from ingest.registry import fetcher_of, plan_of, registry
    from lakehouse.database import is_free
    from lakehouse.download.run import download
    from lakehouse.errors import WattlakeError, WrongUsage

    given = window.pop("locations", None) or ""
    locations = [name.strip() for name in given.split(",") if name.strip()]
    if given and not locations:
        raise click.UsageError("--locations has no location")
    for source in sources:
        plan_of(source)  # raises for a wrong name before any request is made
    complete = True
    with _stopped_cleanly():
        for source in sources:
            try:
                if settings.root.is_dir() and not is_free(settings.ops_uri, f"download-{source}"):
                    log(f"another download of {source} is running; this one goes on when that has ended")
                fetcher = fetcher_of(source, locations)
                with file_progress() as progress:
                    report = download(settings, registry(), source, fetcher, mode=mode, progress=progress, **window)
            except WattlakeError as error:
                if len(sources) == 1 or isinstance(error, WrongUsage):
                    raise
                click.echo(f"{source}: error: {error}", err=True)  # the others go on
                complete = False
                continue
            download_report(report)
            complete = complete and report.ok
    if not complete:
        raise click.exceptions.Exit(1)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    """Do the same as Ctrl-C. It calls the handler, because a raised signal would wait for the loop's current wait."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):  # SIGINT is ignored, for instance in the background of a shell
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


@contextmanager
def _stopped_cleanly() -> Iterator[None]:
    """End a download alike on Ctrl-C and SIGTERM: a running landing finishes, the rest is dropped; exit code 1."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        click.echo("stopped: fetched documents are kept; run the same command again to go on", err=True)
        raise click.exceptions.Exit(1) from None
    finally:
        signal.signal(signal.SIGTERM, before)
