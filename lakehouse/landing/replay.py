"""Replay: the raw tables from the archive alone, equal row for row.

Archived bytes are landed again in order of arrival, run by run, into shadow tables. Where a shadow differs from the raw
table, the raw table takes the shadow's rows in one commit; an equal table is not touched.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.archive import Archive, Receipt, open_archive
from lakehouse.archive_age import refuse_if_dropped
from lakehouse.catalog import RAW, ensure_table, open_catalog
from lakehouse.contract import Contract
from lakehouse.damage import read_every_row, table_damage
from lakehouse.engine import identifier, reading
from lakehouse.errors import TerminalError, visible
from lakehouse.landing.batch import Batch, StagedBatches, batch_of, commit, conform, slices, stage, unpack
from lakehouse.landing.history import File, Landing, ReplayedHistory, file_of
from lakehouse.landing.holding import Held, holding, holding_all
from lakehouse.landing.kernel import Progress
from lakehouse.landing.mending import mend_marker
from lakehouse.landing.outcome import FileOutcome
from lakehouse.landing.restore import Restoration
from lakehouse.landing.run import Arrival, Lander
from lakehouse.landing.shadow import drop_shadow, shadow_of
from lakehouse.ops import Ops
from lakehouse.pins import pin_of
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Registry
from lakehouse.writing.staging import Staging
from lakehouse.writing.writer import offsets, replace_all

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

#: Batches of a stream in each commit: a year of one batch a minute takes a thousand commits.
BATCHES_A_COMMIT = 500


@dataclass(frozen=True)
class ReplayedTable:
    """One raw table after a replay.

    Args:
        table: name of the table.
        rows: rows from the archive.
        missing: rows from the archive that the table lacked.
        surplus: rows of the table that the archive does not give.
        outcome: 'equal', 'replaced', 'differs' or 'damaged' in a dry run, or 'kept' where rows would be removed and the
            archive is damaged.
    """

    table: str
    rows: int
    missing: int
    surplus: int
    outcome: str


@dataclass(frozen=True)
class ReplayReport:
    """The result of a replay.

    Args:
        receipts: number of receipts that were landed again.
        tables: the raw tables.
        damaged: objects of the archive that cannot be read.
        unread: files that had landed and that today's layouts refuse, with the reason; their rows are gone.
        mended: sentences that say what was put aside or taken back first.
        restored: number of landings that were recorded again because the database had lost them.
    """

    receipts: int
    tables: list[ReplayedTable]
    damaged: list[str]
    mended: list[str] = field(default_factory=list)
    restored: int = 0
    unread: list[str] = field(default_factory=list)

    @property
    def incomplete(self) -> TerminalError | None:
        """The error that a person has to act on, or None if the archive gave everything."""
        if self.damaged:
            return TerminalError(
                f"damaged in the archive: {', '.join(self.damaged)}",
                "restore these from a backup, or land the original files again; no row was taken away",
            )
        if self.unread:
            return TerminalError(
                "files that had landed cannot be read with the layouts as they are now:\n" + "\n".join(self.unread),
                "mend their layouts and replay again: the archive keeps their bytes",
            )
        return None


def replay(
    settings: Settings,
    registry: Registry,
    *,
    tables: Sequence[str] = (),
    dry_run: bool = False,
    progress: Progress = lambda done, total, name: None,
) -> ReplayReport:
    """Rebuild raw tables from the archive: some, or all of them, in whatever state they and the catalog are.

    From a damaged archive, rows that a table lacks come back and none is taken away. A file that had landed and that
    today's layouts refuse has no rows, and the report names it.

    Args:
        settings: of the home.
        registry: every source.
        tables: names of raw tables; all by default. All tables of the sources that land into them are replayed too.
            Other tables are free meanwhile, and the tables that every domain shares stay as they are.
        dry_run: compare, and change nothing.
        progress: called for each receipt.

    Raises:
        WrongUsage: there is no such table.
        TerminalError: archived bytes were dropped for their age, a source no longer exists, or a file cannot be read
            while a layout of the user's is broken; no table was replaced.
        BrokenHome: in a dry run or a replay of some tables, the catalog is damaged, lost or elsewhere.
    """
    archive = open_archive(settings)
    whole = not tables
    part = registry if whole else registry.of_tables(tables)

    def receipts_of(damaged: list[str]) -> list[Receipt]:
        return [r for r in archive.receipts(damaged=damaged) if whole or _is_of(part, r)]

    # Before anything is put aside: a table that the archive does not give back must stay where it is.
    refuse_if_dropped(archive, [receipt for receipt in receipts_of([]) if receipt.outcome == "landed"])
    contracts = part.contracts if whole else part.own
    with (
        _holding(settings, part, whole and not dry_run) as held,
        held.ops.run("replay", held.run_id, dry_run=dry_run, tables=held.tables) as run,
    ):
        ops, mended = held.ops, list(held.mended)
        damaged: list[str] = []
        received = receipts_of(damaged)
        restoration = Restoration(ops, received)
        if received and whole and not dry_run:
            mended += mend_marker(settings, simulated=any(receipt.request.get("simulated") for receipt in received))
        receipts = [receipt for receipt in received if restoration.is_landed(receipt)]
        shadow = shadow_of(run.id)
        catalog = open_catalog(settings)
        catalog.create_namespace(shadow)
        try:
            for contract in contracts:  # also those of sources that have landed nothing
                ensure_table(catalog, contract, shadow)
            work = _Replay(settings, part, ops, run.id, archive, shadow, restoration, progress)
            damaged += work.land_again(receipts)
            if work.unread and not dry_run:
                _refuse_if_a_layout_is_broken(settings, part, receipts)
            replayed = [
                _take_over(settings, catalog, contract, shadow, run.id, dry_run, whole=not damaged)
                for contract in contracts
            ]
        finally:
            drop_shadow(catalog, run.id)
        restored = 0 if dry_run else restoration.write(archive, work.landings)
        run.rows = sum(table.missing + table.surplus for table in replayed)
        if damaged:
            run.status, run.error = "failed", f"damaged in the archive: {', '.join(damaged)}"
        elif work.unread:
            run.status, run.error = (
                "failed",
                f"not read any more: {', '.join(visible(file.tail) for file in work.unread)}",
            )
    return ReplayReport(len(receipts), replayed, damaged, mended, restored, list(work.unread.values()))


def _holding(settings: Settings, part: Registry, mending: bool) -> AbstractContextManager[Held]:
    if mending:
        return holding_all(settings, part, "replay")
    return holding(settings, part, [contract.name for contract in part.own], "replay")


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
    replayed: dict[str, ReplayedHistory] = field(default_factory=dict)
    #: Files whose latest landing is refused now → the reason.
    unread: dict[File, str] = field(default_factory=dict)

    @property
    def landings(self) -> list[Landing]:
        """The landings that were repeated."""
        return [landing for source in self.replayed.values() for landing in source.landings]

    def land_again(self, receipts: Sequence[Receipt]) -> list[str]:
        """Land the bytes of all receipts into the shadow tables; returns the objects that cannot be read."""
        damaged: list[str] = []
        done = 0
        runs: dict[str, list[Receipt]] = {}  # in the order of their first receipt
        streams: dict[tuple[str, str], list[Batch]] = {}
        for receipt in receipts:
            if batch := batch_of(receipt):
                streams.setdefault((batch.table, batch.stream), []).append(batch)
            else:
                runs.setdefault(receipt.run_id, []).append(receipt)

        def sound(receipt: Receipt) -> bool:
            nonlocal done
            self.progress(done, len(receipts), Path(receipt.path).name)
            done += 1
            if not (whole := self.archive.is_sound(receipt.sha256)):
                damaged.append(f"{receipt.sha256} ({Path(receipt.path).name})")
            return whole

        for members in runs.values():
            members.sort(key=lambda receipt: receipt.sequence)
            first = members[0]
            lander = Lander(
                self.settings, self.ops, self.run_id, self.registry.named(first.source), LandOptions.of(first.request),
                namespace=self.shadow, replayed=self.replayed.setdefault(first.source, ReplayedHistory()),
            )  # fmt: skip
            for receipt in filter(sound, members):
                blocks = partial(self.archive.blocks, receipt.sha256)
                lander.take(Arrival(Path(receipt.path), blocks, receipt.request, receipt))
            lander.commit()
            self._note(lander)
            self.restoration.landed(self.archive, members, lander.slices, lander.received)
        for batches in streams.values():
            for start in range(0, len(batches), BATCHES_A_COMMIT):
                part = batches[start : start + BATCHES_A_COMMIT]
                self._append_again([batch for batch in part if sound(batch.receipt)])
        return damaged

    def _append_again(self, batches: Sequence[Batch]) -> None:
        """Append batches of one stream in one commit: no two of them have a row in common."""
        if not batches:
            return
        contract = self.registry.streamed_table(batches[0].table)
        folder = self.settings.temporary("land", f"{self.run_id}-{uuid.uuid4().hex[:6]}")
        staged = StagedBatches(Staging(folder))
        for sequence, batch in enumerate(batches):
            stage(contract, staged, sequence, batch, conform(contract, unpack(self.archive.get(batch.receipt.sha256))))
        commit(self.settings, open_catalog(self.settings), contract, staged, self.run_id, self.shadow)
        shutil.rmtree(folder)
        for batch, row in zip(batches, slices(staged, None), strict=True):
            outcome = FileOutcome(batch.receipt.path, "landed", batch.receipt.sha256)
            self.restoration.landed(self.archive, [batch.receipt], [row], [(outcome, batch.receipt)])

    def _note(self, lander: Lander) -> None:
        for outcome, receipt in lander.received:
            file = file_of(receipt.sha256, receipt.path, receipt.request)
            if outcome.status == "refused":
                self.unread[file] = visible(outcome.reason or outcome.path)
            else:
                self.unread.pop(file, None)


def _is_of(part: Registry, receipt: Receipt) -> bool:
    """Whether the bytes of a receipt landed into tables of a part of the registry."""
    batch = batch_of(receipt)
    return receipt.source in part.sources if batch is None else batch.table in {c.name for c in part.streamed}


def _refuse_if_a_layout_is_broken(settings: Settings, registry: Registry, receipts: Sequence[Receipt]) -> None:
    """Refuse to replay while a layout file is broken: the files that it is for would lose their rows.

    Raises:
        TerminalError: a layout file of the user's is wrong.
    """
    for name in sorted({receipt.source for receipt in receipts if batch_of(receipt) is None}):
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
    with reading(settings) as session:
        session.execute(f"CREATE TEMPORARY VIEW replayed AS {replayed.select(contract)}")
        session.execute(f"CREATE TEMPORARY VIEW stored AS {stored.select(contract)}")
        counts = session.execute(
            f"""
            SELECT (SELECT count(*) FROM replayed),
                (SELECT count(*) FROM (SELECT {columns} FROM replayed EXCEPT ALL SELECT {columns} FROM stored)),
                (SELECT count(*) FROM (SELECT {columns} FROM stored EXCEPT ALL SELECT {columns} FROM replayed))
            """
        ).fetchall()[0]
    rows, missing, surplus = (int(value) for value in counts)
    landed = offsets(shadow_table)
    if not whole:  # the stream goes on after its last offset, whatever the archive has lost
        landed = {**landed, **{s: at for s, at in offsets(target).items() if at > landed.get(s, [])}}
    if not missing and not surplus and landed == offsets(target):
        return ReplayedTable(contract.name, rows, 0, 0, "equal")
    if dry_run:
        return ReplayedTable(contract.name, rows, missing, surplus, "differs")
    if surplus and not whole:
        return ReplayedTable(contract.name, rows, missing, surplus, "kept")
    properties = {"wattlake.run": run_id, "wattlake.source": "replay"}
    replace_all(settings, target, contract, replayed=shadow_table, properties=properties, landed=landed)
    return ReplayedTable(contract.name, rows, missing, surplus, "replaced")


def _is_damaged(settings: Settings, catalog: Catalog, contract: Contract) -> bool:
    name = (RAW, contract.name)
    return name in catalog.list_tables(RAW) and table_damage(settings, catalog, name, read_every_row) is not None
