"""Build and check over the whole house: the lakehouse functions with every registered contract."""

from __future__ import annotations

from collections.abc import Callable

from ingest.registry import contracts
from lakehouse import audit
from lakehouse.build import BuildReport
from lakehouse.build import build as build_marts
from lakehouse.dbt_runner import Watch
from lakehouse.quality import CheckResult
from lakehouse.settings import Settings

Progress = Callable[[str], None]


def build(
    settings: Settings,
    *,
    full_refresh: bool = False,
    progress: Progress = lambda step: None,
    watch: Watch = lambda done, total, name: None,
) -> BuildReport:
    """Rebuild what changed and publish it; see `lakehouse.build.build`."""
    return build_marts(settings, contracts(), full_refresh=full_refresh, progress=progress, watch=watch)


def check(
    settings: Settings,
    progress: Progress = lambda step: None,
    watch: Watch = lambda done, total, name: None,
) -> list[CheckResult]:
    """Run every check on the published marts against the snapshots they were built from.

    Raises:
        TerminalError: nothing is published.
    """
    return audit.check(settings, contracts(), progress, watch)
