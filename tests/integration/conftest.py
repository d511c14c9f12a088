"""A house that was built once from small device files."""

from __future__ import annotations

import pytest

from lakehouse.settings import Settings
from tests.support.house import build_house


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A built house that tests share; each lands assets of its own and leaves it sound."""
    folder = tmp_path_factory.mktemp("house")
    return build_house(folder / "home", folder / "in")
