"""The plain functions as Prefect flows: the same work, with runs, states and logs that the Prefect UI shows.

Importing Prefect and starting its first flow takes seconds, so the command line never comes through here.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger

from flows import backfill as backfill_module
from flows import land as land_module
from flows import replay as replay_module
from flows import transform
from flows.lander import LandReport
from ingest.source import LandOptions
from lakehouse.errors import TerminalError
from lakehouse.settings import Settings


@flow(name="land", persist_result=False)
def land(source: str, paths: list[str], options: dict[str, Any] | None = None) -> dict[str, int]:
    """Land files and folders of one source; fails if nothing could be used."""
    logger = get_run_logger()
    report = land_module.land(Settings(), source, [Path(path) for path in paths], LandOptions(**(options or {})))
    return _conclude(report, logger)


@flow(name="backfill", persist_result=False)
def backfill(source: str, paths: list[str], options: dict[str, Any] | None = None, batch: int = 200) -> dict[str, int]:
    """Land a large history in batches."""
    logger = get_run_logger()
    report = backfill_module.backfill(
        Settings(), source, [Path(path) for path in paths], LandOptions(**(options or {})), batch
    )
    return _conclude(report, logger)


@flow(name="transform", persist_result=False)
def build(full_refresh: bool = False) -> dict[str, Any]:
    """Rebuild what changed, check it, and publish it."""
    logger = get_run_logger()
    report = transform.build(Settings(), full_refresh=full_refresh, progress=logger.info)
    return {"build_id": report.build_id, "mode": report.mode, "rows": report.rows}


@flow(name="replay", persist_result=False)
def replay(dry_run: bool = False) -> list[dict[str, Any]]:
    """Rebuild the raw tables from the archive."""
    return [asdict(table) for table in replay_module.replay(Settings(), dry_run=dry_run).tables]


def _conclude(report: LandReport, logger: Any) -> dict[str, int]:
    counts = dict.fromkeys(("landed", "unchanged", "refused"), 0)
    for outcome in report.files:
        counts[outcome.status] += 1
        if outcome.reason:
            logger.warning("refused: %s", outcome.reason)
    if not report.ok:
        raise TerminalError(f"none of {len(report.files)} files landed", "see the reasons above")
    logger.info("%(landed)d files landed, %(unchanged)d unchanged, %(refused)d refused", counts)
    return counts
