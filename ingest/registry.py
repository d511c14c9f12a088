"""Finds every feed: a module `feeds.py` in a folder `ingest/<domain>/` or `ingest/<domain>/<provider>/`."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.feed import Feed, Provider, named

if TYPE_CHECKING:
    from ingest.iso.request import Plan
    from lakehouse.source import Registry

ROOT = Path(__file__).parent


@dataclass(frozen=True)
class Declared:
    """What one folder declares.

    Args:
        feeds: of it.
        provider: who gives them over the network; None where only files are landed.
    """

    feeds: tuple[Feed, ...]
    provider: Provider | None


@lru_cache(maxsize=1)
def declarations() -> tuple[Declared, ...]:
    """What every folder declares, in the order of their paths; loads no library."""
    found = []
    for path in sorted([*ROOT.glob("*/feeds.py"), *ROOT.glob("*/*/feeds.py")]):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = importlib.import_module(".".join(["ingest", *parts]))
        found.append(Declared(module.FEEDS, getattr(module, "PROVIDER", None)))
    return tuple(found)


def feeds() -> dict[str, Feed]:
    """Every feed by its name, in the order of names; loads no library."""
    found = [feed for declared in declarations() for feed in declared.feeds]
    return {feed.name: feed for feed in sorted(found, key=lambda feed: feed.name)}


def market_feeds() -> dict[str, Feed]:
    """Feeds of providers, which have deployments of their own; loads no library."""
    given = {feed.name for declared in declarations() if declared.provider for feed in declared.feeds}
    return {name: feed for name, feed in feeds().items() if name in given}


@lru_cache(maxsize=1)
def registry() -> Registry:
    """The source of every feed, in the order of their names."""
    from lakehouse.source import Registry

    return Registry({name: named(feed.source)(feed) for name, feed in feeds().items()})


def plan_of(source: str) -> Plan:
    """The plan of a source's downloads.

    Raises:
        WrongUsage: it cannot be downloaded.
    """
    from lakehouse.errors import WrongUsage

    known = feeds()
    if source not in known or (plan := known[source].plan) is None:
        downloaded = ", ".join(name for name, feed in known.items() if feed.plan)
        raise WrongUsage(f"source {source!r} cannot be downloaded", f"use one of: {downloaded}")
    found: Plan = named(plan)
    return found
