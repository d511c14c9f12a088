"""Backfill: a large history in batches, each one commit, resumable because landing is idempotent by content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.land import Progress, find_files, land, source_named
from flows.lander import LandReport, printable
from flows.settle import conclude
from ingest.source import LandOptions
from lakehouse.ops import Ops
from lakehouse.settings import Settings


def backfill(
    settings: Settings,
    source_name: str,
    paths: Sequence[Path],
    options: LandOptions,
    batch: int,
    progress: Progress = lambda done, total, name: None,
) -> LandReport:
    """Land many files, `batch` of them a commit; files that landed before cost a hash.

    Raises:
        TerminalError: as `land`.
    """
    found = find_files(source_named(source_name), paths)
    files = [*found.files, *found.unusable]  # of these each landing tells anew why they are none
    ops = Ops(settings)
    with ops.alone("backfill"):
        ops.mark_interrupted("backfill")
        report = _batches(settings, ops, source_name, files, options, batch, progress)
    report.passed_over = [printable(path) for path in found.passed_over]
    return report


def _batches(
    settings: Settings,
    ops: Ops,
    source_name: str,
    files: Sequence[Path],
    options: LandOptions,
    batch: int,
    progress: Progress,
) -> LandReport:
    with ops.run("backfill", source=source_name, files=len(files), batch=batch) as run:
        report = LandReport(run.id, [])
        for start in range(0, len(files), batch):
            part = files[start : start + batch]

            def inner(done: int, _total: int, name: str, start: int = start) -> None:
                progress(start + done, len(files), name)

            landed = land(settings, source_name, part, options, inner)
            report.files += landed.files
            report.superseded += landed.superseded
            report.kept += landed.kept
            report.broken_layouts = landed.broken_layouts
        conclude(run, report)
    return report
