"""One landing run: arrivals are parsed and staged one by one, and committed together."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from lakehouse import ops as ops_tables
from lakehouse.archive import Archive, Receipt, open_archive
from lakehouse.catalog import RAW, open_catalog
from lakehouse.contract import ASSETS, QUARANTINE, SIGNALS, Contract, Slice
from lakehouse.errors import NotLanded, Overtaken, UnreadableFile, printable, visible
from lakehouse.landing.dedupe import compare
from lakehouse.landing.history import File, History, Landing, RecordedHistory, ReplayedHistory, tail
from lakehouse.landing.metadata import Declared
from lakehouse.landing.outcome import FileOutcome, LandReport
from lakehouse.landing.parse import Parser, raw_file
from lakehouse.landing.reread import Reread, RereadFile, assets_of, lasting, reread
from lakehouse.ops import Ops, canonical
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, RawFile, Source
from lakehouse.writing.counts import ObjectCounts
from lakehouse.writing.staging import Staged, Staging
from lakehouse.writing.writer import Landed, merge, replace

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog


@dataclass(frozen=True)
class Arrival:
    """Bytes on their way in: a file just read, or a receipt's from the archive."""

    path: Path
    blocks: Callable[[], Iterator[bytes]]
    request: dict[str, object]
    receipt: Receipt


@dataclass
class Prepared:
    """An arrival that was parsed and staged, and is not yet part of the run.

    Args:
        arrival: which.
        outcome: its result so far.
        landing: its record, once it has landed.
        replaces: whether an earlier reading of its bytes is void.
        staged: its rows; nothing where it is unchanged or refused.
        declared: its rows of raw.assets and raw.signals, by table.
        stated: slices that it states whole, by table.
    """

    arrival: Arrival
    outcome: FileOutcome
    landing: Landing | None = None
    replaces: bool = False
    staged: list[Staged] = field(default_factory=list)
    declared: dict[str, pa.Table] = field(default_factory=dict)
    stated: Mapping[str, Sequence[Slice]] = field(default_factory=dict)


