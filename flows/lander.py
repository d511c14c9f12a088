"""One landing run: arrivals are parsed and staged one by one, then committed together."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from flows.declared import Declared
from flows.landings import Landing, Landings, RecordedLandings, ReplayedLandings
from ingest.source import LandOptions, Parsed, RawFile, Source
from lakehouse import ops as ops_tables
from lakehouse.archive import Archive, Receipt, open_archive
from lakehouse.catalog import RAW, open_catalog
from lakehouse.contract import ASSETS, QUARANTINE, SHARED, SIGNALS, Contract
from lakehouse.diff import ObjectCounts
from lakehouse.errors import UnreadableFile
from lakehouse.intake import check
from lakehouse.ops import Ops, canonical
from lakehouse.settings import Settings
from lakehouse.staging import Staging
from lakehouse.writer import Landed, merge


@dataclass
class FileOutcome:
    """What became of one file.

    Args:
        path: as it was given.
        status: 'landed', 'unchanged' (these bytes had landed before) or 'refused'.
        reason: why it was refused, with the next step.
        rows_quarantined: rows or cells kept in raw.quarantine.
    """

    path: str
    status: str
    sha256: str = ""
    bytes: int | None = None
    layout: str | None = None
    reason: str | None = None
    rows_read: int = 0
    rows_empty: int = 0
    rows_quarantined: int = 0
    counts: ObjectCounts = field(default_factory=ObjectCounts)
    dialect: dict[str, object] = field(default_factory=dict)
    quarantine_reasons: dict[str, int] = field(default_factory=dict)


@dataclass
class LandReport:
    """Outcomes of a land call in the order of arrival."""

    run_id: str
    files: list[FileOutcome]
    superseded: int = 0

    @property
    def ok(self) -> bool:
        """Whether at least one file landed or had landed before."""
        return any(outcome.status != "refused" for outcome in self.files)


@dataclass(frozen=True)
class Arrival:
    """Bytes on their way in: a file just read, or a reception taken from the archive."""

    path: Path
    content: bytes
    request: dict[str, object]
    receipt: Receipt


class Lander:
    """Parses arrivals of one run, stages their rows, and commits them.

    Args:
        settings: of the home.
        ops: records of runs.
        run_id: of the run.
        source: of the arrivals.
        options: what the user says about them.
        namespace: of the tables; a replay has its own.
        replayed: landings that a replay has repeated; None outside of one.
    """

    def __init__(
        self,
        settings: Settings,
        ops: Ops,
        run_id: str,
        source: Source,
        options: LandOptions,
        namespace: str = RAW,
        replayed: ReplayedLandings | None = None,
    ) -> None:
        self.settings = settings
        self.ops = ops
        self.run_id = run_id
        self.source = source
        self.options = options
        self.namespace = namespace
        self.folder = settings.temporary("land", f"{run_id}-{uuid.uuid4().hex[:6]}")
        self.staging = Staging(self.folder)
        self.outcomes: list[FileOutcome] = []
        self.received: list[tuple[FileOutcome, Receipt]] = []
        self._replayed = replayed
        self._landings: Landings = replayed or RecordedLandings(ops, source.name)
        self._taken: dict[int, tuple[FileOutcome, Landing]] = {}
        #: hashes of bytes that landed before and are now read in another way
        self._again: set[str] = set()
        self._declared = Declared(settings, source, namespace)
        #: Whether rows of this run may be in tables; what fails from then on is finished, not given up.
        self.committing = False

    def take(self, arrival: Arrival) -> FileOutcome:
        """Parse and stage one arrival; a file that cannot be used is refused and the others go on."""
        receipt = arrival.receipt
        outcome = FileOutcome(printable(arrival.path), "landed", receipt.sha256, len(arrival.content))
        self.outcomes.append(outcome)
        self.received.append((outcome, receipt))
        request = canonical(arrival.request)
        before = self._landings.of_bytes(receipt.sha256)
        named_alike = [landing for landing in before if _tail(Path(landing.path)) == _tail(Path(outcome.path))]
        if named_alike and named_alike[-1].request == request:
            outcome.status = "unchanged"
            return outcome
        if outcome.path != str(arrival.path):
            outcome.status = "refused"
            outcome.reason = f"the name of {outcome.path} is no Unicode text\n  next: give the file another name"
            return outcome
        try:
            parsed = self._parse(arrival.content, receipt.sha256, arrival.path, self.options)
            self._declared.accept(parsed, receipt.sha256)
            self._stage(receipt.sequence, parsed, outcome)
        except UnreadableFile as error:
            outcome.status = "refused"
            outcome.reason = f"{_tail(Path(outcome.path))}: {error}"
            return outcome
        if before:
            self._again.add(receipt.sha256)
        assets = (
            tuple(parsed.tables[ASSETS.name].column("asset_id").to_pylist()) if ASSETS.name in parsed.tables else ()
        )
        self._taken[receipt.sequence] = (outcome, Landing(receipt.sha256, outcome.path, request, assets))
        return outcome

    def _parse(self, content: bytes, sha256: str, path: Path, options: LandOptions) -> Parsed:
        return self.source.parse(RawFile(content, sha256, path), options, self.settings.layout_dirs)

    def _restage(self) -> None:
        """Stage again what other files say of assets whose bytes are now read in another way.

        A row that two files state is stored once, with the first one's bytes; when these are read in another way, the
        other file still says it. Files come in order of arrival, before the ones of this run.
        """
        again = [landing for _, landing in self._taken.values() if landing.sha256 in self._again]
        assets = {asset for landing in again for asset in landing.assets}
        latest: dict[tuple[str, str], Landing] = {}
        for landing in self._landings.of_assets(assets):
            if landing.sha256 not in self._again:
                key = (landing.sha256, _tail(Path(landing.path)))
                latest.pop(key, None)
                latest[key] = landing
        archive = open_archive(self.settings)
        for position, landing in enumerate(latest.values()):
            options = LandOptions(**{name: value for name, value in landing.options.items() if name != "layouts"})
            parsed = self._parse(archive.get(landing.sha256), landing.sha256, Path(landing.path), options)
            self._stage(position - len(latest), parsed, FileOutcome(landing.path, "landed", landing.sha256))

    def refuse_unread(self, path: Path, reason: str, next_step: str) -> None:
        """Record a file whose bytes could not be had."""
        name = printable(path)
        outcome = FileOutcome(name, "refused", reason=f"{name} {reason}\n  next: {next_step}")
        self.outcomes.append(outcome)

    def abandon(self, archive: Archive, error: BaseException) -> None:
        """Record every arrival of a run that committed nothing; the archive keeps the bytes."""
        self.ops.insert({ops_tables.FETCHES: self._fetches(f"{type(error).__name__}: {error}")})
        self.close(archive, error)
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self, archive: Archive, error: BaseException | None = None) -> None:
        """Write into the receipts what came of them."""
        for outcome, receipt in self.received:
            if error is None:
                archive.close(receipt, outcome.status, outcome.reason, outcome.layout)
            else:
                archive.close(receipt, "failed", f"{type(error).__name__}: {error}")

    def commit(self) -> LandReport:
        """One commit a table: what assets and signals are, refused rows, then observations."""
        report = LandReport(self.run_id, self.outcomes)
        catalog = open_catalog(self.settings)
        slices: list[dict[str, object]] = []
        if self._again:
            self._restage()
        hashes = ",".join(dict.fromkeys(landing.sha256 for _, landing in self._taken.values()))
        properties = {
            "wattlake.run": self.run_id,
            "wattlake.source": self.source.name,
            "wattlake.objects": hashes,
            "wattlake.code": version("wattlake"),
        }
        self.committing = True
        for contract in (ASSETS, SIGNALS, QUARANTINE, *self.source.contracts):
            own = contract in self.source.contracts
            landed = merge(
                self.settings,
                catalog,
                contract,
                self.staging,
                properties=properties,
                superseded_objects=sorted(self._again) if own or contract is QUARANTINE else (),
                namespace=self.namespace,
            )
            if own:
                slices += self._slices(contract, landed)
                report.superseded += landed.superseded
        if self._replayed is None:
            # Together: a run that has its slices also says what became of each file.
            self.ops.insert({ops_tables.SLICES: slices, ops_tables.FETCHES: self._fetches()})
        else:
            self._replayed.landings += [landing for _, landing in self._taken.values()]
        shutil.rmtree(self.folder)
        return report

    def _slices(self, contract: Contract, landed: Landed) -> Iterable[dict[str, object]]:
        for sequence, (outcome, landing) in self._taken.items():
            counts = landed.by_sequence.get(sequence, ObjectCounts())
            outcome.counts = counts
            yield {
                "run_id": self.run_id, "source": self.source.name, "table_name": contract.name, "status": "landed",
                "sha256": outcome.sha256, "file": outcome.path, "request": landing.request, "sequence": sequence,
                "assets": canonical(landing.assets), "layout": outcome.layout, "dialect": canonical(outcome.dialect),
                "rows_read": outcome.rows_read, "rows_empty": outcome.rows_empty,
                "rows_quarantined": outcome.rows_quarantined, "rows_new": counts.new,
                "rows_replaced": counts.replaced, "rows_equal": counts.equal, "rows_superseded": landed.superseded,
                "conflicts": counts.conflicts, "snapshot_id": landed.snapshot_id,
            }  # fmt: skip

    def _stage(self, sequence: int, parsed: Parsed, outcome: FileOutcome) -> None:
        contracts = {contract.name: contract for contract in (*SHARED, *self.source.contracts)}
        rejects = parsed.rejects.to_pylist()
        staged: list[tuple[Contract, pa.Table]] = []
        for name, rows in parsed.tables.items():
            good, refusals = check(contracts[name], rows)
            lines = rows.column("line") if "line" in rows.column_names else None
            rejects += [
                {
                    "line": lines[refusal.row].as_py() if lines is not None else 0,
                    "field": refusal.field,
                    "reason": refusal.reason,
                    "raw_text": refusal.raw_text,
                }
                for refusal in refusals
            ]
            staged.append((contracts[name], good))
        for contract, rows in staged:
            self.staging.add(contract, sequence, rows)
        if rejects:
            quarantined = [
                {"source": self.source.name, "source_object": outcome.sha256, "file": outcome.path, **reject}
                for reject in rejects
            ]
            self.staging.add(QUARANTINE, sequence, pa.Table.from_pylist(quarantined, schema=QUARANTINE.arrow_schema))
        outcome.layout = parsed.layout
        outcome.dialect = parsed.dialect
        outcome.rows_read = parsed.rows_read
        outcome.rows_empty = parsed.rows_empty
        outcome.rows_quarantined = len(rejects)
        for reject in rejects:
            outcome.quarantine_reasons[reject["reason"]] = outcome.quarantine_reasons.get(reject["reason"], 0) + 1

    def _fetches(self, error: str | None = None) -> list[dict[str, object]]:
        """One row an arrival."""
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


def printable(path: Path) -> str:
    """A path as text that every database takes; bytes that are no UTF-8 are written out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _tail(path: Path) -> str:
    """The part of a path that a source may read names from."""
    return f"{path.parent.name}/{path.name}"
