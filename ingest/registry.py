"""Finds every feed: a module `feeds.py` in a folder `ingest/<domain>/` or `ingest/<domain>/<provider>/`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ingest
from ingest.feed import Feed, Provider, named

if TYPE_CHECKING:
    from ingest.http.access import Access
    from ingest.http.plan import Fetcher, Plan
    from lakehouse.source import Registry


@dataclass(frozen=True)
class Declared:
    """The declarations of one folder.

    Args:
        domain: the folder of `ingest` that it is or is in.
        feeds: of the folder.
        provider: of the feeds; None if they only land files.
        streamed: tables into which its streams and polls land their batches, each `module:NAME` of a contract.
    """

    domain: str
    feeds: tuple[Feed, ...]
    provider: Provider | None
    streamed: tuple[str, ...]


@lru_cache(maxsize=1)
def declarations() -> tuple[Declared, ...]:
    """The declarations of every folder, in the order of paths; imports no library."""
    found = []
    for root in map(Path, ingest.__path__):
        for path in sorted([*root.glob("*/feeds.py"), *root.glob("*/*/feeds.py")]):
            parts = path.relative_to(root).with_suffix("").parts
            module = importlib.import_module(".".join(["ingest", *parts]))
            provider, streamed = getattr(module, "PROVIDER", None), getattr(module, "STREAMED", ())
            found.append(Declared(parts[0], getattr(module, "FEEDS", ()), provider, streamed))
    return tuple(found)


def feeds() -> dict[str, Feed]:
    """Every feed by its name, in the order of names; imports no library."""
    found: dict[str, Feed] = {}
    for feed in (feed for declared in declarations() for feed in declared.feeds):
        if feed.name in found:
            raise ValueError(f"two feeds are called {feed.name}")
        found[feed.name] = feed
    return dict(sorted(found.items()))


def provided_feeds() -> dict[str, Feed]:
    """Feeds of providers: market operators, makers of devices; imports no library."""
    given = {feed.name for declared in declarations() if declared.provider for feed in declared.feeds}
    return {name: feed for name, feed in feeds().items() if name in given}


@lru_cache(maxsize=1)
def registry() -> Registry:
    """The source of every feed, in the order of their names, and the tables of streams."""
    from lakehouse.source import Registry

    streamed = dict.fromkeys(named(reference) for declared in declarations() for reference in declared.streamed)
    return Registry({name: named(feed.source)(feed) for name, feed in feeds().items()}, tuple(streamed))


def plan_of(source: str) -> Plan[Any]:
    """The plan of a source's downloads.

    Raises:
        WrongUsage: the source cannot be downloaded.
    """
    from lakehouse.errors import WrongUsage

    known = feeds()
    if source not in known or (plan := known[source].plan) is None:
        downloaded = ", ".join(name for name, feed in known.items() if feed.plan)
        raise WrongUsage(f"source {source!r} cannot be downloaded", f"use one of: {downloaded}")
    found: Plan[Any] = named(plan)
    return found


def providers() -> tuple[Provider, ...]:
    """Every provider of feeds; imports no library."""
    return tuple(declared.provider for declared in declarations() if declared.provider)


def access_kinds() -> dict[str, type[Access]]:
    """Provider's name → class of its access."""
    return {provider.name: named(provider.access) for provider in providers()}


def fetcher_of(source: str, locations: Sequence[str] = (), access: Access | None = None) -> Fetcher:
    """Fetches a source.

    Args:
        source: name of the source.
        locations: instead of those of the settings, if the provider takes locations.
        access: of the provider; by default from the environment. Then the variables of all providers are checked, so
            that every download reports a wrong one, and not only the first that needs it.

    Raises:
        WrongUsage: the source cannot be downloaded, or takes no locations.
        TerminalError: an environment variable is wrong.
    """
    from ingest.http.access import of_environment
    from ingest.http.plan import Fetcher

    plan = plan_of(source)
    provider = next(one.provider for one in declarations() if source in {feed.name for feed in one.feeds})
    assert provider, f"feed {source} has a plan and no provider"
    if access is None:
        access = {name: of_environment(kind) for name, kind in access_kinds().items()}[provider.name]
    return Fetcher(plan, access.at(locations) if locations else access, provider.first_day)