class Lander:
    """Parses arrivals of one run, stages their rows, and commits them.

    Args:
        settings: of the home.
        ops: records of runs.
        run_id: of the run.
        source: of the arrivals.
        options: what the user says about them.
        namespace: of the tables; a replay has its own.
        replayed: the landings that a replay has repeated so far; None outside of a replay.
    """

    def __init__(
        self,
        settings: Settings,
        ops: Ops,
        run_id: str,
        source: Source,
        options: LandOptions,
        namespace: str = RAW,
        replayed: ReplayedHistory | None = None,
    ) -> None:
        self.settings = settings
        self.ops = ops
        self.run_id = run_id
        self.source = source
        self.options = options
        self.namespace = namespace
        self.folder = settings.temporary("land", f"{run_id}-{uuid.uuid4().hex[:6]}")
        self.staging = Staging(self.folder)
        self._parser = Parser(settings, source, self.staging)
        self.outcomes: list[FileOutcome] = []
        self.received: list[tuple[FileOutcome, Receipt]] = []
        self._replayed = replayed
        self._history: History = replayed or RecordedHistory(ops, source.name)
        self._archive = open_archive(settings)
        self._taken: dict[int, Prepared] = {}
        self._read: dict[File, RereadFile] = {}
        #: Rows of ops.slices, once the run has committed.
        self.slices: list[dict[str, object]] = []
        #: Whether tables may have rows of this run; if it fails then, it is finished later and not given up.
        self.committing = False

    def take(self, arrival: Arrival) -> FileOutcome:
        """Parse and stage one arrival; a file that cannot be used is refused and the others go on."""
        return self.accept(self.prepare(arrival))

    def prepare(self, arrival: Arrival) -> Prepared:
        """Parse an arrival and write its rows for staging; several may be prepared at once, in threads."""
        receipt = arrival.receipt
        outcome = FileOutcome(printable(arrival.path), "landed", receipt.sha256, receipt.bytes)
        prepared = Prepared(arrival, outcome)
        compared = compare(receipt, outcome.path, self.source, self._history, self._archive)
        prepared.replaces = compared.replaces
        if compared.adds_nothing:
            outcome.status = "unchanged"
        elif outcome.path != str(arrival.path):
            outcome.status = "refused"
            outcome.reason = (
                f"the name of {visible(outcome.path)} is not Unicode text\n  next: give the file another name"
            )
        else:
            try:
                file = raw_file(receipt, arrival.path, arrival.blocks, compared.dated_by)
                options = lasting(self.options, compared.earlier)
                found = self._parser.stage(receipt.sequence, file, options, outcome, prepared.staged)
                prepared.declared, prepared.stated = found.declared, found.stated
            except UnreadableFile as error:
                self._refuse(prepared, error)
        assets = tuple(sorted(assets_of(prepared.declared)))
        prepared.landing = Landing(
            receipt.sha256, outcome.path, compared.request, assets, receipt.run_id, receipt.sequence
        )  # fmt: skip
        return prepared

    def accept(self, prepared: Prepared) -> FileOutcome:
        """Make a prepared arrival part of the run, in order of arrival."""
        outcome, receipt = prepared.outcome, prepared.arrival.receipt
        self.outcomes.append(outcome)
        self.received.append((outcome, receipt))
        if outcome.status == "landed":
            self._taken[receipt.sequence] = prepared
        return outcome

    def _refuse(self, prepared: Prepared, error: UnreadableFile) -> None:
        """Drop everything of a refused file except its reason."""
        self.staging.drop(prepared.staged)
        prepared.staged, prepared.declared, prepared.stated = [], {}, {}
        status = "left out" if isinstance(error, NotLanded) else "refused"
        prepared.outcome.refuse(f"{visible(tail(prepared.outcome.path))}: {error}", status)

    def _reread(self) -> Reread:
        """Read other files of assets again whose bytes land in another way; refuse what contradicts landed files."""
        kept: dict[File, str] = {}
        while True:
            again = {p.landing.file: p.declared for p in self._taken.values() if p.replaces and p.landing}
            others = Reread()
            if again:
                others = reread(self._history.all(), again, kept, self._read_again)
            declared = Declared(self.settings, self.source, self.namespace, others.declared_anew, others.objects)
            agreed = True
            for reading in others.readings:
                try:
                    declared.accept(reading.declared, reading.landing.sha256)
                except UnreadableFile as error:
                    kept[reading.landing.file] = str(error)
                    agreed = False
            for sequence, prepared in list(self._taken.items()):
                try:
                    declared.accept(prepared.declared, prepared.outcome.sha256)
                except UnreadableFile as error:
                    self._refuse(prepared, error)
                    del self._taken[sequence]
                    agreed = agreed and not prepared.replaces
            if agreed:
                return others

    def _read_again(self, landings: Sequence[Landing], place: int) -> RereadFile:
        """Read a file that landed before with the layouts of today."""
        landing = landings[-1]
        if (key := landing.file) not in self._read:
            blocks = partial(self._archive.blocks, landing.sha256)
            size = sum(len(block) for block in blocks())
            file, reading = RawFile(landing.sha256, Path(landing.path), size, blocks), RereadFile(landing)
            outcome = FileOutcome(landing.path, "landed", landing.sha256)
            reading.declared = self._parser.stage(
                place, file, lasting(LandOptions.of(landing.asked), landings), outcome, reading.staged
            ).declared
            self._read[key] = reading
        return self._read[key]

    def refuse_unread(self, path: Path, reason: str, next_step: str) -> None:
        """Record a file whose bytes could not be read."""
        name = printable(path)
        outcome = FileOutcome(name, "refused", reason=f"{visible(name)} {reason}\n  next: {next_step}")
        self.outcomes.append(outcome)

    def abandon(self, archive: Archive, error: BaseException) -> None:
        """Record every arrival of a run that committed nothing; the archive keeps the bytes."""
        self.ops.insert({ops_tables.FETCHES: self._fetches(f"{type(error).__name__}: {error}")})
        self.close(archive, error)
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self, archive: Archive, error: BaseException | None = None) -> None:
        """Write the outcomes into the receipts."""
        for outcome, receipt in self.received:
            if error is None:
                archive.close(receipt, outcome.status, outcome.reason, outcome.layout)
            else:
                archive.close(receipt, "failed", f"{type(error).__name__}: {error}")

    def commit(self) -> LandReport:
        """Commit each table once: assets, signals and refused rows first, then the source's own tables."""
        report = LandReport(self.run_id, self.outcomes)
        catalog = open_catalog(self.settings)
        others = self._declare(catalog)
        report.kept = [f"{visible(file.tail)}: {reason}" for file, reason in others.kept.items()]
        for contract in (SIGNALS, QUARANTINE, *self.source.contracts):
            landed = self._write(catalog, contract, others)
            if contract in self.source.contracts:
                self.slices += self._slices(contract, landed)
                report.superseded += landed.superseded
        for reading in others.readings:
            self._history.add_assets(reading.landing, reading.assets)
        if self._replayed is None:
            # In one transaction: a run with slices also has the outcome of each file.
            self.ops.insert({ops_tables.SLICES: self.slices, ops_tables.FETCHES: self._fetches()})
        else:
            self._replayed.landings += [p.landing for p in self._taken.values() if p.landing]
        shutil.rmtree(self.folder)
        return report

    def _declare(self, catalog: Catalog) -> Reread:
        """Commit raw.assets; refuse files whose assets another landing has taken for its domain meanwhile."""
        overtaken: Overtaken | None = None
        taken = 0
        while True:
            others = self._reread()
            if overtaken and len(self._taken) == taken:
                raise overtaken
            taken = len(self._taken)
            self.staging.release()
            for reading in others.readings:
                # The slices that it stated hold until another file states them.
                self.staging.keep([part for part in reading.staged if part.contract.mode != "replace"])
            for prepared in self._taken.values():
                self.staging.keep(prepared.staged)
            try:
                self._write(catalog, ASSETS, others)
                return others
            except Overtaken as error:
                overtaken, self.committing = error, False

    def _write(self, catalog: Catalog, contract: Contract, others: Reread) -> Landed:
        """Commit the staged rows of a table, in the mode of its contract."""
        properties = {
            "wattlake.run": self.run_id,
            "wattlake.source": self.source.name,
            "wattlake.objects": ",".join(dict.fromkeys(taken.outcome.sha256 for taken in self._taken.values())),
            "wattlake.code": version("wattlake"),
        }
        self.committing = True
        if contract.mode == "replace":
            found = {sequence: taken.stated.get(contract.name, ()) for sequence, taken in self._taken.items()}
            stated = {sequence: slices for sequence, slices in found.items() if slices}
            if not stated:
                return Landed(contract.name, None)
            return replace(
                self.settings, catalog, contract, self.staging, stated,
                properties=properties, namespace=self.namespace,
            )  # fmt: skip
        void = others.void(contract, self.source)
        return merge(
            self.settings, catalog, contract, self.staging,
            properties=properties, void=void, namespace=self.namespace,
        )  # fmt: skip

    def _slices(self, contract: Contract, landed: Landed) -> Iterable[dict[str, object]]:
        for sequence, prepared in self._taken.items():
            outcome, landing = prepared.outcome, prepared.landing
            if landing is None:
                continue
            counts = landed.by_sequence.get(sequence, ObjectCounts())
            outcome.counts = outcome.counts + counts  # over the tables that the file has rows of
            yield {
                "run_id": self.run_id, "source": self.source.name, "table_name": contract.name, "status": "landed",
                "sha256": outcome.sha256, "file": outcome.path, "request": landing.request, "sequence": sequence,
                "assets": canonical(landing.assets), "layout": outcome.layout, "dialect": canonical(outcome.dialect),
                "rows_read": outcome.rows_read, "rows_empty": outcome.rows_empty,
                "rows_quarantined": outcome.rows_quarantined, "rows_new": counts.new,
                "rows_replaced": counts.replaced, "rows_equal": counts.equal, "rows_superseded": landed.superseded,
                "conflicts": counts.conflicts, "snapshot_id": landed.snapshot_id,
            }  # fmt: skip

    def _fetches(self, error: str | None = None) -> list[dict[str, object]]:
        """Rows of ops.fetches: one an arrival."""
        return [
            {
                "run_id": self.run_id,
                "source": self.source.name,
                "path": outcome.path,
                "sha256": outcome.sha256 or None,
                "bytes": outcome.bytes,
                "status": "failed" if error and outcome.status == "landed" else outcome.status,
                "error": outcome.reason or error,
                "attempt": 1,
                "layout": outcome.layout,
            }
            for outcome in self.outcomes
        ]
