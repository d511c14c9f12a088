"""A disk that is really full, wherever it fills up: a clear error, nothing lost, and work once there is space."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli.main import main
from flows.cli.query import run_sql
from ingest.registry import registry
from lakehouse.ops import RUNS, Ops
from lakehouse.reader import open_session
from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.house import build, land

DISK_MB = 192
#: Days of a minute file in which every value differs: about 1.5 MB as bytes of each kind.
DAYS = 28


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small disk of its own; skips where none can be mounted."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no small disk can be mounted: {error}")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def meter_file(folder: Path, month: int) -> Path:
    """A month of minutes."""
    path = folder / f"m{month}" / "com_ap.csv"
    path.parent.mkdir(parents=True)
    lines = [
        f"2024-{month:02d}-{d + 1:02d} {m // 60:02d}:{m % 60:02d}:00,{(d * 1440 + m) * 7919 % 100_003 / 1000:.3f}"
        for d in range(DAYS)
        for m in range(1440)
    ]
    path.write_text("ts,com_ap\n" + "\n".join(lines) + "\n")
    return path


def leave(disk: Path, free_bytes: int) -> None:
    """Fill the disk but for so many bytes."""
    state = os.statvfs(disk)
    with (disk / "ballast").open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, max(state.f_bavail * state.f_frsize - free_bytes, 1))


def wattlake(settings: Settings, *command: str) -> Result:
    """Run a command on the home; whatever it says, it says it without a stack trace."""
    done = CliRunner(env={"WATTLAKE_HOME": str(settings.root)}).invoke(main, command)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def count(settings: Settings) -> int:
    """Rows that a reader gets."""
    connection = open_session(settings, registry().contracts)
    try:
        return int(connection.execute("SELECT count(*) FROM raw.meter_observations").fetchall()[0][0])
    finally:
        connection.close()


def fails_for_space(settings: Settings, disk: Path, free_bytes: int, *command: str) -> bool:
    """Run a command with so little space; whether it failed, which it must say plainly."""
    leave(disk, free_bytes)
    try:
        done = wattlake(settings, *command)
    finally:
        (disk / "ballast").unlink()
    if done.exit_code == 0:
        return False
    assert done.exit_code == 1, done.stderr
    assert "Traceback" not in done.stderr and "next: " in done.stderr, done.stderr
    assert "disk is full" in done.stderr, done.stderr
    return True


@pytest.mark.parametrize(
    "steps_bytes",
    [(40_000, 600_000, 1_500_000), pytest.param(tuple(range(8_000, 4_000_000, 60_000)), marks=pytest.mark.nightly)],
    ids=["three", "many"],
)
def test_a_landing_without_space_says_so_and_lands_once_there_is_some(
    disk: Path, tmp_path: Path, steps_bytes: tuple[int, ...]
) -> None:
    settings = Settings(home=disk / tmp_path.name, threads=2)
    assert land(settings, "meter", [meter_file(tmp_path, 1)], LandOptions()).ok
    before = count(settings)
    late = meter_file(tmp_path, 2)
    failed = 0
    for free_bytes in steps_bytes:
        if not fails_for_space(settings, disk, free_bytes, "land", "meter", str(late)):
            break
        failed += 1
        assert count(settings) in (before, 2 * before)
    assert failed >= 2
    assert wattlake(settings, "land", "meter", str(late)).exit_code == 0
    assert count(settings) == 2 * before == 2 * DAYS * 1440
    assert {run.status for run in Ops(settings).query(RUNS.select())} <= {"done", "failed"}


@pytest.mark.parametrize(
    "steps_bytes",
    [(1_000_000,), pytest.param(tuple(range(500_000, 60_000_000, 4_000_000)), marks=pytest.mark.nightly)],
    ids=["one", "many"],
)
def test_a_build_without_space_keeps_the_last_marts_and_builds_once_there_is_some(
    disk: Path, tmp_path: Path, steps_bytes: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=disk / tmp_path.name, threads=2)
    land(settings, "meter", [meter_file(tmp_path, 1)], LandOptions())
    build(settings)
    land(settings, "meter", [meter_file(tmp_path, 2)], LandOptions())
    query = "SELECT count(*) AS days, sum(n)::BIGINT AS n FROM marts.lod_1d"
    run_sql(settings, query, "csv", None)
    before = capsys.readouterr().out
    failed = 0
    for free_bytes in steps_bytes:
        if not fails_for_space(settings, disk, free_bytes, "build"):
            break
        failed += 1
        run_sql(settings, query, "csv", None)
        assert capsys.readouterr().out == before
    assert failed
    assert wattlake(settings, "build").exit_code == 0
    run_sql(settings, query, "csv", None)
    assert capsys.readouterr().out.splitlines()[1].endswith(f",{2 * DAYS * 1440}")
