"""Landings and replays come one after the other, and what a killed one has left is settled before the next begins.

A landing archives bytes, commits table by table, then records itself. What a kill leaves is told by where it came:
nothing committed, and the run has failed; something committed, and it is landed to its end from the archive (every
merge is idempotent); recorded, and only its receipts are to be closed. So a row that anybody can read is always one
that a replay gives too, and of two files that differ the same one wins in both.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from flows.lander import Arrival, Lander, LandReport, printable
from ingest.registry import contracts, sources
from ingest.source import LandOptions
from lakehouse import ops as ops_tables
from lakehouse.archive import Archive, Receipt, open_archive
from lakehouse.catalog import RAW, open_catalog
from lakehouse.errors import TerminalError
from lakehouse.ops import Ops, Run
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

#: Times that a landing is finished for a run that was killed; one that kills its process each time is given up then.
SETTLE_ATTEMPTS = 3
#: Namespaces of replays begin so.
SHADOW = "replay_"


@contextmanager
def raw_tables(settings: Settings) -> Iterator[Ops]:
    """Be the only one that lands or replays; what killed ones left is settled first.

    One at a time, because rows of two files that differ are told apart by the order of arrival, and a replay follows
    the same order.

    Raises:
        TransientError: a killed landing could not be finished now.
    """
    ops = Ops(settings)
    with ops.alone("raw"):
        for run_id in ops.interrupted("land"):
            _settle_landing(settings, ops, run_id)
        if ops.interrupted("replay"):
            _drop_shadows(open_catalog(settings))
            ops.mark_interrupted("replay")
        for kind in ("land", "replace"):  # work in progress of nobody any more
            shutil.rmtree(settings.root / "tmp" / kind, ignore_errors=True)
        yield ops


def settle(settings: Settings) -> None:
    """Settle what killed landings and replays have left; waits for those that work."""
    with raw_tables(settings):
        pass


def options_of(receipt: Receipt) -> LandOptions:
    """The land options that a reception was asked with."""
    known = {field.name for field in fields(LandOptions)}
    values: dict[str, Any] = {name: value for name, value in receipt.request.items() if name in known}
    return LandOptions(**values)


def conclude(run: Run, report: LandReport) -> None:
    """Say in a run what became of its files."""
    run.rows = sum(outcome.counts.new + outcome.counts.replaced for outcome in report.files)
    if report.refused:
        run.error = f"{len(report.refused)} of {len(report.files)} files refused"
    if not report.ok:
        run.status = "failed"


def _settle_landing(settings: Settings, ops: Ops, run_id: str) -> None:
    archive = open_archive(settings)
    receipts = sorted(archive.receipts(run_id, damaged=[]), key=lambda receipt: receipt.sequence)
    fetches = ops_tables.FETCHES.c
    recorded = ops.query(
        sa.select(fetches.path, fetches.status, fetches.error, fetches.layout).where(fetches.run_id == run_id)
    )
    run = Run(ops, run_id)
    if recorded:
        outcomes = {path: values for path, *values in recorded}
        for receipt in receipts:
            path = printable(Path(receipt.path))
            archive.close(receipt, *outcomes.get(path, ("failed", "interrupted", None)))
        landed = any(status in ("landed", "unchanged") for _, status, *_ in recorded)
        run.status = "done" if landed else "failed"
    elif receipts and _committed(settings, run_id):
        _finish(settings, ops, run, archive, receipts)
    else:
        for receipt in receipts:
            archive.close(receipt, "failed", "interrupted")
        run.status, run.error = "failed", "interrupted"
    ops.finish(ops_tables.RUNS, run_id, run.status, error=run.error, rows=run.rows)


def _committed(settings: Settings, run_id: str) -> bool:
    """Whether a run has committed to any raw table."""
    catalog = open_catalog(settings)
    tables = [catalog.load_table((RAW, c.name)) for c in contracts() if catalog.table_exists((RAW, c.name))]
    summaries = [snapshot.summary for table in tables for snapshot in table.snapshots()]
    return any(summary and summary.additional_properties.get("wattlake.run") == run_id for summary in summaries)


def _finish(settings: Settings, ops: Ops, run: Run, archive: Archive, receipts: Sequence[Receipt]) -> None:
    """Land what a run received, under its own name."""
    table = ops_tables.RUNS
    attempt = int(ops.query(sa.select(table.c.attempt).where(table.c.id == run.id))[0][0])
    source = sources().get(receipts[0].source)
    if attempt > SETTLE_ATTEMPTS or source is None:
        for receipt in receipts:
            archive.close(receipt, "failed", "interrupted, and could not be finished")
        run.status, run.error = "failed", f"interrupted; given up after {attempt} attempts"
        return
    with ops.engine.begin() as connection:
        connection.execute(table.update().where(table.c.id == run.id).values(attempt=attempt + 1))
    lander = Lander(settings, ops, run.id, source, options_of(receipts[0]))
    try:
        for receipt in receipts:
            lander.take(Arrival(Path(receipt.path), partial(archive.blocks, receipt.sha256), receipt.request, receipt))
        report = lander.commit()
    except TerminalError as error:
        lander.close(archive, error)
        run.status, run.error = "failed", f"interrupted; {error}"
        return
    lander.close(archive)
    conclude(run, report)


def _drop_shadows(catalog: Catalog) -> None:
    for namespace in catalog.list_namespaces():
        if namespace[0].startswith(SHADOW):
            drop_shadow(catalog, namespace[0])


def drop_shadow(catalog: Catalog, shadow: str) -> None:
    """Drop the tables of a replay, with their files."""
    for table in catalog.list_tables(shadow):
        catalog.purge_table(table)
    catalog.drop_namespace(shadow)
