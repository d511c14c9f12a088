"""Output on the terminal: progress bars (plain lines elsewhere), and the reports at the end."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from flows.report.tables import table
from lakehouse.errors import visible

if TYPE_CHECKING:
    from lakehouse.check_result import CheckResult
    from lakehouse.download.report import DownloadReport
    from lakehouse.landing.kernel import Progress
    from lakehouse.landing.outcome import FileOutcome, LandReport
    from lakehouse.marts.build import BuildReport
    from lakehouse.upkeep.finding import Finding
    from lakehouse.upkeep.maintain import MaintainReport

#: What a build of nothing says.
UNCHANGED = "nothing has changed since the published build"
#: Seconds between plain progress lines without a terminal.
LINE_EVERY_S = 10.0
#: Note on the columns that a table leaves out.
AS_JSON = "--format json or a wider terminal shows them"
#: Reasons of refusals that are listed for each file; the rest is counted.
REASONS_SHOWN = 5


def log(message: str) -> None:
    """Print one line on standard error."""
    click.echo(f"… {visible(message)}", err=True)


@contextmanager
def file_progress() -> Iterator[Progress]:
    """A progress callback for files: a bar on a terminal, plain lines elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("reading", total=None)
            yield lambda done, total, name: bar.update(
                task, completed=done, total=total, description=escape(visible(name))
            )
        return
    last = time.monotonic()

    def line(done: int, total: int, name: str) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            log(f"{done} of {total} files, now {name}")

    yield line


def download_report(report: DownloadReport) -> None:
    """Print the downloaded and landed documents, the missing ones, and the errors."""
    last = report.end - timedelta(days=1)
    outcomes = ", ".join(f"{number:,} {name}" for name, number in sorted(report.documents.items()) if number)
    rows = sum(outcome.counts.new + outcome.counts.replaced for outcome in report.files)
    click.echo(f"{report.source} {report.start} to {last}: {outcomes or 'nothing to ask for'}; {rows:,} rows landed")
    for outcome in report.files:
        for reason, number in Counter(outcome.quarantine_reasons).most_common(REASONS_SHOWN):
            click.echo(f"quarantined from {_name(outcome)}: {number} x {visible(reason)}")
    for span in report.unobtainable:
        click.echo(f"{span.start} to {span.end - timedelta(days=1)}: {span.outcome}: {span.reason}", err=True)
    for problem, number in report.problems.items():
        click.echo(f"{number} x {problem}", err=True)
    if report.left:
        click.echo(f"{report.left:,} documents were not asked for; run it again to go on", err=True)


def land_report(report: LandReport) -> None:
    """Print the landed files, and the refused ones with reasons."""
    rows = [
        (
            _name(outcome),
            outcome.status,
            outcome.layout,
            outcome.rows_read,
            outcome.counts.new,
            outcome.counts.equal,
            outcome.counts.replaced,
            outcome.rows_empty,
            outcome.rows_quarantined,
        )
        for outcome in report.files
        if outcome.status == "landed"
    ]
    if rows:
        header = ("file", "outcome", "layout", "values read", "new", "equal", "replaced", "empty", "quarantined")
        drop = ("layout", "equal", "replaced", "empty", "values read", "outcome")
        table(header, rows, drop=drop, more="`SELECT * FROM ops.slices` has them, and a wider terminal")
    for outcome in report.files:
        if outcome.quarantine_reasons:
            reasons = Counter(outcome.quarantine_reasons).most_common()
            listed = "; ".join(f"{count} x {visible(reason)}" for reason, count in reasons[:REASONS_SHOWN])
            more = f"; {len(reasons) - REASONS_SHOWN} more reasons" if len(reasons) > REASONS_SHOWN else ""
            click.echo(f"quarantined from {_name(outcome)}: {listed}{more}")
    conflicts = sum(outcome.counts.conflicts for outcome in report.files)
    if conflicts:
        click.echo(f"{conflicts} values differ from earlier ones of the same instant; the ones received later hold")
    if report.superseded:
        click.echo(f"{report.superseded} rows were removed, because their bytes are read in another way now")
    for kept in report.kept:
        click.echo(f"cannot be read again, its rows stay: {kept}", err=True)
    for broken in report.broken_layouts:
        click.echo(f"left out: {broken}", err=True)
    for outcome in report.files:
        if outcome.status == "left out":
            click.echo(f"not landed on purpose: {outcome.reason}")
    for outcome in report.refused:
        click.echo(f"refused: {outcome.reason}", err=True)
    found = Counter(outcome.status for outcome in report.files)
    if found["unchanged"]:
        click.echo("unchanged files had landed before; `wattlake replay` reads all bytes again")
    if report.passed_over:
        from lakehouse.landing.files import listed as first_of

        click.echo(f"{len(report.passed_over)} files passed over by their names: {first_of(report.passed_over)}")
    left_out = f", {found['left out']} not landed on purpose" if found["left out"] else ""
    click.echo(f"{found['landed']} files landed, {found['unchanged']} unchanged{left_out}, {found['refused']} refused")


