"""Outcomes of files: their pieces are checked against the contracts and counted."""

from __future__ import annotations

from dataclasses import dataclass, field

from lakehouse.ops import Run
from lakehouse.writing.counts import ObjectCounts


@dataclass
class FileOutcome:
    """The outcome of one file.

    Args:
        path: as given.
        status: 'landed', 'unchanged' (these bytes had landed before), 'left out' (known, and not landed on purpose) or
            'refused'.
        reason: why it was refused or left out, with the next step.
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

    def refuse(self, reason: str, status: str = "refused") -> None:
        """Refuse the whole file: of its outcome only the reason is left."""
        self.status, self.reason, self.layout = status, reason, None
        self.rows_read = self.rows_empty = self.rows_quarantined = 0
        self.counts, self.dialect, self.quarantine_reasons = ObjectCounts(), {}, {}


@dataclass
class LandReport:
    """Outcomes of a land call in the order of arrival.

    Args:
        run_id: of the run.
        files: outcome of each file.
        superseded: rows that were removed because their bytes are read in another way now.
        kept: files that landed before and cannot be read again, with the reason; their rows stay.
        passed_over: files of folders that are of a kind that the source does not read.
        broken_layouts: errors in the user's layout files.
    """

    run_id: str
    files: list[FileOutcome]
    superseded: int = 0
    kept: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    broken_layouts: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether a file landed, had landed before, or is left out on purpose."""
        return any(outcome.status != "refused" for outcome in self.files)

    @property
    def refused(self) -> list[FileOutcome]:
        """The files that were refused."""
        return [outcome for outcome in self.files if outcome.status == "refused"]


def conclude(run: Run, report: LandReport) -> None:
    """Set the status of a run from the outcomes of its files."""
    run.rows = sum(outcome.counts.new + outcome.counts.replaced for outcome in report.files)
    if report.refused:
        run.error = f"{len(report.refused)} of {len(report.files)} files refused"
    if not report.ok:
        run.status = "failed"
