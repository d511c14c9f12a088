"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.settings import Settings

pytest_plugins = ("tests.servers.fixtures",)

#: Recorded data lie beside the checkout, never in it.
RECORDED = Path(__file__).resolve().parents[2] / "shared" / "data"


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
