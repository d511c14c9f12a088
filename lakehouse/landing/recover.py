"""A killed landing is recovered before the next one into its tables begins.

A landing archives bytes, commits table by table, then records itself. Recovery depends on how far it came. If it had
committed nothing, its run has failed. If it had committed to any table, it is finished from the archive (every merge is
idempotent). If it had recorded itself, only its receipts are closed. So a replay gives every row that anybody can read,
and of two files that differ the same one wins in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lakehouse import ops as ops_tables
from lakehouse.archive import Archive, Receipt, open_archive
from lakehouse.catalog import RAW, open_catalog
from lakehouse.errors import TerminalError, printable
from lakehouse.landing.batch import Batch, batch_of, conform, has_landed, unpack
from lakehouse.landing.batch import land as land_archived
from lakehouse.landing.outcome import conclude
from lakehouse.landing.run import Arrival, Lander
from lakehouse.ops import Ops, Run
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Registry, Source

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

#: Attempts to finish a killed run; one that kills its process each time is given up after them.
SETTLE_ATTEMPTS = 3


def recover_landing(settings: Settings, registry: Registry, ops: Ops, run_id: str) -> None:
    """Recover a killed landing; the caller holds its tables."""
    archive, catalog = open_archive(settings), open_catalog(settings)
    receipts = sorted(archive.receipts(run_id, damaged=[]), key=lambda receipt: receipt.sequence)
    recorded = _recorded(ops, run_id)
    run = Run(ops, run_id)
    if recorded:
        outcomes = {path: values for path, *values in recorded}
        for receipt in receipts:
            path = printable(Path(receipt.path))
            archive.close(receipt, *outcomes.get(path, ("failed", "interrupted", None)))
        landed = any(status in ("landed", "unchanged") for _, status, *_ in recorded)
        run.status = "done" if landed else "failed"
    elif receipts and _committed(catalog, registry, run_id, batch_of(receipts[0])):
        _finish(settings, registry, ops, run, archive, receipts)
    else:
        for receipt in receipts:
            archive.close(receipt, "failed", "interrupted")
        run.status, run.error = "failed", "interrupted"
    ops.finish(ops_tables.RUNS, run_id, run.status, error=run.error, rows=run.rows)


def is_recorded(ops: Ops, run_id: str) -> bool:
    """Whether a landing has recorded the outcomes of its files."""
    return bool(_recorded(ops, run_id))


def _recorded(ops: Ops, run_id: str) -> list[Any]:
    """The outcomes that a landing has recorded: in one transaction with its slices, after all its commits."""
    fetches = ops_tables.FETCHES.c
    return ops.query(
        sa.select(fetches.path, fetches.status, fetches.error, fetches.layout).where(fetches.run_id == run_id)
    )


def _committed(catalog: Catalog, registry: Registry, run_id: str, batch: Batch | None) -> bool:
    """Whether a run has committed to any raw table; a batch of a stream commits to its own table first."""
    if batch:
        return has_landed(catalog, registry.streamed_table(batch.table), batch)
    tables = [catalog.load_table((RAW, c.name)) for c in registry.contracts if catalog.table_exists((RAW, c.name))]
    summaries = [snapshot.summary for table in tables for snapshot in table.snapshots()]
    return any(summary and summary.additional_properties.get("wattlake.run") == run_id for summary in summaries)


def _finish(
    settings: Settings, registry: Registry, ops: Ops, run: Run, archive: Archive, receipts: Sequence[Receipt]
) -> None:
    """Land everything that a run received, under its own id."""
    table = ops_tables.RUNS
    attempt = int(ops.query(sa.select(table.c.attempt).where(table.c.id == run.id))[0][0])
    batch, source = batch_of(receipts[0]), registry.sources.get(receipts[0].source)
    if attempt > SETTLE_ATTEMPTS or not (batch or source):
        for receipt in receipts:
            archive.close(receipt, "failed", "interrupted, and could not be finished")
        run.status, run.error = "failed", f"interrupted; given up after {attempt} attempts"
        return
    with ops.engine.begin() as connection:
        connection.execute(table.update().where(table.c.id == run.id).values(attempt=attempt + 1))
    if batch:
        contract = registry.streamed_table(batch.table)
        rows = conform(contract, unpack(archive.get(batch.receipt.sha256)))
        land_archived(settings, open_catalog(settings), ops, archive, contract, batch, rows, run)
    elif source:
        _finish_files(settings, ops, run, archive, receipts, source)


def _finish_files(
    settings: Settings, ops: Ops, run: Run, archive: Archive, receipts: Sequence[Receipt], source: Source
) -> None:
    lander = Lander(settings, ops, run.id, source, LandOptions.of(receipts[0].request))
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
