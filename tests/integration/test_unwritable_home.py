"""A home that may be read and not written: every command says so, and none changes or loses anything."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.settings import Settings
from tests.support.device_files import minutes, write_signal
from tests.support.house import land_meter

#: Capabilities by which root writes and reads past the mode of a file, and the call that gives them up.
DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER = 1, 2, 3
PR_CAPBSET_DROP = 24

COMMANDS = """
import json, sys, traceback
from click.testing import CliRunner
from flows.cli.main import main
told = {}
for arguments in json.loads(sys.argv[1]):
    done = CliRunner().invoke(main, arguments)
    raised = done.exception is not None and not isinstance(done.exception, SystemExit)
    trace = "".join(traceback.format_exception(done.exception)) if raised else ""
    told[arguments[0]] = [done.exit_code, done.output, trace]
print(json.dumps(told))
"""


def like_anybody() -> None:
    """Give up what lets root write anywhere; a user who is not root has nothing to give up."""
    for capability in (DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.fixture
def unwritable(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    stamps = minutes("2024-06-01", 4)
    land_meter(settings, write_signal(tmp_path / "in", "m1", "com_ap", [(s, i) for i, s in enumerate(stamps)]))
    gc.collect()
    found = [settings.root, *settings.root.rglob("*")]
    for path in found:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield settings
    for path in found:
        path.chmod(0o755)


def digests(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_a_home_that_cannot_be_written_is_told_by_every_command(unwritable: Settings, tmp_path: Path) -> None:
    more = write_signal(tmp_path / "more", "m2", "com_ap", [("2024-06-02 00:00:00", 1)])
    commands = [
        ["land", "meter", str(more)], ["build"], ["replay"], ["maintain"], ["catalog"], ["check"], ["doctor"],
        ["sql", "FROM raw.assets"], ["docs", "--no-serve"], ["download", "nyiso-rt5-lbmp-zone", "--days", "1"],
    ]  # fmt: skip
    before = digests(unwritable.root)
    ran = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)], capture_output=True, text=True, check=False,
        env={**os.environ, "WATTLAKE_HOME": str(unwritable.root)}, preexec_fn=like_anybody, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    assert {name for name, (_, _, trace) in told.items() if trace} == set(), told
    for name, (code, output, _) in told.items():
        assert code == 1, (name, output)
        assert "next:" in output, (name, output)
    assert "cannot be" in told["land"][1] or "Permission denied" in told["land"][1]
    assert digests(unwritable.root) == before
