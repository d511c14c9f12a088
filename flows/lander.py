"""One landing run: arrivals are parsed and staged one by one, then committed together."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from ingest.source import LandOptions, Parsed, RawFile, Source
from lakehouse import ops as ops_tables
from lakehouse.archive import Receipt
from lakehouse.catalog import RAW, open_catalog
from lakehouse.contract import ASSETS, QUARANTINE, SHARED, SIGNALS, Contract
from lakehouse.diff import ObjectCounts, Staging
from lakehouse.errors import UnreadableFile
from lakehouse.intake import check
from lakehouse.ops import Ops, canonical
from lakehouse.pins import pin
from lakehouse.reader import rows_of
from lakehouse.settings import Settings
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
    """Parses arrivals of one run, stages their rows, and commits them."""

    def __init__(
        self,
        settings: Settings,
        ops: Ops,
        run_id: str,
        source: Source,
        options: LandOptions,
        namespace: str = RAW,
        history: dict[tuple[str, str], set[str]] | None = None,
        recorded: bool = True,
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
        self._sequences: dict[int, FileOutcome] = {}
        self._requests: dict[int, str] = {}
        self._again: set[str] = set()
        self._known_assets: dict[str, str] | None = None
        #: (sha256, path tail) → canonical requests under which the bytes have landed
        self._history = history
        #: a replay lands what ops already knows
        self._recorded = recorded

    def take(self, arrival: Arrival) -> FileOutcome:
        """Parse and stage one arrival; a file that cannot be used is refused and the others go on."""
        receipt = arrival.receipt
        outcome = FileOutcome(str(arrival.path), "landed", receipt.sha256, len(arrival.content))
        self.outcomes.append(outcome)
        self.received.append((outcome, receipt))
        tail = f"{self.source.name}:{arrival.path.parent.name}/{arrival.path.name}"
        request = canonical({**arrival.request, "path": tail})
        before = self._landed_before(receipt.sha256, tail)
        if request in before:
            outcome.status = "unchanged"
            return outcome
        try:
            parsed = self.source.parse(
                RawFile(arrival.content, receipt.sha256, arrival.path), self.options, self.settings.layout_dirs
            )
            self._refuse_foreign_assets(parsed)
            self._stage(receipt.sequence, parsed, outcome)
        except UnreadableFile as error:
            outcome.status = "refused"
            outcome.reason = str(error)
            return outcome
        if before:
            self._again.add(receipt.sha256)
        before.add(request)
        self._sequences[receipt.sequence] = outcome
        self._requests[receipt.sequence] = request
        return outcome

    def refuse_unread(self, path: Path, reason: str, next_step: str) -> None:
        """Record a file whose bytes could not be had."""
        outcome = FileOutcome(str(path), "refused", reason=f"{path} {reason}\n  next: {next_step}")
        self.outcomes.append(outcome)

    def abandon(self, error: BaseException) -> None:
        """Record every arrival of a run that failed, and drop what was staged; the archive keeps the bytes."""
        self._record_fetches(f"{type(error).__name__}: {error}")
        shutil.rmtree(self.folder, ignore_errors=True)

    def commit(self) -> LandReport:
        """One commit a table: what assets and signals are, refused rows, then observations."""
        report = LandReport(self.run_id, self.outcomes)
        catalog = open_catalog(self.settings)
        slices: list[dict[str, object]] = []
        hashes = ",".join(dict.fromkeys(self._sequences[s].sha256 for s in sorted(self._sequences)))
        properties = {
            "wattlake.run": self.run_id,
            "wattlake.source": self.source.name,
            "wattlake.objects": hashes,
            "wattlake.code": version("wattlake"),
        }
        for contract in (ASSETS, SIGNALS, QUARANTINE, *self.source.contracts):
            own = contract in self.source.contracts
            landed = merge(
                self.settings,
                catalog,
                contract,
                self.staging,
                properties=properties,
                superseded_objects=sorted(self._again) if own else (),
                namespace=self.namespace,
            )
            if own:
                slices += self._slices(contract, landed)
                report.superseded += landed.superseded
        if self._recorded:
            self.ops.insert(ops_tables.SLICES, slices)
        self._record_fetches()
        shutil.rmtree(self.folder)
        return report

    def _slices(self, contract: Contract, landed: Landed) -> Iterable[dict[str, object]]:
        for sequence, outcome in self._sequences.items():
            counts = landed.by_sequence.get(sequence, ObjectCounts())
            outcome.counts = counts
            yield {
                "run_id": self.run_id, "source": self.source.name, "table_name": contract.name, "status": "landed",
                "sha256": outcome.sha256, "file": outcome.path, "request": self._requests[sequence],
                "layout": outcome.layout, "dialect": canonical(outcome.dialect), "rows_read": outcome.rows_read,
                "rows_empty": outcome.rows_empty, "rows_quarantined": outcome.rows_quarantined,
                "rows_new": counts.new, "rows_replaced": counts.replaced, "rows_equal": counts.equal,
                "rows_superseded": landed.superseded, "conflicts": counts.conflicts, "snapshot_id": landed.snapshot_id,
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

    def _refuse_foreign_assets(self, parsed: Parsed) -> None:
        """An asset_id belongs to one domain; its rows must not mix with those of another asset of the same name."""
        if self._known_assets is None:
            pinned = pin(open_catalog(self.settings), ASSETS, self.namespace)
            rows = rows_of(pinned.select(ASSETS)) if pinned else []
            self._known_assets = {str(row[0]): str(row[1]) for row in rows}
        for row in parsed.tables.get(ASSETS.name, ASSETS.arrow_schema.empty_table()).to_pylist():
            domain = self._known_assets.setdefault(row["asset_id"], row["domain"])
            if domain != row["domain"]:
                raise UnreadableFile(
                    f"asset {row['asset_id']} belongs to the domain {domain} and cannot take {row['domain']} rows",
                    "give this asset another name with --asset, or a site with --site",
                )

    def _landed_before(self, sha256: str, tail: str) -> set[str]:
        if self._history is not None:
            return self._history.setdefault((sha256, tail), set())
        table = ops_tables.SLICES
        rows = self.ops.query(
            sa.select(table.c.request).where(table.c.sha256 == sha256, table.c.status == "landed").distinct()
        )
        return {request for (request,) in rows if f'"path":"{tail}"' in request}

    def _record_fetches(self, error: str | None = None) -> None:
        """One row an arrival, in one commit: sixty commits of their own would cost more than the rows."""
        if not self._recorded:
            return
        rows = [
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
        self.ops.insert(ops_tables.FETCHES, rows)
