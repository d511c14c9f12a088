"""The doors of a house with every registered source, as the commands open them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ingest.registry import registry
from lakehouse.check_result import CheckResult
from lakehouse.landing import backfill as backfills
from lakehouse.landing import documents, files, inbox
from lakehouse.landing import replay as replays
from lakehouse.landing.inbox import InboxReport
from lakehouse.landing.replay import ReplayReport
from lakehouse.landing.run import LandReport
from lakehouse.marts import audit
from lakehouse.marts import build as builds
from lakehouse.marts.build import BuildReport
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from lakehouse.upkeep import maintain as maintenance
from lakehouse.upkeep.maintain import MaintainReport


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
