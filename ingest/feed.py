"""What a feed is, declared: its source, its downloads, its deployment and its words in the docs are made from this.

A folder of sources (`ingest/<domain>/`, or `ingest/<domain>/<provider>/`) has one module `feeds.py` with `FEEDS`, with
a `PROVIDER` where they can be downloaded, and with `STREAMED`, the tables into which its streams and polls land
batches. A declaration loads nothing: what is heavy is named as `module:NAME` and imported when it is needed, so that a
typing error is answered at once.
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
    """What keeps some feeds of one provider up to date: `realtime/<name>` in Prefect, paused until somebody wants it.

    Args:
        name: of the deployment.
        description: what it brings, for Prefect's UI and the docs.
        every: how often it runs, in a word: the slug of its schedule.
        cron: when it runs, by the provider's clock.
    """

    name: str
    description: str
    every: str
    cron: str


@dataclass(frozen=True)
class Feed:
    """One kind of documents, read alike.

    Args:
        name: as the user types it; of a provider's feed `<provider>-<what>`.
        summary: one line for `wattlake sources`.
        contracts: the tables that it lands, each `module:NAME` of a contract or of several.
        read: `module:function` that turns bytes into rows, piece by piece (`lakehouse.source.Source.parse`); None where
            layouts say how.
        source: `module:Class` of the source, which is made of the feed.
        needs: what it needs from the user, one line.
        suffixes: of files in a folder that are worth reading.
        plan: `module:NAME` of the plan of its downloads (`ingest.http.plan.Plan`); None where only files are landed.
        deployment: that downloads it; several feeds may have one in common. A feed with a plan has one.
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
            raise ValueError(f"feed {self.name}: what is downloaded has a plan and a deployment")


@dataclass(frozen=True)
class Provider:
    """Who gives feeds over the network: an operator of a market, a maker of devices.

    Args:
        name: of its folder; the names of its feeds begin with it.
        title: as people write it.
        zone: IANA zone of its clock.
        access: `module:Class` of how it is reached (`ingest.http.access.Access`).
        account: whether it needs an account, and where one is had; for the docs, as the next two.
        limit: how fast it is asked.
        reach: how far back it goes.
        first_day: there is nothing of days before it; the oldest of the markets, NYISO's, began in 1999.
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
    """What a `module:NAME` of a declaration stands for."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def contracts_of(feed: Feed) -> tuple[Contract, ...]:
    """The contracts of the tables that a feed lands."""
    found: list[Contract] = []
    for reference in feed.contracts:
        one_or_more = named(reference)
        found += one_or_more if isinstance(one_or_more, tuple) else (one_or_more,)
    return tuple(found)
