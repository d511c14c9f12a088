"""The doors of a house with every registered source, as the commands open them."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.registry import registry
from lakehouse.check_result import CheckResult
from lakehouse.landing import backfill as backfills
from lakehouse.landing import documents, files, inbox
from lakehouse.landing import replay as replays
from lakehouse.landing.inbox import InboxReport
from lakehouse.landing.outcome import LandReport
from lakehouse.landing.replay import ReplayReport
from lakehouse.marts import audit
from lakehouse.marts import build as builds
from lakehouse.marts.build import BuildReport
from lakehouse.marts.published import open_marts
from lakehouse.reader import open_session
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from lakehouse.upkeep import maintain as maintenance
from lakehouse.upkeep.maintain import MaintainReport
from tests.support.device_files import minutes, write_signal


def land(settings: Settings, source: str, paths: Iterable[Path], options: LandOptions, *more: Any) -> LandReport:
    return files.land_files(settings, registry(), source, list(paths), options, *more)


def land_documents(
    settings: Settings, source: str, origins: Mapping[Path, Mapping[str, object]], options: LandOptions
) -> LandReport:
    downloaded = [documents.LocalDocument(path, origin) for path, origin in origins.items()]
    return documents.land_documents(settings, registry(), source, downloaded, options)


def backfill(settings: Settings, source: str, *rest: Any) -> LandReport:
    return backfills.backfill(settings, registry(), source, *rest)


def take_inbox(settings: Settings, source: str, options: LandOptions, **more: Any) -> InboxReport:
    return inbox.take_inbox(settings, registry(), source, options, **more)


def replay(settings: Settings, **more: Any) -> ReplayReport:
    return replays.replay(settings, registry(), **more)


def build(settings: Settings, **more: Any) -> BuildReport:
    return builds.build(settings, registry().contracts, **more)


def check(settings: Settings, **more: Any) -> list[CheckResult]:
    return audit.check(settings, registry().contracts, **more)


def maintain(settings: Settings, **more: Any) -> MaintainReport:
    return maintenance.maintain(settings, registry(), **more)


def query(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query over raw.*, marts.* and ops.*, in a session of its own."""
    session = open_session(settings, registry().contracts)
    try:
        return session.execute(sql).fetchall()
    finally:
        session.close()


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query over the published marts."""
    connection = open_marts(settings)
    try:
        connection.execute("SET TimeZone='UTC'")
        connection.execute("USE marts")
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def land_meter(settings: Settings, *paths: Path, **options: Any) -> LandReport:
    """Land reference meter files as real data."""
    return land(settings, "meter", paths, LandOptions(**options))


@dataclass(frozen=True)
class KeptHome:
    """A home as it once was, for tests that change it: it is put back in its place, which its tables name.

    Args:
        settings: of the home, which is kept as it is when this is made.
    """

    settings: Settings

    def __post_init__(self) -> None:
        gc.collect()  # what ended holds no connection to the catalog
        shutil.copytree(self.settings.root, self._copy)

    @property
    def _copy(self) -> Path:
        return self.settings.root.with_name(f"{self.settings.root.name}-kept")

    def put_back(self) -> Settings:
        """The home as it was kept."""
        gc.collect()
        shutil.rmtree(self.settings.root)
        shutil.copytree(self._copy, self.settings.root)
        return self.settings


def build_house(home: Path, inbox: Path) -> Settings:
    """A built house: meter m1 with power and a counter on one day."""
    settings = Settings(home=home, threads=2)
    stamps = minutes("2024-06-01", 96)
    power = write_signal(inbox, "m1", "com_ap", [(s, 1 + i % 4) for i, s in enumerate(stamps)])
    counter = write_signal(inbox, "m1", "pos_ae", [(s, f"{100 + i * 0.5:.3f}") for i, s in enumerate(stamps)])
    land_meter(settings, power, counter)
    build(settings)
    return settings
