"""The door for files: paths are searched for files, which are received and landed. It needs no server."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse.errors import TerminalError, printable, visible
from lakehouse.landing.kernel import Progress, check_options, land
from lakehouse.landing.outcome import LandReport
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Registry, Source

#: Names that a message lists before it counts the rest.
NAMES_SHOWN = 5
#: Names of passed-over files that the record of a run keeps.
PASSED_OVER_KEPT = 100
NO_FILE = "is not a readable file: a pipe, a device, or a broken link"


def land_files(
    settings: Settings,
    registry: Registry,
    source_name: str,
    paths: Sequence[Path],
    options: LandOptions,
    progress: Progress = lambda done, total, name: None,
) -> LandReport:
    """Land files and folders of one source as one commit a table.

    Args:
        settings: of the home.
        registry: every source.
        source_name: name of the source.
        paths: files, or folders that are searched for files that the source recognises.
        options: land options for all of them.
        progress: called for each file.

    Raises:
        WrongUsage: there is no such source, it does not take an option, or an option makes no sense.
        TerminalError: no file found, or the home holds the other kind (real, simulated) of assets.
        ContractViolation: only a stream lands into a table of the source.
    """
    source = registry.named(source_name)
    check_options(source, options)
    found = find_files(source, paths)
    passed_over = [printable(path) for path in found.passed_over]
    asked = {
        "paths": [printable(path) for path in paths],
        "passed_over": len(passed_over), "passed_over_first": passed_over[:PASSED_OVER_KEPT],
    }  # fmt: skip
    inputs: dict[Path, dict[str, object]] = {path: {} for path in found.files}
    report = land(settings, registry, source, inputs, options, asked, progress, found.unusable)
    report.passed_over = passed_over
    return report


@dataclass
class Found:
    """What was found under some paths.

    Args:
        files: files to read, each once, in the order of their paths.
        unusable: paths that cannot be read or listed → the reason.
        passed_over: entries of folders that are no files, or of a kind that the source does not read.
    """

    files: list[Path] = field(default_factory=list)
    unusable: dict[Path, str] = field(default_factory=dict)
    passed_over: list[Path] = field(default_factory=list)


def find_files(source: Source, paths: Sequence[Path]) -> Found:
    """Find the files to read.

    Raises:
        TerminalError: a path does not exist, or there is no file that the source reads.
    """
    found = Found()
    files: dict[Path, None] = {}
    for path in paths:
        kind = _kind(path)
        if kind is None and not os.path.lexists(path):
            raise TerminalError(f"{visible(path)} does not exist", "check the path")
        if kind == "folder":
            for inner in sorted(_inside(path, found)):
                if inner.name.startswith("."):
                    continue
                if source.recognises(inner) and _kind(inner) == "file":
                    files.setdefault(inner.resolve())
                else:
                    found.passed_over.append(inner)
        elif kind == "file":
            files.setdefault(path.resolve())
        else:
            found.unusable[path] = NO_FILE
    found.files = list(files)
    if not found.files and not found.unusable:
        over = f"; passed over by their names: {listed(found.passed_over)}" if found.passed_over else ""
        raise TerminalError(
            f"no file for source {source.name} in {', '.join(visible(path) for path in paths)}{over}",
            "give a file, or a folder that holds files of the source",
        )
    return found


def listed(paths: Sequence[Path | str]) -> str:
    """The first names of some files, and the number of the others."""
    names = ", ".join(visible(Path(path).name) for path in paths[:NAMES_SHOWN])
    return f"{names} and {len(paths) - NAMES_SHOWN} more" if len(paths) > NAMES_SHOWN else names


def _kind(path: Path) -> str | None:
    """'file' or 'folder'; None for a pipe, a broken link, or a path that may not be read."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else None


def _inside(folder: Path, found: Found) -> Iterator[Path]:
    """Everything below a folder; links to folders are not followed, because they may form a circle."""

    def note(error: OSError) -> None:
        found.unusable[Path(error.filename)] = f"cannot be listed: {error.strerror}"

    for parent, _, names in os.walk(folder, onerror=note):
        yield from (Path(parent) / name for name in names)
