"""Deployed flows that download feeds of any provider: given days, new documents, and long histories."""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.deployed import events, names
from flows.deployed.attempts import attempted
from flows.deployed.parameters import DownloadedFeed
from flows.report import artifacts
from ingest.registry import fetcher_of, registry
from lakehouse.database import is_free
from lakehouse.download.report import DownloadReport
from lakehouse.download.run import Mode
from lakehouse.download.run import download as download_days
from lakehouse.errors import TerminalError, WattlakeError
from lakehouse.settings import Settings


@flow(persist_result=False, flow_run_name=names.days)
def download(
    source: DownloadedFeed, start: date | None = None, end: date | None = None, days: int | None = None,
    locations: str = "", simulated: bool = False,
) -> State[dict[str, int]]:  # fmt: skip
    """Download the missing documents of some days, and land them.

    Args:
        source: The feed.
        start: First day, in the provider's own time zone.
        end: Day after the last one; if empty, up to the newest day.
        days: Number of days before the end, instead of a first day.
        locations: CAISO only: nodes, separated by commas, instead of those of WATTLAKE_CAISO_NODES.
        simulated: The provider is a simulator; needs a home of its own.
    """
    return _conclude("download", [_download(source, start, end, days, "download", locations, simulated)])


@flow(name="market-backfill", persist_result=False, flow_run_name=names.days)
def backfill(
    source: DownloadedFeed, start: date, end: date | None = None, locations: str = "", simulated: bool = False
) -> State[dict[str, int]]:
    """Download a long history. Run it again after an interruption: it goes on where it stopped.

    Args:
        source: The feed.
        start: First day, in the provider's own time zone.
        end: Day after the last one; if empty, up to the newest day.
        locations: CAISO only: nodes, separated by commas, instead of those of WATTLAKE_CAISO_NODES.
        simulated: The provider is a simulator; needs a home of its own.
    """
    return _conclude("backfill", [_download(source, start, end, None, "backfill", locations, simulated)])


@flow(persist_result=False, flow_run_name=names.realtime)
def realtime(sources: list[DownloadedFeed], locations: str = "", simulated: bool = False) -> State[dict[str, int]]:
    """Download and land everything since the last run, however long ago that was.

    A feed that another run is downloading is left to the next run.

    Args:
        sources: Feeds of one provider, downloaded one after the other.
        locations: CAISO only: nodes, separated by commas, instead of those of WATTLAKE_CAISO_NODES.
        simulated: The provider is a simulator; needs a home of its own.
    """
    reports: list[DownloadReport | tuple[str, str]] = []
    # A backfill of a feed may run at the same time: the other feeds and later runs must not wait for it.
    busy = _downloading(sources)
    if len(busy) == len(sources):
        return Completed(message=f"another run downloads {', '.join(busy)}: the next one goes on", data={})
    for source in sources:
        if source in busy:
            get_run_logger().info("%s: another run downloads it; the next one goes on", source)
            continue
        try:
            reports.append(_download(source, None, None, None, "realtime", locations, simulated))
        except WattlakeError as error:  # the other feeds go on; the run reports the error and fails
            reports.append((source, str(error)))
    return _conclude("realtime", reports)


@attempted(name="download days")
def _download(
    source: str, start: date | None, end: date | None, days: int | None, mode: Mode, locations: str, simulated: bool
) -> DownloadReport:
    nodes = [name.strip() for name in locations.split(",") if name.strip()]
    bar = artifacts.ProgressBar("documents requested")
    fetcher = fetcher_of(source, nodes)
    report = download_days(
        Settings(), registry(), source, fetcher, start, end, days=days, mode=mode, simulated=simulated, progress=bar
    )
    bar.finish()
    return report


def _downloading(sources: list[str]) -> list[str]:
    """The sources that another run is downloading."""
    settings = Settings()
    settings.root.mkdir(parents=True, exist_ok=True)
    return [source for source in sources if not is_free(settings.ops_uri, f"download-{source}")]


def _emit_landed(source: str, rows: int) -> None:
    if rows:
        events.emit(events.LANDED, source, rows=rows)


def _conclude(kind: str, reports: list[Any]) -> State[dict[str, int]]:
    """Report the outcome of each source in the run: a report, or an error."""
    logger = get_run_logger()
    done = [report for report in reports if isinstance(report, DownloadReport)]
    failed = [report for report in reports if not isinstance(report, DownloadReport)]
    for report in done:
        for problem in report.problems:
            logger.warning("%s: %s", report.source, problem)
        _emit_landed(report.source, sum(o.counts.new + o.counts.replaced for o in report.files) + report.superseded)
    for source, error in failed:
        logger.warning("%s: %s", source, error)
    feeds = [report.source for report in done] + [source for source, _ in failed]
    key = feeds[0] if len(feeds) == 1 else feeds[0].partition("-")[0]
    parts = [artifacts.downloads(report) for report in done]
    parts += [
        f"## {artifacts.text(source)}: nothing was downloaded\n\n{artifacts.text(error)}" for source, error in failed
    ]
    description = f"The download of {', '.join(feeds)}: documents by outcome, errors, days that cannot be fetched."
    artifacts.publish(f"{kind}-{key}", "\n\n".join(parts), description)
    counts: dict[str, int] = {}
    for report in done:
        for outcome, number in report.documents.items():
            counts[outcome] = counts.get(outcome, 0) + number
    message = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(counts.items()) if number)
    lacking = [report.source for report in done if not report.ok] + [source for source, _ in failed]
    if lacking:
        step = "see why in the run's artifact, or in ops.downloads; run it again once that is mended"
        error = TerminalError(f"{', '.join(lacking)}: documents are missing ({message or 'none came'})", step)
        return Failed(message=str(error), data=error)
    return Completed(message=message or "nothing to ask for", data=counts)
