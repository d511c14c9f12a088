"""Fixtures that all tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadFileScheduling

from lakehouse.settings import Settings

#: What tests make once and use in any later run, beside the cache of pytest.
CACHE = Path(__file__).resolve().parents[1] / ".pytest_cache"

# dbt parses its project once for all homes of the tests, not once a home.
os.environ["WATTLAKE_CACHE"] = str(CACHE / "wattlake")
if sys.dont_write_bytecode:
    # Tests start hundreds of interpreters. Where the environment forbids bytecode beside the modules, each would
    # compile dbt, Great Expectations and Prefect anew: half of its CPU time.
    sys.pycache_prefix = str(CACHE / "bytecode")
    sys.dont_write_bytecode = False
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest_plugins = ("tests.support.servers.fixtures",)

if TYPE_CHECKING:
    from tests.support.servers.prefect_service import PrefectService

#: Recorded data lie beside the checkout, never in it.
RECORDED = Path(__file__).resolve().parents[2] / "shared" / "data"


#: Tests of what Prefect runs: all of them share one server and its worker, which are up in half a minute.
DEPLOYED = "tests/deployed/"


class _SharedHarnesses(LoadFileScheduling):
    """Whole files to one worker, and all files of `DEPLOYED` to the same."""

    def _split_scope(self, nodeid: str) -> str:
        return DEPLOYED if nodeid.startswith(DEPLOYED) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Hand out tests as `_SharedHarnesses` says; another `--dist` is obeyed."""
    return _SharedHarnesses(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An empty home."""
    return Settings(home=tmp_path / "home", threads=2)


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded data; skips where there is none."""
    if not RECORDED.is_dir():
        pytest.skip("recorded data are not beside this checkout (../shared/data)")
    return RECORDED


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectService]:
    """A Prefect server, a worker and all deployments of prefect.yaml over a home of their own; up in about 25 s."""
    from tests.support.servers.prefect_service import prefect_service

    with prefect_service(tmp_path_factory.mktemp("prefect")) as service, service.worker("tests"):
        yield service
