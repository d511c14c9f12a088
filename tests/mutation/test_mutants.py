"""How strong the suite is: each small wrong change to the code makes a named test fail.

By night every mutant is made in a copy of the checkout and its tests run there; by day it is seen that each mutant can
still be made, so that the list stays true to the code.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
NAMES = [mutant.name.replace(" ", "-") for mutant in MUTANTS]
PASSED, FAILED = 0, 1  # exit codes of pytest; others say that tests did not run


def run_tests(checkout: Path, tests: tuple[str, ...]) -> int:
    """Run tests in a checkout, whose packages go before the installed ones; pytest's exit code."""
    command = (sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", *tests)
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, check=False).returncode


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the checkout holds."""
    copy = tmp_path_factory.mktemp("mutation") / "wattlake"
    listed = subprocess.run(("git", "ls-files", "-z"), cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_a_mutant_can_be_made(mutant: Mutant) -> None:
    assert (ROOT / mutant.path).read_text().count(mutant.old) == 1
    assert all((ROOT / test.partition("::")[0]).exists() for test in mutant.tests)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("tests", sorted({mutant.tests for mutant in MUTANTS}), ids=" ".join)
def test_without_a_mutant_its_tests_pass(checkout: Path, tests: tuple[str, ...]) -> None:
    assert run_tests(checkout, tests) == PASSED


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_a_mutant_is_noticed(checkout: Path, mutant: Mutant) -> None:
    path = checkout / mutant.path
    sound = path.read_text()
    try:
        path.write_text(sound.replace(mutant.old, mutant.new))
        assert run_tests(checkout, mutant.tests) == FAILED
    finally:
        path.write_text(sound)
