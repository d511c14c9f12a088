"""The inbox: files that people and devices drop into a folder are landed, and put away by their outcome.

```
<inbox>/<source>/…                              waiting
<inbox>/done/<date>/<source>-<run>/…            landed, or had landed before
<inbox>/refused/<date>/<source>-<run>/…         refused, each beside its `.reason.txt`
```
A file is taken when two looks at it agree. It is put away after its rows are committed: a crash in between leaves the
file waiting, and the next run finds that its bytes have landed before.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lakehouse.errors import TerminalError, TransientError, printable, visible
from lakehouse.landing.files import land_files
from lakehouse.landing.kernel import Progress
from lakehouse.landing.outcome import FileOutcome, LandReport
from lakehouse.options import BATCH_FILES
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Registry

#: Seconds between the two looks. Writers flush a growing file far more often (cp: every 256 KiB, rsync: every 256 KiB,
#: FTP servers: every few packets); one that pauses for longer should write under one of `UNFINISHED` and rename.
SETTLE_S = 5.0
#: Names of files that are still being written: browsers, WinSCP, rsync, wget and editors.
UNFINISHED = (".part", ".tmp", ".partial", ".filepart", ".crdownload", ".download", ".swp", "~")
#: Folders of the inbox that belong to no source.
DONE, REFUSED = "done", "refused"
#: Longest file name that common file systems take, in bytes.
NAME_BYTES = 255


@dataclass(frozen=True)
class Look:
    """The state of a file at one look.

    Args:
        inode: of the file; another file under the same name has another.
        size_bytes: length.
        mtime_ns: last change, nanoseconds.
        regular: whether it is a plain file: no link, pipe, socket or device.
    """

    inode: int
    size_bytes: int
    mtime_ns: int
    regular: bool


@dataclass
class InboxReport:
    """The result of one run over the inbox.

    Args:
        folder: the watched folder.
        files: outcomes as `land` returns them, under the paths in the inbox.
        waiting: files that were still being written, or changed while they landed.
        superseded: rows that were removed because their bytes are read in another way now.
        refused_to: folder of the refused files; None if there is none.
    """

    folder: Path
    files: list[FileOutcome] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    superseded: int = 0
    refused_to: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether the inbox was empty, or at least one file landed or had landed before."""
        return not self.files or any(outcome.status != "refused" for outcome in self.files)


def take_inbox(
    settings: Settings,
    registry: Registry,
    source_name: str,
    options: LandOptions,
    *,
    settle_s: float = SETTLE_S,
    batch: int = BATCH_FILES,
    wait: Callable[[float], None] = time.sleep,
    progress: Progress = lambda done, total, name: None,
) -> InboxReport:
    """Land every complete file of `<inbox>/<source>` and put it away.

    Args:
        settings: of the home.
        registry: every source.
        source_name: name of the source, and of the folder of its files.
        options: land options for the files.
        settle_s: seconds between the two looks at a file.
        batch: files in each commit.
        wait: called with the seconds to wait between the looks.
        progress: called for each file.

    Raises:
        WrongUsage: no such source.
        TransientError: another run takes files from this folder now.
        TerminalError: as `land`; or a file cannot be put away.
    """
    registry.named(source_name)
    inbox = settings.inbox_path
    folder = inbox / source_name
    folder.mkdir(parents=True, exist_ok=True)
    report = InboxReport(folder)
    try:
        with FileLock(inbox / f".{source_name}.lock", timeout=0):
            before = dict(_look(folder))
            if not before:
                return report
            wait(settle_s)
            now = dict(_look(folder))
            complete = {path: look for path, look in now.items() if before.get(path) == look}
            report.waiting = [printable(path) for path in {**before, **now} if path in now and path not in complete]
            _refuse_irregular(inbox, source_name, report, [p for p, look in complete.items() if not look.regular])
            paths = sorted((path for path, look in complete.items() if look.regular), key=os.fsencode)
            for start in range(0, len(paths), batch):

                def inner(done: int, _total: int, name: str, start: int = start) -> None:
                    progress(start + done, len(paths), name)

                part = {path: complete[path] for path in paths[start : start + batch]}
                _land_batch(settings, registry, inbox, source_name, options, part, report, inner)
    except Timeout:
        raise TransientError(f"another run takes files from {folder} now", "wait for it to end") from None
    return report


