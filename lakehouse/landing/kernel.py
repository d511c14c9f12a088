"""The kernel behind the doors for files and documents: it receives, parses, commits and records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from lakehouse.archive import open_archive
from lakehouse.errors import ContractViolation, WrongUsage, is_name
from lakehouse.landing.holding import holding
from lakehouse.landing.outcome import LandReport, conclude
from lakehouse.landing.receive import take_all
from lakehouse.landing.run import Lander
from lakehouse.presence import claim_home
from lakehouse.settings import Settings
from lakehouse.source import LAND_OPTIONS, LandOptions, Registry, Source

Progress = Callable[[int, int, str], None]
"""Called with (files done, files in all, current file)."""


def land(
    settings: Settings,
    registry: Registry,
    source: Source,
    inputs: Mapping[Path, Mapping[str, object]],
    options: LandOptions,
    asked: Mapping[str, object],
    progress: Progress,
    unusable: Mapping[Path, str] | None = None,
) -> LandReport:
    """Land files of one source as one commit a table.

    Args:
        settings: of the home.
        registry: every source.
        source: of the files.
        inputs: files in order of arrival → the origin of each, see `lakehouse.archive.Receipt`.
        options: land options for all of them.
        asked: more of the request, beside source and options; recorded in ops.
        progress: called for each file.
        unusable: paths that cannot be read → the reason; recorded as refused.

    Raises:
        ContractViolation: only a stream lands into a table of the source.
        TerminalError: the home holds the other kind (real, simulated) of assets.
    """
    if streamed := [contract.name for contract in source.contracts if contract.mode == "append"]:
        raise ContractViolation(
            f"raw.{', raw.'.join(streamed)} is appended to by a stream, and source {source.name} lands files",
            "land its rows in batches with their offset (`lakehouse.landing.stream.land_batch`), "
            "or give the contract the mode merge or replace",
        )
    claim_home(settings, options.simulated)
    archive = open_archive(settings)
    request = {**asdict(options), "layouts": source.layouts_digest(settings.layout_dirs)}
    tables = [contract.name for contract in source.contracts]
    asked = {"source": source.name, "options": request, **asked, "tables": tables}
    with (
        holding(settings, registry, tables, f"land {source.name}") as held,
        held.ops.run("land", held.run_id, **asked) as run,
    ):
        lander = Lander(settings, held.ops, run.id, source, options)
        try:
            take_all(lander, archive, inputs, request, settings.threads, progress)
            for path, why in (unusable or {}).items():
                lander.refuse_unread(path, why, "give files, or folders that hold them")
            progress(len(inputs), len(inputs), "committing")
            report = lander.commit()
            lander.close(archive)
        except BaseException as error:
            if lander.committing:
                run.on_error = "interrupted"  # the next landing or replay finishes it from the archive
            else:
                lander.abandon(archive, error)
            raise
        conclude(run, report)
    report.broken_layouts = [str(error) for error in source.broken_layouts(settings.layout_dirs)]
    return report


def check_options(source: Source, options: LandOptions) -> None:
    """Refuse options that make no sense, or that a source does not take.

    Raises:
        WrongUsage: an option is refused.
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
    untaken = sorted(name for name in LAND_OPTIONS - source.options if getattr(options, name))
    if untaken:
        raise WrongUsage(
            f"source {source.name} takes no --{untaken[0].replace('_', '-')}: its files say that themselves",
            "leave it out",
        )
