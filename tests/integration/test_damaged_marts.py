"""A damaged marts file says what to do and is made anew; a build on a full disk leaves the last good one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingest.registry import registry
from lakehouse.errors import TerminalError
from lakehouse.marts.published import published
from lakehouse.ops import RUNS, Ops
from lakehouse.reader import open_session
from lakehouse.settings import Settings
from tests.support.device_files import minutes, write_signal
from tests.support.house import build, land_meter, rows

#: Names that are SQL, templates and paths where somebody forgets to quote.
ASSET = "../'; DROP TABLE lod_1d; -- {{ 1/0 }} \"*?[]"

BUILD_WITHOUT_SPACE = """
import resource, signal, sys
from tests.support.house import build
from lakehouse.settings import Settings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
build(Settings())
"""


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "says", "gone"),
    [
        (lambda path: path.write_bytes(b""), "cannot be read", True),
        (lambda path: path.write_bytes(path.read_bytes()[:5_000]), "cannot be read", True),
        (lambda path: path.write_bytes(bytes(1_000_000)), "cannot be read", True),
        (_folder, "is a folder", False),
    ],
    ids=["empty", "cut in its head", "garbage", "a folder"],
)
def test_sql_on_a_damaged_file_says_to_build(
    house: Settings, damage: Callable[[Path], object], says: str, gone: bool
) -> None:
    path = house.marts_path
    whole = path.read_bytes()
    damage(path)
    try:
        with pytest.raises(TerminalError, match=says) as error:
            open_session(house, registry().contracts)
        assert "build" in error.value.next_step
        if gone:
            assert published(house) is None
        else:
            with pytest.raises(TerminalError, match=says):
                build(house)
    finally:
        if path.is_dir():
            path.rmdir()
        path.write_bytes(whole)


def test_a_build_without_space_fails_and_the_next_one_mends_even_a_damaged_file(
    house: Settings, tmp_path: Path
) -> None:
    before = rows(house, "SELECT count(*), sum(n) FROM lod_1d WHERE asset_id = 'm1'")
    power = write_signal(tmp_path, "x", "com_ap", [(stamp, 5) for stamp in minutes("2024-06-01", 96)])
    land_meter(house, power, asset=ASSET)
    path = house.marts_path
    digest = hashlib.sha256(path.read_bytes()).digest()
    # The copy of the marts does not fit; what ops writes of the run does.
    limit_bytes = path.stat().st_size - 1
    ran = subprocess.run(
        [sys.executable, "-c", BUILD_WITHOUT_SPACE, str(limit_bytes)], capture_output=True, text=True, check=False,
        env={**os.environ, "WATTLAKE_HOME": str(house.root)},
    )  # fmt: skip
    assert "File too large" in ran.stderr
    assert hashlib.sha256(path.read_bytes()).digest() == digest
    last = sa.select(RUNS.c.kind, RUNS.c.status).order_by(RUNS.c.started_at.desc()).limit(1)
    assert [tuple(row) for row in Ops(house).query(last)] == [("build", "failed")]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    try:
        report = build(house)
    except TerminalError as error:  # what was cut off is only missed where the build reads it
        assert "--full-refresh" in error.next_step
        report = build(house, full_refresh=True)
    assert report.mode == "full"
    assert rows(house, "SELECT count(*), sum(n) FROM lod_1d WHERE asset_id = 'm1'") == before
    named = ASSET.replace("'", "''")
    assert rows(house, f"SELECT n, mean FROM lod_1d WHERE asset_id = '{named}'") == [(96, 5.0)]
