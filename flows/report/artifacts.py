"""Artifacts of runs in the Prefect UI: landed and refused files with reasons, builds, checks."""

from __future__ import annotations

import html
import re
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import PurePath
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact

from lakehouse.check_result import CheckResult
from lakehouse.download.report import DownloadReport
from lakehouse.errors import ChecksFailed
from lakehouse.inventory import Freshness
from lakehouse.landing.inbox import InboxReport
from lakehouse.landing.outcome import FileOutcome, LandReport
from lakehouse.landing.replay import ReplayReport
from lakehouse.marts.build import BuildReport
from lakehouse.marts.checks import describe
from lakehouse.upkeep.disk_use import DiskUse
from lakehouse.upkeep.maintain import MaintainReport

#: Rows of a table that are shown; the rest is counted. A page of thousands would be sent on every view.
ROWS_SHOWN = 100
#: Longest text of a cell.
CELL_CHARACTERS = 300
#: Seconds between two updates of a progress bar, because each is a request to the server.
PROGRESS_EVERY_S = 2.0

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~!])")


def text(value: object) -> str:
    """A value as plain text inside Markdown: names come from outside, and must not become links, tags or tables."""
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return _SPECIAL.sub(r"\\\1", html.escape(plain(value), quote=False))


def plain(value: object) -> str:
    """A value on one short line, for names and messages of runs, which the UI shows without Markdown."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    return line if len(line) <= CELL_CHARACTERS else line[: CELL_CHARACTERS - 1] + "…"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; numbers are aligned to the right."""
    if not rows:
        return "none"
    numeric = [all(isinstance(row[column], int | float) for row in rows) for column in range(len(header))]
    lines = [
        "| " + " | ".join(header) + " |",
        "|" + "|".join("---:" if right else "---" for right in numeric) + "|",
        *("| " + " | ".join(text(cell) for cell in row) + " |" for row in rows[:ROWS_SHOWN]),
    ]
    more = f"\n\n… and {len(rows) - ROWS_SHOWN:,} more; see `ops.fetches`" if len(rows) > ROWS_SHOWN else ""
    return "\n".join(lines) + more


def counts(files: Sequence[FileOutcome]) -> dict[str, int]:
    """Number of files by outcome: landed, unchanged, refused, and left out if there are any."""
    found = Counter(outcome.status for outcome in files)
    left_out = ("left out",) if found["left out"] else ()
    return {status: found[status] for status in ("landed", "unchanged", *left_out, "refused")}


def summary(files: Sequence[FileOutcome]) -> str:
    """One line: number of files by outcome, and of their new rows."""
    parts = [f"{number:,} {status}" for status, number in counts(files).items() if number]
    rows = sum(outcome.counts.new + outcome.counts.replaced for outcome in files)
    return f"{', '.join(parts) or 'no file'}; {rows:,} rows new or replaced"


def landing(source: str, report: LandReport | InboxReport) -> str:
    """Landed files, refused files with reasons, and quarantined rows."""
    files = report.files
    names = _short_names([outcome.path for outcome in files])
    named = list(zip(names, files, strict=True))
    parts = [f"## {source}: {summary(files)}"]
    refused = [(name, outcome) for name, outcome in named if outcome.status == "refused"]
    if refused:
        listed = [_refusal(name, outcome) for name, outcome in refused[:ROWS_SHOWN]]
        more = f"\n\n… and {len(refused) - ROWS_SHOWN:,} more; see `ops.fetches`" if len(refused) > ROWS_SHOWN else ""
        parts.append(f"### Refused: {len(refused):,}\n\n" + "\n".join(listed) + more)
    left_out = [_refusal(name, outcome) for name, outcome in named if outcome.status == "left out"]
    if left_out:
        parts.append(f"### Not landed on purpose: {len(left_out):,}\n\n" + "\n".join(left_out[:ROWS_SHOWN]))
    if isinstance(report, InboxReport):
        parts.append(_inbox(report))
    quarantined = Counter[str]()
    for outcome in files:
        quarantined.update(outcome.quarantine_reasons)
    if quarantined:
        rows_ = [(number, reason) for reason, number in quarantined.most_common()]
        parts.append(
            f"### In quarantine: {sum(quarantined.values()):,} rows or cells\n\n{table(('rows', 'reason'), rows_)}\n\n"
            "They are kept with line and text: `SELECT * FROM raw.quarantine`"
        )
    conflicts = sum(outcome.counts.conflicts for outcome in files)
    if conflicts:
        parts.append(
            f"{conflicts:,} values differ from earlier ones of the same instant; the ones received later hold."
        )
    if report.superseded:
        parts.append(f"{report.superseded:,} rows were removed, because their bytes are read in another way now.")
    landed = [
        (name, o.layout, o.rows_read, o.counts.new, o.counts.equal, o.counts.replaced, o.rows_quarantined)
        for name, o in named
        if o.status == "landed"
    ]
    if landed:
        header = ("file", "layout", "values read", "new", "equal", "replaced", "quarantined")
        parts.append(f"### Landed: {len(landed):,}\n\n{table(header, landed)}")
    unchanged = counts(files)["unchanged"]
    if unchanged:
        parts.append(f"{unchanged:,} files had landed before, byte for byte; nothing was done for them.")
    return "\n\n".join(part for part in parts if part)


