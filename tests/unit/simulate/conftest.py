"""The simulated demo, once a session, and a plain reader of its files that shares no code with the simulator."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.simulate import DemoFiles, simulate_demo

BERLIN = ZoneInfo("Europe/Berlin")

#: Samples of one file in file order: (UTC second, text of the value).
Samples = list[tuple[int, str]]
ReadSamples = Callable[[Path], Samples]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    return simulate_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def folder(demo: DemoFiles) -> Path:
    return demo.truth_file.parents[1]


@pytest.fixture(scope="session")
def read_samples() -> ReadSamples:
    """Read a file of the reference layout row by row; after the clock stepped back, stamps are winter time."""

    def read(path: Path) -> Samples:
        with path.open(newline="") as text:
            rows = list(csv.reader(text))
        assert rows[0] == ["ts", path.stem]
        return list(zip(_instants(row[0] for row in rows[1:]), (row[1] for row in rows[1:]), strict=True))

    return read


def _instants(stamps: Iterator[str]) -> Iterator[int]:
    before, fold = datetime(1970, 1, 1), 0  # noqa: DTZ001 - naive as in the file
    for stamp in stamps:
        naive = datetime.fromisoformat(stamp)
        if naive < before - timedelta(minutes=30):
            fold = 1
        before = naive
        yield int(naive.replace(tzinfo=BERLIN, fold=fold).timestamp())
