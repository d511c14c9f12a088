"""Deployed flows that land files: given ones, a long history, and what lies in the inbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.states import Completed, Failed

from flows import artifacts
from flows.backfill import backfill as backfill_files
from flows.deployed.attempts import attempted
from flows.deployed.parameters import FileOptions
from flows.inbox import BATCH_FILES, SETTLE_S, InboxReport, take_inbox
from flows.land import land as land_files
from flows.lander import LandReport
from ingest.source import LandOptions
from lakehouse.errors import TerminalError
from lakehouse.settings import Settings

#: Emitted when rows have landed; prefect.yaml builds on it. It is a hint: a build asks the data what has changed.
LANDED_EVENT = "wattlake.landed"


@flow(persist_result=False)
def land(source: str, paths: list[Path], options: FileOptions = FileOptions()) -> State[dict[str, int]]:
    """Land files and folders. Fails if nothing could be used.

    Args:
        source: What the files are: meter or bess.
        paths: Files, or folders that are searched for files of the source; absolute paths on the worker's machine.
        options: What the files do not say of themselves.
    """
    bar = artifacts.ProgressBar("files read")
    report = _land(source, paths, options.land_options(), bar)
    return _conclude("landing", source, report, bar)


@flow(persist_result=False)
def backfill(
    source: str,
    paths: list[Path],
    options: FileOptions = FileOptions(),
    batch: int = BATCH_FILES,
) -> State[dict[str, int]]:
    """Land a large history in batches. Run it again after an interruption: it goes on where it stopped.

    Args:
        source: What the files are: meter or bess.
        paths: Files, or folders that are searched for files of the source; absolute paths on the worker's machine.
        options: What the files do not say of themselves.
        batch: Files a commit.
    """
    bar = artifacts.ProgressBar("files read")
    report = _backfill(source, paths, options.land_options(), batch, bar)
    return _conclude("backfill", source, report, bar)


@flow(persist_result=False)
def inbox(
    source: str,
    options: FileOptions = FileOptions(),
    settle_s: float = SETTLE_S,
) -> State[dict[str, int]]:
    """Land every complete file of the inbox and put it away: into done, or into refused beside its reason.

    Args:
        source: What the files are, and the folder of the inbox to look into: meter or bess.
        options: What the files do not say of themselves.
        settle_s: Seconds between two looks; a file that changes in between is still being written and waits.
    """
    bar = artifacts.ProgressBar("files read")
    report = _inbox(source, options.land_options(), settle_s, bar)
    if not report.files and not report.waiting:
        return Completed(message=f"nothing waits in {report.folder}", data=artifacts.counts(()))
    return _conclude("inbox", source, report, bar)


@attempted(name="land files")
def _land(source: str, paths: list[Path], options: LandOptions, bar: artifacts.ProgressBar) -> LandReport:
    return land_files(Settings(), source, paths, options, bar)


@attempted(name="land batches")
def _backfill(
    source: str, paths: list[Path], options: LandOptions, batch: int, bar: artifacts.ProgressBar
) -> LandReport:
    return backfill_files(Settings(), source, paths, options, batch, bar)


@attempted(name="take the inbox")
def _inbox(source: str, options: LandOptions, settle_s: float, bar: artifacts.ProgressBar) -> InboxReport:
    return take_inbox(Settings(), source, options, settle_s=settle_s, progress=bar)


def _conclude(
    kind: str, source: str, report: LandReport | InboxReport, bar: artifacts.ProgressBar
) -> State[dict[str, Any]]:
    logger = get_run_logger()
    bar.finish()
    for outcome in report.files:
        if outcome.reason:
            logger.warning("refused: %s", outcome.reason)
    artifacts.publish(f"{kind}-{source}", artifacts.landing(source, report))
    rows = sum(outcome.counts.new + outcome.counts.replaced for outcome in report.files) + report.superseded
    files = artifacts.counts(report.files)
    if rows or files["landed"]:
        payload = {"source": source, "rows": rows, **files}
        emit_event(LANDED_EVENT, resource={"prefect.resource.id": f"wattlake.source.{source}"}, payload=payload)
    if not report.ok:
        step = "see why in the run's artifact, mend the files and land them again"
        error = TerminalError(f"none of {len(report.files)} files landed", step)
        return Failed(message=str(error), data=error)  # raised, it would add a stack trace that helps nobody
    return Completed(message=artifacts.summary(report.files), data=files)