def downloads(report: DownloadReport) -> str:
    """Downloaded documents, missing ones, and errors."""
    rows_ = sum(outcome.counts.new + outcome.counts.replaced for outcome in report.files)
    last = report.end - timedelta(days=1)
    parts = [f"## {text(report.source)}, {report.start} to {last}: {rows_:,} rows new or replaced"]
    outcomes = [(name, number) for name, number in sorted(report.documents.items()) if number]
    parts.append(table(("documents", "number"), outcomes) if outcomes else "Nothing had to be asked for.")
    if report.problems or report.left:
        listed = [f"- {number:,} x {text(problem)}" for problem, number in list(report.problems.items())[:ROWS_SHOWN]]
        if report.left:
            listed.append(f"- {report.left:,} documents were left to the next run")
        parts.append("### What went wrong\n\n" + "\n".join(listed))
    if report.unobtainable:
        spans = [(str(s.start), str(s.end), s.outcome, s.reason) for s in report.unobtainable]
        parts.append(f"### Days that cannot be fetched\n\n{table(('from', 'to before', 'outcome', 'why'), spans)}")
    quarantined = Counter[str]()
    for outcome in report.files:
        quarantined.update(outcome.quarantine_reasons)
    if quarantined:
        listed_ = [(number, reason) for reason, number in quarantined.most_common()]
        parts.append(f"### In quarantine\n\n{table(('rows', 'reason'), listed_)}")
    return "\n\n".join(parts)


def _inbox(report: InboxReport) -> str:
    lines = []
    if report.refused_to:
        lines.append(
            f"Refused files lie in `{report.refused_to}`, each beside its reason. Mend them and drop them again."
        )
    if report.waiting:
        rows = [(name,) for name in _short_names(report.waiting)]
        lines.append(f"### Still being written: {len(rows):,}\n\nThe next run looks again.\n\n{table(('file',), rows)}")
    return "\n\n".join(lines)


def _refusal(name: str, outcome: FileOutcome) -> str:
    """A list item, because a reason is a sentence and table cells of the UI do not wrap."""
    reason, _, step = (outcome.reason or "").partition("\n  next: ")
    return f"- **{text(name)}**: {text(reason.removeprefix(f'{name}: '))}\n  - next step: {text(step)}"


def _short_names(paths: Sequence[str]) -> list[str]:
    """The last two parts of each path, because the folder often names the asset."""
    return ["/".join(PurePath(path).parts[-2:]) for path in paths]


def build(report: BuildReport) -> str:
    """The build: its marts, the duration of each step, and the checks."""
    if not report.built:
        return "## Nothing to build\n\n" + (
            "Nothing has changed since the published build." if report.build_id else "Nothing has landed yet."
        )
    passed = sum(1 for check in report.checks if check.status == "pass")
    warned = [check for check in report.checks if check.status == "warn"]
    rebuilt = "Everything was" if report.mode == "full" else f"{report.spans:,} changed spans of days were"
    parts = [
        f"## Published build {text(report.build_id)}",
        f"{rebuilt} rebuilt; {passed:,} checks passed, {len(warned):,} warn.",
    ]
    if warned:
        parts.append(f"### Warnings\n\n{checks(warned)}")
    parts.append(f"### Steps\n\n{table(('step', 'seconds'), list(report.durations.items()))}")
    parts.append(f"### Marts\n\n{table(('mart', 'rows'), sorted(report.rows.items()))}")
    return "\n\n".join(parts)


