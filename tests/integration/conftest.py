"""Small device files of our own, and a house that was built from them once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lakehouse.landing.run import LandReport
from lakehouse.marts.publish import open_marts
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.house import build, land


def write_signal(folder: Path, asset: str, signal: str, rows: Sequence[tuple[str, object]]) -> Path:
    """One file of the reference layout: `<folder>/<asset>/<signal>.csv`."""
    path = folder / asset / f"{signal}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"ts,{signal}\n" + "".join(f"{stamp},{value}\n" for stamp, value in rows))
    return path


def minutes(day: str, count: int, every: int = 15) -> list[str]:
    """Naive stamps from midnight of a day."""
    return [f"{day} {m // 60:02d}:{m % 60:02d}:00" for m in range(0, count * every, every)]


def land_meter(settings: Settings, *paths: Path, **options: object) -> LandReport:
    """Land reference meter files as real data."""
    return land(settings, "meter", paths, LandOptions(**options))


def rows(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    """Rows of a query over the published marts."""
    connection = open_marts(settings)
    try:
        connection.execute("SET TimeZone='UTC'")
        connection.execute("USE marts")
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def build_house(home: Path, inbox: Path) -> Settings:
    """A built house: meter m1 with power and a counter on one day."""
    settings = Settings(home=home, threads=2)
    stamps = minutes("2024-06-01", 96)
    power = write_signal(inbox, "m1", "com_ap", [(s, 1 + i % 4) for i, s in enumerate(stamps)])
    counter = write_signal(inbox, "m1", "pos_ae", [(s, f"{100 + i * 0.5:.3f}") for i, s in enumerate(stamps)])
    land_meter(settings, power, counter)
    build(settings)
    return settings


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A built house that tests share; each lands assets of its own and leaves it sound."""
    folder = tmp_path_factory.mktemp("house")
    return build_house(folder / "home", folder / "in")
