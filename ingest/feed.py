"""Declarations of feeds, from which sources, downloads, deployments and parts of the docs are made.

A folder of sources (`ingest/<domain>/`, or `ingest/<domain>/<provider>/`) has one module `feeds.py` with `FEEDS`, with
a `PROVIDER` if they can be downloaded, and with `STREAMED`, the tables into which its streams and polls land batches.
A declaration imports nothing: heavy objects are named as `module:NAME` and imported when they are needed, so that the
error for a typo comes at once.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lakehouse.contract import Contract


@dataclass(frozen=True)
class Deployment:
    """A deployment `realtime/<name>` in Prefect that keeps some feeds of one provider up to date; paused by default.

    Args:
        name: of the deployment.
        description: of its documents, for Prefect's UI and the docs.
        every: frequency in one word, the slug of its schedule.
        cron: schedule by the provider's clock.
    """

    name: str
    description: str
    every: str
    cron: str


@dataclass(frozen=True)
class Feed:
    """One kind of documents with one reader.

    Args:
        name: as the user types it; for a provider's feed `<provider>-<kind>`.
        summary: one line for `wattlake sources`.
        contracts: the tables that it lands into, each `module:NAME` of one or several contracts.
        read: `module:function` that turns bytes into rows, piece by piece (`lakehouse.source.Source.parse`); None if
            layouts do.
        source: `module:Class` of the source, which is made from the feed.
        needs: requirements for the user, one line.
        suffixes: of files in a folder that are worth reading.
        plan: `module:NAME` of the plan of its downloads (`ingest.http.plan.Plan`); None if it only lands files.
        deployment: downloads the feed; several feeds may share one. A feed with a plan has one.
    """

    name: str
    summary: str
    contracts: tuple[str, ...]
    read: str | None = None
    source: str = "ingest.documents:DocumentSource"
    needs: str = "files, or `wattlake download`"
    suffixes: tuple[str, ...] = (".csv", ".zip")
    plan: str | None = None
    deployment: Deployment | None = None

    def __post_init__(self) -> None:
        if (self.plan is None) != (self.deployment is None):
            raise ValueError(f"feed {self.name}: a feed that is downloaded has a plan and a deployment")


@dataclass(frozen=True)
class Provider:
    """A provider of feeds over the network: a market operator, a maker of devices.

    Args:
        name: of its folder; the names of its feeds begin with it.
        title: as people write it.
        zone: IANA zone of its clock.
        access: `module:Class` of its base URLs and accounts (`ingest.http.access.Access`).
        account: whether it needs an account, and where to get one; for the docs, like the next two.
        limit: rate limit that is kept.
        reach: how far back its documents go.
        first_day: first day with data; the oldest market, NYISO's, began in 1999.
    """

    name: str
    title: str
    zone: str
    access: str
    account: str
    limit: str
    reach: str
    first_day: date = date(1999, 1, 1)


def named(reference: str) -> Any:
    """The object that a `module:NAME` of a declaration names."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def contracts_of(feed: Feed) -> tuple[Contract, ...]:
    """The contracts of the tables that a feed lands into."""
    found: list[Contract] = []
    for reference in feed.contracts:
        one_or_more = named(reference)
        found += one_or_more if isinstance(one_or_more, tuple) else (one_or_more,)
    return tuple(found)
