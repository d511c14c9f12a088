"""Deployed flows that land files: given ones, a long history, and those in the inbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.deployed import events, names, outcomes
from flows.deployed.attempts import attempted
from flows.deployed.parameters import FileOptions, FileSource, SourceName
from flows.report import artifacts
from ingest.registry import provided_feeds, registry
from lakehouse.landing.backfill import backfill as backfill_files
from lakehouse.landing.files import land_files
from lakehouse.landing.inbox import SETTLE_S, InboxReport, take_inbox
from lakehouse.landing.outcome import LandReport
from lakehouse.options import BATCH_FILES
from lakehouse.settings import Settings
from lakehouse.source import LandOptions


@flow(persist_result=False, flow_run_name=names.files)
def land(source: SourceName, paths: list[Path], options: FileOptions = FileOptions()) -> State[dict[str, int]]:
    """Land files and folders. Ends as Refused if a file could not be used.

    Args:
        source: What the files are.
        paths: Files, or folders that are searched for files of the source; absolute paths on the worker's machine.
        options: What the files do not say of themselves.
    """
    bar = artifacts.ProgressBar("files read")
    report = _land(source, paths, options.land_options(), bar)
    return _conclude(f"landing-{source}", {source: report}, bar)


@flow(persist_result=False, flow_run_name=names.files)
def backfill(
    source: SourceName,
    paths: list[Path],
    options: FileOptions = FileOptions(),
    batch: int = BATCH_FILES,
) -> State[dict[str, int]]:
    """Land a large history in batches. Run it again after an interruption: it goes on where it stopped.

    Args:
        source: What the files are.
        paths: Files, or folders that are searched for files of the source; absolute paths on the worker's machine.
        options: What the files do not say of themselves.
        batch: Files a commit.
    """
    bar = artifacts.ProgressBar("files read")
    report = _backfill(source, paths, options.land_options(), batch, bar)
    return _conclude(f"backfill-{source}", {source: report}, bar)


@flow(persist_result=False, flow_run_name=names.inbox)
def inbox(
    source: FileSource,
    options: FileOptions = FileOptions(),
    settle_s: float = SETTLE_S,
) -> State[dict[str, int]]:
    """Land every complete file of the inbox and put it away: into done, or into refused beside its reason.

    Args:
        source: What the files are, and the folder of the inbox to look into.
        options: What the files do not say of themselves.
        settle_s: Seconds between two looks; a file that changes in between is still being written and waits.
    """
    return _take_inboxes([source], options.land_options(), f"inbox-{source}", settle_s)


@flow(name="market-inbox", persist_result=False, flow_run_name=names.inbox)
def provider_inbox(simulated: bool = False) -> State[dict[str, int]]:
    """Land every complete file of the inbox folders that are named like feeds of providers, and put it away.

    Args:
        simulated: The files come from a simulator; needs a home of its own.
    """
    inbox_path = Settings().inbox_path
    waiting = [name for name in provided_feeds() if any((inbox_path / name).glob("[!.]*"))]
    if not waiting:
        return Completed(message="nothing waits in the inbox folders of providers", data=artifacts.counts(()))
    return _take_inboxes(waiting, LandOptions(simulated=simulated), "inbox-markets")


@attempted(name="land files")
def _land(source: str, paths: list[Path], options: LandOptions, bar: artifacts.ProgressBar) -> LandReport:
    return land_files(Settings(), registry(), source, paths, options, bar)


@attempted(name="land batches")
def _backfill(
    source: str, paths: list[Path], options: LandOptions, batch: int, bar: artifacts.ProgressBar
) -> LandReport:
    return backfill_files(Settings(), registry(), source, paths, options, batch, bar)


@attempted(name="take the inbox")
def _inbox(source: str, options: LandOptions, settle_s: float, bar: artifacts.ProgressBar) -> InboxReport:
    return take_inbox(Settings(), registry(), source, options, settle_s=settle_s, progress=bar)


def _take_inboxes(
    sources: list[str], options: LandOptions, key: str, settle_s: float = SETTLE_S
) -> State[dict[str, int]]:
    """Land the files in the inbox folders of some sources, and report the outcomes in the run.

    Args:
        sources: names of the folders.
        options: land options for all files.
        key: of the run's artifact.
        settle_s: seconds between two looks at a file.
    """
    bar = artifacts.ProgressBar("files read")
    reports = {source: _inbox(source, options, settle_s, bar) for source in sources}
    if not any(report.files or report.waiting for report in reports.values()):
        folders = ", ".join(str(report.folder) for report in reports.values()) or "the inbox folders"
        return Completed(message=f"nothing waits in {folders}", data=artifacts.counts(()))
    return _conclude(key, reports, bar)


def _conclude(
    key: str, reports: Mapping[str, LandReport | InboxReport], bar: artifacts.ProgressBar
) -> State[dict[str, Any]]:
    """Report the outcomes of each source in the run's state, artifact and events."""
    logger = get_run_logger()
    bar.finish()
    for report in reports.values():
        for outcome in report.files:
            if outcome.reason:
                logger.warning("refused: %s", outcome.reason)
    named = ", ".join(reports)
    description = f"Landed rows of each file of {named}, refused files with their next step, and quarantined rows."
    shown = "\n\n".join(artifacts.landing(source, report) for source, report in reports.items())
    artifacts.publish(key, shown, description)
    for source, report in reports.items():
        rows = sum(outcome.counts.new + outcome.counts.replaced for outcome in report.files) + report.superseded
        if rows or artifacts.counts(report.files)["landed"]:
            events.emit(events.LANDED, source, rows=rows, **artifacts.counts(report.files))
    return outcomes.of_files([outcome for report in reports.values() for outcome in report.files])