def _look(folder: Path) -> Iterator[tuple[Path, Look]]:
    """Every entry below a folder whose name looks finished; links are listed and never followed."""
    for root, folders, names in os.walk(folder, followlinks=False):
        linked = [name for name in folders if (Path(root) / name).is_symlink()]
        folders[:] = [name for name in folders if not name.startswith(".") and name not in linked]
        for name in (*names, *linked):
            if name.startswith(".") or name.lower().endswith(UNFINISHED):
                continue
            path = Path(root) / name
            try:
                found = path.lstat()
            except FileNotFoundError:  # renamed or taken away between the listing and the look
                continue
            yield path, Look(found.st_ino, found.st_size, found.st_mtime_ns, stat.S_ISREG(found.st_mode))


def _land_batch(
    settings: Settings,
    registry: Registry,
    inbox: Path,
    source_name: str,
    options: LandOptions,
    looks: dict[Path, Look],
    report: InboxReport,
    progress: Progress,
) -> None:
    present = [path for path in looks if path.exists()]
    if not present:
        return
    landed: LandReport = land_files(settings, registry, source_name, present, options, progress)
    report.superseded += landed.superseded
    unchanged = dict(_look(report.folder))
    outcomes = {outcome.path: outcome for outcome in landed.files}
    for path in present:
        outcome = outcomes.get(printable(path.resolve())) or outcomes[printable(path)]
        if unchanged.get(path) != looks[path]:
            report.waiting.append(printable(path))  # its present bytes have not landed
            continue
        report.files.append(outcome)
        _put_away(inbox, source_name, landed.run_id, path, outcome, report)


def _refuse_irregular(inbox: Path, source_name: str, report: InboxReport, paths: list[Path]) -> None:
    token = uuid.uuid4().hex
    for path in paths:
        reason = (
            f"{visible(printable(path))} is a link, a pipe or a device\n  next: put a copy of the file into the inbox"
        )
        outcome = FileOutcome(printable(path), "refused", reason=reason)
        report.files.append(outcome)
        _put_away(inbox, source_name, token, path, outcome, report)


def _put_away(inbox: Path, source_name: str, token: str, path: Path, outcome: FileOutcome, report: InboxReport) -> None:
    refused = outcome.status == "refused"
    day = datetime.now(UTC).date().isoformat()
    shelf = inbox / (REFUSED if refused else DONE) / day / f"{source_name}-{token[:8]}"
    target = shelf / path.relative_to(report.folder)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target = _free(target)
        if refused:
            report.refused_to = shelf
            # The reason is written first: after a crash in between it is written again, and no file is without one.
            reason = _free(target, ".reason.txt")
            reason.write_text(f"{outcome.reason}\n", encoding="utf-8", errors="backslashreplace")
        shutil.move(path, target)
    except OSError as error:
        raise TerminalError(
            f"{visible(printable(path))} was {outcome.status} and cannot be put away: {error.strerror}",
            f"make {inbox} and all below it writable for the user that runs Wattlake",
        ) from error


def _free(path: Path, suffix: str = "") -> Path:
    """The path with a suffix, under a name that is free and that a file system takes.

    A dropped file may be named like the reason of another one.
    """
    name = os.fsencode(path.name)
    number = 0
    while True:
        end = os.fsencode(f".{number}{suffix}" if number else suffix)
        candidate = path.with_name(os.fsdecode(name[: NAME_BYTES - len(end)] + end))
        if not os.path.lexists(candidate):
            return candidate
        number += 1
