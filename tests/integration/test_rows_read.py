"""A build reads the days around what changed, and opens no file of the years between."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingest.registry import registry
from lakehouse.engine import connect
from lakehouse.marts.inputs import changes_between, write_manifest
from lakehouse.pins import Touched, pin_all
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.device_files import write_signal
from tests.support.house import land

EPOCH = date(1970, 1, 1)
EVERY_H = 6
#: Two meters with a sample every six hours of twelve years.
FIRST, LAST = datetime(2014, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("years")
    stamps = [FIRST + timedelta(hours=h) for h in range(0, int((LAST - FIRST) / timedelta(hours=1)), EVERY_H)]
    paths = [
        write_signal(folder / "in", meter, "com_ap", [(f"{stamp:%Y-%m-%d %H:%M:%S}", "1.5") for stamp in stamps])
        for meter in ("m1", "m2")
    ]
    settings = Settings(home=folder / "home", threads=2)
    assert land(settings, "meter", paths, LandOptions(timezone="UTC")).ok
    return settings


def read(house: Settings, folder: Path, *touched: tuple[str, date]) -> tuple[int, int]:
    """Rows and files that a model reads of the meters' observations, when days of meters have changed."""
    contracts = registry().contracts
    pins = pin_all(house, contracts)
    days: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for meter, day in touched:
        days.setdefault((meter, "com_ap"), []).append(((day - EPOCH).days, (day - EPOCH).days))
    commit: Touched = {**days}
    changes = changes_between(house, contracts, pins, {"meter_observations": [commit]}, folder)
    assert changes is not None
    manifest = json.loads(write_manifest(folder, contracts, pins, changes).read_text())
    connection = connect(settings=house)
    try:
        sql = f"SELECT count(value) FROM ({manifest['views']['raw']['meter_observations']})"
        ((rows,),) = connection.execute(sql).fetchall()
        explained = connection.execute(f"EXPLAIN (ANALYZE, FORMAT json) {sql}").fetchall()[0][1]
    finally:
        connection.close()
    return rows, sum(int(number) for number in re.findall(r'"Total Files Read": "(\d+)"', explained))


@pytest.mark.parametrize(
    ("touched", "days"),
    [
        # A day is rebuilt with its neighbours, because a value is carried forward. Around these 25 hours are read,
        # and as long as a value is carried, and a day for other signals: seven days and some hours of each.
        ([("m1", date(2014, 3, 10))], 7),
        ([("m1", date(2014, 3, 10)), ("m1", date(2025, 10, 10))], 14),
        ([("m1", date(2014, 3, 10)), ("m2", date(2025, 10, 10))], 14),
    ],
)
def test_late_samples_of_two_years_read_days_of_each(
    house: Settings, tmp_path: Path, touched: list[tuple[str, date]], days: int
) -> None:
    rows, files = read(house, tmp_path, *touched)
    assert 24 / EVERY_H * days <= rows <= 24 / EVERY_H * (days + 2 * len(touched))
    assert files == len(touched)
