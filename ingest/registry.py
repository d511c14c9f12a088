"""Finds every source: a module `ingest/<domain>/source.py` with an attribute `SOURCES`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache
from pathlib import Path

from ingest.source import Source
from lakehouse.contract import SHARED, Contract


@lru_cache(maxsize=1)
def _found() -> tuple[Source, ...]:
    found: list[Source] = []
    for package in pkgutil.iter_modules([str(Path(__file__).parent)], "ingest."):
        if not package.ispkg:
            continue
        folder = Path(__file__).parent / package.name.rpartition(".")[2]
        if (folder / "source.py").is_file():
            found += importlib.import_module(f"{package.name}.source").SOURCES
    return tuple(found)


def sources() -> dict[str, Source]:
    """Every source by the name the user types."""
    return {source.name: source for source in sorted(_found(), key=lambda source: source.name)}


def contracts() -> tuple[Contract, ...]:
    """The contracts of every raw table: each source's own, then the shared ones."""
    own = {contract.name: contract for source in sources().values() for contract in source.contracts}
    return (*own.values(), *SHARED)
