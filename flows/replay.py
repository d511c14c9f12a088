"""Replay: the raw tables from the archive alone, equal row for row.

Receptions are landed again in the order in which they arrived, run by run, into shadow tables. Where a shadow differs
from the raw table, the raw table takes its files in one commit; where it is equal nothing is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flows.land import Progress, source_named
from flows.lander import Arrival, Lander
from flows.landings import ReplayedLandings
from flows.settle import SHADOW, drop_shadow, options_of, raw_tables
from ingest.registry import contracts
from lakehouse.archive import Archive, Receipt, open_archive
from lakehouse.archive_age import refuse_if_dropped
from lakehouse.catalog import ensure_table, open_catalog
from lakehouse.contract import Contract
from lakehouse.engine import connect, identifier
from lakehouse.ops import Ops
from lakehouse.pins import pin_of
from lakehouse.settings import Settings
from lakehouse.writer import replace_all

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog


@dataclass(frozen=True)
class ReplayedTable:
    """One raw table after a replay.

    Args:
        table: name.
        rows: rows that the archive gives.
        missing: rows that the archive gives and the table lacked.
        surplus: rows that the table had and the archive does not give.
        outcome: 'equal', 'replaced', 'differs' in a dry run, or 'kept' where rows would go and the archive is damaged.
    """

    table: str
    rows: int
    missing: int
    surplus: int
    outcome: str


@dataclass(frozen=True)
class ReplayReport:
    """What a replay did.

    Args:
        receipts: receptions read anew.
        tables: the raw tables.
        damaged: what of the archive cannot be read; empty where all is well.
    """

    receipts: int
    tables: list[ReplayedTable]
    damaged: list[str]


def replay(
    settings: Settings, *, dry_run: bool = False, progress: Progress = lambda done, total, name: None
) -> ReplayReport:
    """Rebuild all raw tables from the archive.

    A damaged archive gives what it still has: rows that a table lacks come back, and none is taken away.

    Args:
        settings: of the home.
        dry_run: compare, and change nothing.
        progress: called a reception.

    Raises:
        TerminalError: bytes of a reception were dropped for their age, or its source does not exist any more.
    """
    with raw_tables(settings) as ops, ops.run("replay", dry_run=dry_run) as run:
        archive = open_archive(settings)
        damaged: list[str] = []
        receipts = [receipt for receipt in archive.receipts(damaged=damaged) if receipt.outcome == "landed"]
        refuse_if_dropped(archive, receipts)
        shadow = f"{SHADOW}{run.id[:8]}"
        catalog = open_catalog(settings)
        catalog.create_namespace(shadow)
        try:
            for contract in contracts():  # those of sources that have landed nothing too
                ensure_table(catalog, contract, shadow)
            damaged += _land_again(settings, ops, run.id, archive, receipts, shadow, progress)
            tables = [
                _take_over(settings, catalog, contract, shadow, run.id, dry_run, whole=not damaged)
                for contract in contracts()
            ]
        finally:
            drop_shadow(catalog, shadow)
        run.rows = sum(table.missing + table.surplus for table in tables)
        if damaged:
            run.status, run.error = "failed", f"damaged in the archive: {', '.join(damaged)}"
    return ReplayReport(len(receipts), tables, damaged)


def _land_again(
    settings: Settings,
    ops: Ops,
    run_id: str,
    archive: Archive,
    receipts: Sequence[Receipt],
    shadow: str,
    progress: Progress,
) -> list[str]:
    """Land all receptions into the shadow; returns the objects that cannot be read."""
    damaged: list[str] = []
    replayed: dict[str, ReplayedLandings] = {}
    done = 0
    runs: dict[str, list[Receipt]] = {}  # runs in the order of their first reception
    for receipt in receipts:
        runs.setdefault(receipt.run_id, []).append(receipt)
    for members in runs.values():
        members.sort(key=lambda receipt: receipt.sequence)
        first = members[0]
        lander = Lander(
            settings, ops, run_id, source_named(first.source), options_of(first), namespace=shadow,
            replayed=replayed.setdefault(first.source, ReplayedLandings()),
        )  # fmt: skip
        for receipt in members:
            progress(done, len(receipts), Path(receipt.path).name)
            if not archive.is_sound(receipt.sha256):
                damaged.append(f"{receipt.sha256} ({Path(receipt.path).name})")
                done += 1
                continue
            blocks = partial(archive.blocks, receipt.sha256)
            lander.take(Arrival(Path(receipt.path), blocks, receipt.request, receipt))
            done += 1
        lander.commit()
    return damaged


def _take_over(
    settings: Settings, catalog: Catalog, contract: Contract, shadow: str, run_id: str, dry_run: bool, whole: bool
) -> ReplayedTable:
    shadow_table = catalog.load_table((shadow, contract.name))
    replayed = pin_of(shadow_table)
    target = ensure_table(catalog, contract)
    stored = pin_of(target)
    columns = ", ".join(identifier(column.name) for column in contract.columns)
    connection = connect(settings=settings)
    try:
        connection.execute(f"CREATE VIEW replayed AS {replayed.select(contract)}")
        connection.execute(f"CREATE VIEW stored AS {stored.select(contract)}")
        counts = connection.execute(
            f"""
            SELECT (SELECT count(*) FROM replayed),
                (SELECT count(*) FROM (SELECT {columns} FROM replayed EXCEPT ALL SELECT {columns} FROM stored)),
                (SELECT count(*) FROM (SELECT {columns} FROM stored EXCEPT ALL SELECT {columns} FROM replayed))
            """
        ).fetchall()[0]
    finally:
        connection.close()
    rows, missing, surplus = (int(value) for value in counts)
    if not missing and not surplus:
        return ReplayedTable(contract.name, rows, 0, 0, "equal")
    if dry_run:
        return ReplayedTable(contract.name, rows, missing, surplus, "differs")
    if surplus and not whole:
        return ReplayedTable(contract.name, rows, missing, surplus, "kept")
    properties = {"wattlake.run": run_id, "wattlake.source": "replay"}
    replace_all(settings, target, contract, replayed=shadow_table, properties=properties)
    return ReplayedTable(contract.name, rows, missing, surplus, "replaced")
