"""Finds every source: a module `ingest/<domain>/source.py` with an attribute `SOURCES`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache
from pathlib import Path

from lakehouse.source import Registry, Source


@lru_cache(maxsize=1)
def registry() -> Registry:
    """Every source of the house, in the order of their names."""
    found: list[Source] = []
    for package in pkgutil.iter_modules([str(Path(__file__).parent)], "ingest."):
        if not package.ispkg:
            continue
        folder = Path(__file__).parent / package.name.rpartition(".")[2]
        if (folder / "source.py").is_file():
            found += importlib.import_module(f"{package.name}.source").SOURCES
    return Registry({source.name: source for source in sorted(found, key=lambda source: source.name)})
