"""Files → archive → raw tables. A plain function that records itself in ops; it needs no server."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lakehouse.archive import open_archive
from lakehouse.errors import TerminalError, WrongUsage, is_name, visible
from lakehouse.landing.receive import take_all
from lakehouse.landing.recover import conclude, raw_tables
from lakehouse.landing.run import Lander, LandReport, printable
from lakehouse.presence import claim_home
from lakehouse.settings import Settings
from lakehouse.source import LAND_OPTIONS, LandOptions, Registry, Source

Progress = Callable[[int, int, str], None]
"""Called with (files done, files in all, current file)."""

#: Names that are listed where there are many.
NAMES_SHOWN = 5
#: Names of files that were passed over that a run keeps.
PASSED_OVER_KEPT = 100
NO_FILE = "is no file that can be read: a pipe, a device, or a link that leads nowhere"


def land_files(
    settings: Settings,
    registry: Registry,
    source_name: str,
    paths: Sequence[Path],
    options: LandOptions,
    progress: Progress = lambda done, total, name: None,
    origins: Mapping[Path, Mapping[str, object]] | None = None,
) -> LandReport:
    """Land files and folders of one source as one commit a table.

    Args:
        settings: where to.
        registry: every source.
        source_name: one of them.
        paths: files, or folders that are searched for files the source recognises.
        options: what the user says about them.
        origins: where files that were downloaded came from, by resolved path; see `lakehouse.archive.Receipt`.

    Raises:
        WrongUsage: no such source, an option that it does not heed, or an option that makes no sense.
        TerminalError: no file found, or the home holds the other kind (real, simulated) of assets.
    """
    for name in ("max_power_kw", "capacity_kwh"):
        value = getattr(options, name)
        if value is not None and not 0 < value <= 1e9:
            raise WrongUsage(
                f"{name} must be a positive number up to 10^9 (a terawatt), not {value}",
                "leave it out if it is not known",
            )
    for name in ("asset", "site"):
        value = getattr(options, name)
        if value is not None and not is_name(value):
            raise WrongUsage(f"{name} must be a name, not {value!r}", "leave it out to take the id from the file")
    source = registry.named(source_name)
    unheeded = sorted(name for name in LAND_OPTIONS - source.options if getattr(options, name))
    if unheeded:
        raise WrongUsage(
            f"source {source_name} takes no --{unheeded[0].replace('_', '-')}: its files say that themselves",
            "leave it out",
        )
    found = find_files(source, paths)
    claim_home(settings, options.simulated)
    archive = open_archive(settings)
    request = {**asdict(options), "layouts": source.layouts_digest(settings.layout_dirs)}
    passed_over = [printable(path) for path in found.passed_over]
    asked = {
        "source": source_name, "paths": [printable(path) for path in paths], "options": request,
        "passed_over": len(passed_over), "passed_over_first": passed_over[:PASSED_OVER_KEPT],
    }  # fmt: skip
    with raw_tables(settings, registry) as ops, ops.run("land", **asked) as run:
        lander = Lander(settings, ops, run.id, source, options)
        try:
            take_all(lander, archive, found.files, request, settings.threads, progress, origins or {})
            for path, why in found.unusable.items():
                lander.refuse_unread(path, why, "give files, or folders that hold them")
            progress(len(found.files), len(found.files), "committing")
            report = lander.commit()
            lander.close(archive)
        except BaseException as error:
            if lander.committing:
                run.on_error = "interrupted"  # the next landing or replay finishes it from the archive
            else:
                lander.abandon(archive, error)
            raise
        conclude(run, report)
    report.passed_over = passed_over
    report.broken_layouts = [str(error) for error in source.broken_layouts(settings.layout_dirs)]
    return report


@dataclass
class Found:
    """What some paths hold.

    Args:
        files: to be read, each once, in the order of their paths.
        unusable: what was named or cannot be listed and is no file that can be read, with why.
        passed_over: what lies in folders and is no file, or of no kind that the source reads.
    """

    files: list[Path] = field(default_factory=list)
    unusable: dict[Path, str] = field(default_factory=dict)
    passed_over: list[Path] = field(default_factory=list)


def find_files(source: Source, paths: Sequence[Path]) -> Found:
    """The files to read.

    Raises:
        TerminalError: a path does not exist, or there is nothing that the source reads.
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
    """The first names of some files, and how many more there are."""
    names = ", ".join(visible(Path(path).name) for path in paths[:NAMES_SHOWN])
    return f"{names} and {len(paths) - NAMES_SHOWN} more" if len(paths) > NAMES_SHOWN else names


def _kind(path: Path) -> str | None:
    """What a path leads to: a file, a folder, or neither, as a pipe, a broken link, or what may not be looked at."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else None


def _inside(folder: Path, found: Found) -> Iterator[Path]:
    """Everything below a folder; links to folders are not followed, so that none leads in a circle."""

    def tell(error: OSError) -> None:
        found.unusable[Path(error.filename)] = f"cannot be listed: {error.strerror}"

    for parent, _, names in os.walk(folder, onerror=tell):
        yield from (Path(parent) / name for name in names)