def failed_checks(error: ChecksFailed) -> str:
    """The failed checks that kept a build from being published, with the failing rows."""
    return f"## Not published: checks failed\n\n```text\n{str(error).replace('```', '` ` `')}\n```"


def checks(results: Sequence[CheckResult]) -> str:
    """Checks with their failing rows."""
    return f"```text\n{describe(results).replace('```', '` ` `')}\n```"


def replay(report: ReplayReport) -> str:
    """How the raw tables compare with the archive."""
    rows = [(f"raw.{t.table}", t.rows, t.missing, t.surplus, t.outcome) for t in report.tables]
    header = ("table", "rows", "missing before", "surplus before", "outcome")
    return f"## {report.receipts:,} receipts landed again from the archive\n\n{table(header, rows)}"


def freshness(states: Sequence[Freshness]) -> str:
    """The age of each table's newest row, and the allowed age."""
    header = ("table", "newest row (UTC)", "hours old", "hours allowed", "")
    rows = [
        (
            f"raw.{state.contract.name}", f"{state.newest:%Y-%m-%d %H:%M}", state.age.total_seconds() / 3600,
            state.contract.fresh_within_hours, "stale" if state.stale else "fresh",
        )
        for state in states
    ]  # fmt: skip
    return f"## Freshness\n\n{table(header, rows)}"


def maintain(report: MaintainReport) -> str:
    """The result of maintenance for each table, and disk use."""
    after = {use.place: use for use in report.after}
    uses = [(use.place, use.files, after[use.place].files, all_bytes(use), all_bytes(after[use.place]))
            for use in report.before if use.place in after]  # fmt: skip
    compacted = [(t.table, t.files_before, t.files_after, t.rows, t.outcome) for t in report.compacted]
    expired = [(t.table, t.snapshots_before, t.expired, t.outcome) for t in report.expired]
    orphans = [(o.place, o.count, o.given_up or ("deleted" if report.swept else "listed")) for o in report.orphans]
    parts = [
        f"## Maintenance{': dry run, nothing was changed' if report.dry_run else ''}",
        f"### Bytes\n\n{table(('place', 'files before', 'files after', 'bytes before', 'bytes after'), uses)}",
        "### Small files merged",
        table(("table", "files before", "files after", "rows moved", "outcome"), _active(compacted)),
        "### Old snapshots",
        table(("table", "snapshots before", "expired", "outcome"), _active(expired)),
        "### Files that nothing names",
        table(("place", "files", "outcome"), [row for row in orphans if row[1] or row[2] not in ("deleted", "listed")]),
    ]
    if report.dropped is not None:
        parts.append(
            f"{report.dropped.objects:,} objects ({report.dropped.bytes:,} bytes) were dropped from the archive "
            "for their age."
        )
    return "\n\n".join(parts)


def all_bytes(use: DiskUse) -> int:
    """All bytes of one place: live, held by old snapshots, and of no snapshot."""
    return use.live_bytes + use.held_bytes + use.loose_bytes


def _active(rows: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [row for row in rows if row[-1] != "nothing to do"]


def publish(key: str, markdown: str, description: str) -> None:
    """Attach Markdown to the current run.

    Args:
        key: name of its history on the Artifacts page (a-z, 0-9, -).
        markdown: the text.
        description: one sentence about the page, shown above it.
    """
    create_markdown_artifact(markdown, key=re.sub(r"[^a-z0-9-]+", "-", key.lower()), description=description)


class ProgressBar:
    """A progress bar in the UI for work on many files: one artifact, updated from time to time.

    It appears once the work has lasted `PROGRESS_EVERY_S`, so a short run has none.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._artifact: UUID | None = None
        self._sent = time.monotonic()

    def __call__(self, done: int, total: int, name: str) -> None:
        """Called with files done, files in all, and the current one."""
        if time.monotonic() - self._sent >= PROGRESS_EVERY_S:
            self._send(100.0 * done / max(total, 1), f"{self.title}: {done:,} of {total:,}, now {text(name)}")

    def finish(self) -> None:
        """Fill the bar, if there is one."""
        if self._artifact is not None:
            self._send(100.0, f"{self.title}: done")

    def _send(self, percent: float, description: str) -> None:
        if self._artifact is None:
            self._artifact = create_progress_artifact(percent, description=description)
        else:
            update_progress_artifact(self._artifact, percent, description=description)
        self._sent = time.monotonic()
