"""Replay: the raw tables from the archive alone, equal row for row.

Receptions are landed again in the order in which they arrived, run by run, into shadow tables. Where a shadow differs
from the raw table, the raw table takes its files in one commit; where it is equal nothing is touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.archive import Archive, Receipt, open_archive
from lakehouse.archive_age import refuse_if_dropped
from lakehouse.catalog import RAW, ensure_table, open_catalog
from lakehouse.contract import Contract
from lakehouse.damage import read_every_row, table_damage
from lakehouse.engine import connect, identifier
from lakehouse.errors import TerminalError, visible
from lakehouse.landing.history import File, Landing, ReplayedLandings, file_of
from lakehouse.landing.kernel import Progress
from lakehouse.landing.mending import mend_marker
from lakehouse.landing.recover import SHADOW, drop_shadow, options_of, raw_tables, raw_tables_mended
from lakehouse.landing.restore import Restoration
from lakehouse.landing.run import Arrival, Lander
from lakehouse.ops import Ops
from lakehouse.pins import pin_of
from lakehouse.settings import Settings
from lakehouse.source import Registry
from lakehouse.writing.writer import replace_all

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
        outcome: 'equal', 'replaced', 'differs' or 'damaged' in a dry run, or 'kept' where rows would go and the archive
            is damaged.
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
        unread: files that had landed and are refused as the layouts are now, with the reason; their rows are gone.
        mended: what was put aside or taken back first.
        restored: landings that were recorded anew, because the database had lost them.
    """

    receipts: int
    tables: list[ReplayedTable]
    damaged: list[str]
    mended: list[str] = field(default_factory=list)
    restored: int = 0
    unread: list[str] = field(default_factory=list)

    @property
    def incomplete(self) -> TerminalError | None:
        """What a person has to act on, or None where the archive gave everything."""
        if self.damaged:
            return TerminalError(
                f"damaged in the archive: {', '.join(self.damaged)}",
                "restore these from a backup, or land the original files again; no row was taken away",
            )
        if self.unread:
            return TerminalError(
                "files that had landed cannot be read as the layouts are now:\n" + "\n".join(self.unread),
                "mend their layouts and replay again: the archive keeps their bytes",
            )
        return None


def replay(
    settings: Settings,
    registry: Registry,
    *,
    dry_run: bool = False,
    progress: Progress = lambda done, total, name: None,
) -> ReplayReport:
    """Rebuild all raw tables from the archive, whatever has become of them and of the catalog.

    A damaged archive gives what it still has: rows that a table lacks come back, and none is taken away. A file that
    had landed and is refused as the layouts are now has no rows, and is told.

    Args:
        settings: of the home.
        registry: every source.
        dry_run: compare, and change nothing.
        progress: called a reception.

    Raises:
        TerminalError: bytes of a reception were dropped for their age, its source does not exist any more, or a file
            cannot be read while a layout of the user's is broken; no table was
            replaced.
        BrokenHome: in a dry run, the catalog is damaged, lost or elsewhere.
    """
    archive = open_archive(settings)
    # Before anything is put aside: what the archive does not give back must stay where it is.
    refuse_if_dropped(archive, [r for r in archive.receipts(damaged=[]) if r.outcome == "landed"])
    with _raw_tables(settings, registry, dry_run) as (ops, mended), ops.run("replay", dry_run=dry_run) as run:
        damaged: list[str] = []
        received = list(archive.receipts(damaged=damaged))
        restoration = Restoration(ops, received)
        if received and not dry_run:
            mended += mend_marker(settings, simulated=any(receipt.request.get("simulated") for receipt in received))
        receipts = [receipt for receipt in received if restoration.is_landed(receipt)]
        shadow = f"{SHADOW}{run.id[:8]}"
        catalog = open_catalog(settings)
        catalog.create_namespace(shadow)
        try:
            for contract in registry.contracts:  # those of sources that have landed nothing too
                ensure_table(catalog, contract, shadow)
            work = _Replay(settings, registry, ops, run.id, archive, shadow, restoration, progress)
            damaged += work.land_again(receipts)
            if work.unread and not dry_run:
                _refuse_if_a_layout_is_broken(settings, registry, receipts)
            tables = [
                _take_over(settings, catalog, contract, shadow, run.id, dry_run, whole=not damaged)
                for contract in registry.contracts
            ]
        finally:
            drop_shadow(catalog, shadow)
        restored = 0 if dry_run else restoration.write(archive, work.landings)
        run.rows = sum(table.missing + table.surplus for table in tables)
        if damaged:
            run.status, run.error = "failed", f"damaged in the archive: {', '.join(damaged)}"
        elif work.unread:
            run.status, run.error = (
                "failed",
                f"not read any more: {', '.join(visible(file.tail) for file in work.unread)}",
            )
    return ReplayReport(len(receipts), tables, damaged, mended, restored, list(work.unread.values()))


