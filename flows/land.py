"""Files → archive → raw tables. A plain function that records itself in ops; it needs no server."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from flows.lander import Lander, LandReport
from flows.reading import take_all
from flows.settle import conclude, raw_tables
from ingest.registry import sources
from ingest.source import LAND_OPTIONS, LandOptions, Source
from lakehouse.archive import open_archive
from lakehouse.errors import TerminalError, WrongUsage
from lakehouse.settings import Settings, claim_home

Progress = Callable[[int, int, str], None]
"""Called with (files done, files in all, current file)."""


def land(
    settings: Settings,
    source_name: str,
    paths: Sequence[Path],
    options: LandOptions,
    progress: Progress = lambda done, total, name: None,
    origins: Mapping[Path, Mapping[str, object]] | None = None,
) -> LandReport:
    """Land files and folders of one source as one commit a table.

    Args:
        settings: where to.
        source_name: one of `ingest.registry.sources()`.
        paths: files, or folders that are searched for files the source recognises.
        options: what the user says about them.
        origins: where files that were downloaded came from, by resolved path; see `lakehouse.archive.Receipt`.

    Raises:
        WrongUsage: no such source, an option that it does not heed, or an option that makes no sense.
        TerminalError: no file found, or the home holds the other kind (real, simulated) of assets.
    """
    for name in ("max_power_kw", "capacity_kwh"):
        value = getattr(options, name)
        if value is not None and not 0 < value < math.inf:
            raise WrongUsage(f"{name} must be a positive number, not {value}", "leave it out if it is not known")
    for name in ("asset", "site"):
        value = getattr(options, name)
        if value is not None and (not value.isprintable() or not value.strip() or value != value.strip()):
            raise WrongUsage(f"{name} must be a name, not {value!r}", "leave it out to take the id from the file")
    source = source_named(source_name)
    unheeded = sorted(name for name in LAND_OPTIONS - source.options if getattr(options, name))
    if unheeded:
        raise WrongUsage(
            f"source {source_name} takes no --{unheeded[0].replace('_', '-')}: its files say that themselves",
            "leave it out",
        )
    files = find_files(source, paths)
    claim_home(settings, options.simulated)
    archive = open_archive(settings)
    layouts = _layouts_digest(settings) if "layout" in source.options else None
    request = {**asdict(options), "layouts": layouts}
    asked = {"source": source_name, "paths": [str(path) for path in paths], "options": request}
    with raw_tables(settings) as ops, ops.run("land", **asked) as run:
        lander = Lander(settings, ops, run.id, source, options)
        try:
            take_all(lander, archive, files, request, settings.threads, progress, origins or {})
            progress(len(files), len(files), "committing")
            report = lander.commit()
            lander.close(archive)
        except BaseException as error:
            if lander.committing:
                run.on_error = "interrupted"  # the next landing or replay finishes it from the archive
            else:
                lander.abandon(archive, error)
            raise
        conclude(run, report)
    return report


def source_named(name: str) -> Source:
    """The source that a user names.

    Raises:
        WrongUsage: there is none of that name.
    """
    known = sources()
    if name not in known:
        raise WrongUsage(f"there is no source {name!r}", f"use one of: {', '.join(sorted(known))}")
    return known[name]


def find_files(source: Source, paths: Sequence[Path]) -> list[Path]:
    """The files to read, each once, in the order of their paths.

    Raises:
        TerminalError: a path does not exist, or nothing in the folders is worth reading.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            for inner in sorted(_inside(path)):
                if inner.is_file() and not inner.name.startswith(".") and source.recognises(inner):
                    found.setdefault(inner.resolve())
        elif path.is_file():
            found.setdefault(path.resolve())
        elif os.path.lexists(path):
            raise TerminalError(f"{path} is no file and no folder", "give files, or folders that hold them")
        else:
            raise TerminalError(f"{path} does not exist", "check the path")
    if not found:
        raise TerminalError(
            f"no file for source {source.name} in {', '.join(str(path) for path in paths)}",
            "give a file, or a folder that holds files of the source",
        )
    return list(found)


def _inside(folder: Path) -> Iterator[Path]:
    """Everything below a folder; links to folders are not followed, so that none leads in a circle.

    Raises:
        TerminalError: a folder cannot be listed; its files would be missing without a word.
    """

    def refuse(error: OSError) -> None:
        raise TerminalError(f"{error.filename} cannot be listed: {error.strerror}", "check the folder's permissions")

    for parent, _, names in os.walk(folder, onerror=refuse):
        yield from (Path(parent) / name for name in names)


def _layouts_digest(settings: Settings) -> str | None:
    """Digest of the user's own layout files: a changed layout reads the same bytes anew."""
    digest = hashlib.sha256()
    files = [path for folder in settings.layout_dirs if folder.is_dir() for path in sorted(folder.rglob("*.toml"))]
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16] if files else None
