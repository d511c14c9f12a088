"""Several processes at once on one home: they wait for each other, all succeed, and the result is that of one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.device_files import write_signal
from tests.support.kills.homes import MINUTES, first_files, second_files
from tests.support.kills.steps import ROOT
from tests.support.kills.worker import Worker

#: The command as a user types it, from the interpreter of these tests.
WATTLAKE = [sys.executable, "-c", "from flows.cli.main import main; main()"]
pytestmark = pytest.mark.timeout(1800)

#: Seconds that the slowest may take, waiting for the others on a busy machine.
TIMEOUT_S = 1500


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as started:
        yield started


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    """A `wattlake` process on a home."""
    environment = {**os.environ, "WATTLAKE_HOME": str(home), "WATTLAKE_THREADS": "1"}
    return subprocess.Popen(
        [*WATTLAKE, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def all_done(*processes: subprocess.Popen[str]) -> list[str]:
    """What processes printed that must all succeed."""
    printed = []
    for process in processes:
        out, err = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, f"{process.args}: {out}{err}"
        printed.append(out + err)
    return printed


def test_first_landings_and_readers_at_once_make_one_home(worker: Worker, tmp_path: Path) -> None:
    home, alone = tmp_path / "home", tmp_path / "alone"
    one = first_files(tmp_path / "one")
    two = [str(write_signal(tmp_path / "two", "m3", "com_ap", [(stamp, 3) for stamp in MINUTES]))]
    count = "SELECT count(*) AS n FROM raw.meter_observations"
    readers = [start(home, "sql", count), start(home, "catalog")]
    all_done(
        start(home, "land", "meter", *one),
        start(home, "land", "meter", *two),
        start(home, "land", "meter", *one),
    )
    for reader in readers:  # one that was there before the first landing found no home
        _, err = reader.communicate(timeout=TIMEOUT_S)
        assert reader.returncode == 0 or "there is no Wattlake home" in err, err
    for files in (one, two):
        worker.done("land", {"home": str(alone)}, paths=files)
    found, expected = (worker.done("outcome", {"home": str(path)}) for path in (home, alone))
    assert found == expected


def test_builds_landings_a_replay_and_readers_at_once_lose_nothing(worker: Worker, tmp_path: Path) -> None:
    home, alone = tmp_path / "home", tmp_path / "alone"
    settings = {"home": str(home), "threads": 1}
    one, two = first_files(tmp_path / "one"), second_files(tmp_path / "two")
    worker.done("land", settings, paths=one)
    n = "SELECT (SELECT count(*) FROM raw.meter_observations) AS raw_rows"
    with_a_refused_file = start(home, "land", "meter", *two)
    all_done(
        start(home, "build"),
        start(home, "replay"),
        start(home, "build"),
        start(home, "sql", n),
    )
    out, err = with_a_refused_file.communicate(timeout=TIMEOUT_S)
    assert with_a_refused_file.returncode == 1 and "1 refused" in out, err
    assert worker.done("build", settings) in ("incremental", "nothing")
    found = worker.done("outcome", settings)
    assert set(worker.done("replay", settings, dry_run=True).values()) == {"equal"}
    for files in (one, two):
        worker.done("land", {"home": str(alone)}, paths=files)
    assert found["raw"] == worker.done("look", {"home": str(alone)})["raw"]
    samples, buckets = worker.done("samples", settings)
    assert samples == buckets