@contextmanager
def _raw_tables(settings: Settings, registry: Registry, dry_run: bool) -> Iterator[tuple[Ops, list[str]]]:
    if dry_run:
        with raw_tables(settings, registry) as ops:
            yield ops, []
        return
    with raw_tables_mended(settings, registry) as mended:
        yield mended


@dataclass(frozen=True)
class _Replay:
    settings: Settings
    registry: Registry
    ops: Ops
    run_id: str
    archive: Archive
    shadow: str
    restoration: Restoration
    progress: Progress
    replayed: dict[str, ReplayedLandings] = field(default_factory=dict)
    #: files whose latest landing is refused now → why
    unread: dict[File, str] = field(default_factory=dict)

    @property
    def landings(self) -> list[Landing]:
        """All that were repeated."""
        return [landing for source in self.replayed.values() for landing in source.landings]

    def land_again(self, receipts: Sequence[Receipt]) -> list[str]:
        """Land all receptions into the shadow; returns the objects that cannot be read."""
        damaged: list[str] = []
        done = 0
        runs: dict[str, list[Receipt]] = {}  # runs in the order of their first reception
        for receipt in receipts:
            runs.setdefault(receipt.run_id, []).append(receipt)
        for members in runs.values():
            members.sort(key=lambda receipt: receipt.sequence)
            first = members[0]
            lander = Lander(
                self.settings, self.ops, self.run_id, self.registry.named(first.source), options_of(first),
                namespace=self.shadow, replayed=self.replayed.setdefault(first.source, ReplayedLandings()),
            )  # fmt: skip
            for receipt in members:
                self.progress(done, len(receipts), Path(receipt.path).name)
                done += 1
                if not self.archive.is_sound(receipt.sha256):
                    damaged.append(f"{receipt.sha256} ({Path(receipt.path).name})")
                    continue
                blocks = partial(self.archive.blocks, receipt.sha256)
                lander.take(Arrival(Path(receipt.path), blocks, receipt.request, receipt))
            lander.commit()
            self._note(lander)
            self.restoration.landed(self.archive, members, lander)
        return damaged

    def _note(self, lander: Lander) -> None:
        for outcome, receipt in lander.received:
            file = file_of(receipt.sha256, receipt.path, receipt.request)
            if outcome.status == "refused":
                self.unread[file] = visible(outcome.reason or outcome.path)
            else:
                self.unread.pop(file, None)


def _refuse_if_a_layout_is_broken(settings: Settings, registry: Registry, receipts: Sequence[Receipt]) -> None:
    """A slip in a layout file shall not cost the rows of the files that it is for.

    Raises:
        TerminalError: a layout file of the user's is wrong.
    """
    for name in sorted({receipt.source for receipt in receipts}):
        for error in registry.named(name).broken_layouts(settings.layout_dirs):
            raise error


def _take_over(
    settings: Settings, catalog: Catalog, contract: Contract, shadow: str, run_id: str, dry_run: bool, whole: bool
) -> ReplayedTable:
    shadow_table = catalog.load_table((shadow, contract.name))
    replayed = pin_of(shadow_table)
    if dry_run and _is_damaged(settings, catalog, contract):
        rows = sum(task.file.record_count for task in shadow_table.scan().plan_files())
        return ReplayedTable(contract.name, rows, rows, 0, "damaged")
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


def _is_damaged(settings: Settings, catalog: Catalog, contract: Contract) -> bool:
    name = (RAW, contract.name)
    return name in catalog.list_tables(RAW) and table_damage(settings, catalog, name, read_every_row) is not None
