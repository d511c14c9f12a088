"""Build, check and docs over the whole house: the lakehouse functions with every registered contract."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ingest.registry import contracts
from lakehouse import audit
from lakehouse.build import BuildReport
from lakehouse.build import build as build_marts
from lakehouse.errors import TerminalError
from lakehouse.quality import CheckResult
from lakehouse.settings import Settings

Progress = Callable[[str], None]


def build(settings: Settings, *, full_refresh: bool = False, progress: Progress = lambda step: None) -> BuildReport:
    """Rebuild what changed and publish it; see `lakehouse.build.build`."""
    return build_marts(settings, contracts(), full_refresh=full_refresh, progress=progress)


def check(settings: Settings, progress: Progress = lambda step: None) -> list[CheckResult]:
    """Run every check on the published marts against the snapshots they were built from.

    Raises:
        TerminalError: nothing is published.
    """
    return audit.check(settings, contracts(), progress)


def docs(settings: Settings, output: Path | None, progress: Progress = lambda step: None) -> Path:
    """Write the dbt docs as one page.

    Args:
        settings: of the home.
        output: folder for the page; `docs` in the home by default.
        progress: told of each step.

    Returns:
        The page, which opens without internet.

    Raises:
        TerminalError: dbt could not make it.
    """
    folder = (output or settings.root / "docs").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    progress("dbt docs generate")
    with audit.workspace(settings, contracts(), "docs") as work:
        work.dbt(["docs", "generate", "--static"])
        made = work.folder / "target" / "static_index.html"
        if not made.exists():
            raise TerminalError("dbt made no static page", "run `wattlake build` first")
        page = folder / "index.html"
        shutil.copyfile(made, page)
    return page
