"""The result of a download: documents by outcome, landed files, days that no request can fetch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from lakehouse.download.plan import Unobtainable
from lakehouse.landing.outcome import FileOutcome

#: Outcomes that leave a hole worth reporting.
HOLES = ("failed", "throttled", "denied", "malformed", "gone")


@dataclass
class DownloadReport:
    """The result of a download.

    Args:
        source: name of the source.
        start, end: wanted days, half-open.
        run_id: of the run.
        documents: number of documents by outcome, see `lakehouse.ops.DOWNLOADS`; those at hand before are `skipped`.
        files: outcomes of landed files.
        unobtainable: days that no request can fetch.
        problems: error with its next step → number of times.
        incomplete: documents that landed and leave out something that was asked for.
        left: number of documents that were not asked for, because the server failed too often or refuses access.
        superseded: rows that were removed because their bytes are read in another way now.
    """

    source: str
    start: date
    end: date
    run_id: str = ""
    documents: Counter[str] = field(default_factory=Counter)
    files: list[FileOutcome] = field(default_factory=list)
    unobtainable: list[Unobtainable] = field(default_factory=list)
    problems: dict[str, int] = field(default_factory=dict)
    incomplete: int = 0
    left: int = 0
    superseded: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything that the source has is at hand."""
        holes = any(self.documents[outcome] for outcome in HOLES) or self.left or self.incomplete
        return not holes and not any(span.outcome in HOLES for span in self.unobtainable)

    def problem(self, text: str) -> None:
        """Count an error."""
        self.problems[text] = self.problems.get(text, 0) + 1
