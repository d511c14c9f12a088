"""Landings and replays come one after the other, and what a killed one has left is settled before the next begins.

A landing archives bytes, commits table by table, then records itself. What a kill leaves is told by where it came:
nothing committed, and the run has failed; something committed, and it is landed to its end from the archive (every
merge is idempotent); recorded, and only its receipts are to be closed. So a row that anybody can read is always one
that a replay gives too, and of two files that differ the same one wins in both.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lakehouse import ops as ops_tables
from lakehouse.archive import Archive, Receipt, open_archive
from lakehouse.catalog import RAW, located, open_catalog
from lakehouse.database import exclusive
from lakehouse.errors import MEND, BrokenHome, TerminalError
from lakehouse.landing.mending import put_databases_aside, put_tables_aside
from lakehouse.landing.run import Arrival, Lander, LandReport, printable
from lakehouse.ops import Ops, Run
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Registry

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

#: Times that a landing is finished for a run that was killed; one that kills its process each time is given up then.
SETTLE_ATTEMPTS = 3
#: Namespaces of replays begin so.
SHADOW = "replay_"


@contextmanager
def raw_tables(settings: Settings, registry: Registry) -> Iterator[Ops]:
    """Be the only one that lands or replays; what killed ones left is settled first.

    One at a time, because rows of two files that differ are told apart by the order of arrival, and a replay follows
    the same order.

    Raises:
        BrokenHome: part of the house is damaged, lost or elsewhere.
        TransientError: a killed landing could not be finished now.
    """
    ops = Ops(settings)
    with ops.alone("raw"):
        _refuse_missing(settings, ops)
        for run_id in ops.interrupted("land"):
            _settle_landing(settings, registry, ops, run_id)
        _tidy(settings, ops)
        yield ops


@contextmanager
def raw_tables_mended(settings: Settings, registry: Registry) -> Iterator[tuple[Ops, list[str]]]:
    """The same for a replay that mends: what cannot be read is put aside first.

    Landings that were killed are settled where the tables are sound. Where they are not, nobody can tell what a killed
    landing had committed: its receptions stay open, and the replay lands them.

    Yields:
        The records, and what was put aside.
    """
    with exclusive(settings.ops_uri, "raw"):
        done = put_databases_aside(settings)
        ops = Ops(settings, mending=True)
        done += put_tables_aside(settings, ops, registry.contracts)
        for run_id in ops.interrupted("land"):
            if not done or _recorded(ops, run_id):
                _settle_landing(settings, registry, ops, run_id)
        _tidy(settings, ops)
        yield ops, done


def _refuse_missing(settings: Settings, ops: Ops) -> None:
    """Refuse to go on where a table is gone that has rows: a landing would begin it anew, without them.

    Raises:
        BrokenHome: there is one.
    """
    tables = located(settings)
    if tables is not None and (gone := sorted(ops.tables_with_rows() - {name for _, name in tables})):
        raise BrokenHome(f"the catalog has lost raw.{', raw.'.join(gone)}, into which rows have landed", MEND)


def _tidy(settings: Settings, ops: Ops) -> None:
    """Drop the shadows and work in progress of nobody any more."""
    if ops.interrupted("replay"):
        _drop_shadows(open_catalog(settings))
        ops.mark_interrupted("replay")
    for kind in ("land", "replace"):
        shutil.rmtree(settings.root / "tmp" / kind, ignore_errors=True)


def settle(settings: Settings, registry: Registry) -> None:
    """Settle what killed landings and replays have left; waits for those that work."""
    with raw_tables(settings, registry):
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


def _settle_landing(settings: Settings, registry: Registry, ops: Ops, run_id: str) -> None:
    archive = open_archive(settings)
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
    elif receipts and _committed(settings, registry, run_id):
        _finish(settings, registry, ops, run, archive, receipts)
    else:
        for receipt in receipts:
            archive.close(receipt, "failed", "interrupted")
        run.status, run.error = "failed", "interrupted"
    ops.finish(ops_tables.RUNS, run_id, run.status, error=run.error, rows=run.rows)


def _recorded(ops: Ops, run_id: str) -> list[Any]:
    """What a landing has recorded of its files; with its slices, and after all its commits."""
    fetches = ops_tables.FETCHES.c
    return ops.query(
        sa.select(fetches.path, fetches.status, fetches.error, fetches.layout).where(fetches.run_id == run_id)
    )


def _committed(settings: Settings, registry: Registry, run_id: str) -> bool:
    """Whether a run has committed to any raw table."""
    catalog = open_catalog(settings)
    tables = [catalog.load_table((RAW, c.name)) for c in registry.contracts if catalog.table_exists((RAW, c.name))]
    summaries = [snapshot.summary for table in tables for snapshot in table.snapshots()]
    return any(summary and summary.additional_properties.get("wattlake.run") == run_id for summary in summaries)


def _finish(
    settings: Settings, registry: Registry, ops: Ops, run: Run, archive: Archive, receipts: Sequence[Receipt]
) -> None:
    """Land what a run received, under its own name."""
    table = ops_tables.RUNS
    attempt = int(ops.query(sa.select(table.c.attempt).where(table.c.id == run.id))[0][0])
    source = registry.sources.get(receipts[0].source)
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
    """Drop the tables of a replay, with their files; one that cannot be read leaves them to the sweep of orphans."""
    from pyiceberg.exceptions import NoSuchTableError

    for table in catalog.list_tables(shadow):
        try:
            catalog.purge_table(table)
        except Exception:  # noqa: BLE001  whatever is wrong with it, nobody needs it any more
            with suppress(NoSuchTableError):
                catalog.drop_table(table)
    catalog.drop_namespace(shadow)
