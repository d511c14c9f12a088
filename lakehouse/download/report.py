"""What came of a download: documents by outcome, files that landed, days that cannot be had."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from lakehouse.download.plan import Unobtainable
from lakehouse.landing.outcome import FileOutcome

#: Outcomes that leave a hole that somebody may want to know of.
HOLES = ("failed", "throttled", "denied", "malformed", "gone")


@dataclass
class DownloadReport:
    """What came of a download.

    Args:
        source: its name.
        start, end: days that were asked for, half-open.
        run_id: of the run.
        documents: number of documents by outcome, see `lakehouse.ops.DOWNLOADS`; those at hand before are `skipped`.
        files: what landed.
        unobtainable: days that no request can bring.
        problems: what went wrong, each once, with what to do.
        incomplete: documents that landed and leave out something that was asked for.
        left: documents that were not asked for any more, because the server failed too often or lets nobody in.
        superseded: rows that went because their bytes are now read in another way.
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
        """Tell of something that went wrong."""
        self.problems[text] = self.problems.get(text, 0) + 1