def _name(outcome: FileOutcome) -> str:
    return visible(outcome.path.rsplit("/", 1)[-1])


def build_report(report: BuildReport) -> None:
    """Print the build and the duration of each step."""
    if not report.built:
        click.echo(UNCHANGED if report.build_id else "nothing has landed yet")
        _warnings(report.checks)
        return
    if report.mode == "descriptions":
        click.echo(f"build {report.build_id}: its descriptions are those of the dbt project again; no row has changed")
        _warnings(report.checks)
        return
    table(("mart", "rows"), [(mart, rows) for mart, rows in sorted(report.rows.items()) if rows])
    empty = sum(not rows for rows in report.rows.values())
    if empty:
        click.echo(f"{empty} more marts are empty: no data for them have landed")
    passed = sum(1 for check in report.checks if check.status == "pass")
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.durations.items())
    click.echo(f"build {report.build_id}: {report.mode}, {report.spans} spans of days, {passed} checks passed")
    click.echo(f"took: {steps}")
    _warnings(report.checks)


def check_report(checks: Sequence[CheckResult]) -> bool:
    """Print failed checks with their rows, and the number of passed ones; returns False if a check blocks."""
    from lakehouse.marts.checks import describe

    failed = [check for check in checks if check.blocks]
    if failed:
        click.echo(f"{len(failed)} blocking checks failed:\n{describe(failed)}", err=True)
    _warnings(checks)
    counts = Counter(check.status for check in checks)
    warned = f", {counts['warn']} warned" if counts["warn"] else ""
    click.echo(f"{counts['pass']} checks passed{warned}, {len(failed)} failed; ops.checks lists them")
    return not failed


def _warnings(checks: Sequence[CheckResult]) -> None:
    from lakehouse.marts.checks import describe

    warned = [check for check in checks if check.status == "warn"]
    if warned:
        click.echo(f"warnings:\n{describe(warned)}")


def maintain_report(report: MaintainReport, style: str) -> None:
    """Print the result of maintenance and disk use, as tables or as one JSON object."""
    if style == "json":
        click.echo(json.dumps(asdict(report), default=str, indent=1))
        return
    expired = {table.table: table for table in report.expired}
    table(
        ("table", "files before", "after", "compaction", "snapshots before", "expired", "expiry"),
        [
            (
                done.table,
                done.files_before,
                done.files_after,
                done.outcome,
                expired[done.table].snapshots_before,
                expired[done.table].expired,
                expired[done.table].outcome,
            )
            for done in report.compacted
        ],
        drop=("snapshots before", "files before"),
        more=AS_JSON,
    )
    before = {use.place: use for use in report.before}
    orphaned = {orphan.place: orphan for orphan in report.orphans}
    table(
        ("bytes in", "live before", "live", "held by old snapshots before", "held", "of no snapshot", "orphans"),
        [
            (
                use.place,
                before[use.place].live_bytes if use.place in before else 0,
                use.live_bytes,
                before[use.place].held_bytes if use.place in before else 0,
                use.held_bytes,
                use.loose_bytes,
                orphaned[use.place].bytes if use.place in orphaned else None,
            )
            for use in report.after
        ],
        drop=("held by old snapshots before", "live before"),
        more=AS_JSON,
    )
    for orphan in report.orphans:
        if orphan.given_up:
            click.echo(f"not swept: {orphan.place}: {orphan.given_up}", err=True)
    if report.dropped is not None:
        click.echo(f"archive: {report.dropped.objects} objects of {report.dropped.bytes:,} bytes are past their age")
    files, size = (sum(getattr(o, what) for o in report.orphans) for what in ("count", "bytes"))
    deleted = "deleted" if report.swept else "found; `wattlake maintain --sweep` deletes them" if files else "found"
    click.echo(f"orphans: {files} files, {size:,} bytes {deleted}")


def doctor_report(findings: Sequence[Finding], style: str) -> None:
    """Print the doctor's findings, one line each."""
    if style == "json":
        click.echo(json.dumps([vars(finding) for finding in findings], indent=1))
        return
    rows = [(f.name, f.status, f"{f.says}\nnext: {f.mend}" if f.mend else f.says) for f in findings]
    table(("what", "", "found, and what mends it"), rows)
    problems, warnings = (sum(f.status == status for f in findings) for status in ("problem", "warning"))
    click.echo(f"{problems} problems, {warnings} warnings")
