"""Backfill: a large history in batches of one commit each; resumable, because landing is idempotent by content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lakehouse.errors import printable
from lakehouse.landing.files import find_files, land_files
from lakehouse.landing.kernel import Progress
from lakehouse.landing.outcome import LandReport, conclude
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Registry


def backfill(
    settings: Settings,
    registry: Registry,
    source_name: str,
    paths: Sequence[Path],
    options: LandOptions,
    batch: int,
    progress: Progress = lambda done, total, name: None,
) -> LandReport:
    """Land many files, `batch` of them in each commit; a file that landed before costs only its hash.

    Raises:
        TerminalError: as `land`.
    """
    found = find_files(registry.named(source_name), paths)
    files = [*found.files, *found.unusable]  # the batch of an unusable one refuses it, with the reason
    ops = Ops(settings)
    with ops.alone("backfill"):
        ops.mark_interrupted("backfill")
        report = _batches(settings, registry, ops, source_name, files, options, batch, progress)
    report.passed_over = [printable(path) for path in found.passed_over]
    return report


def _batches(
    settings: Settings,
    registry: Registry,
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

            landed = land_files(settings, registry, source_name, part, options, inner)
            report.files += landed.files
            report.superseded += landed.superseded
            report.kept += landed.kept
            report.broken_layouts = landed.broken_layouts
        conclude(run, report)
    return report
