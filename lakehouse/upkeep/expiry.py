"""Snapshot expiry: old snapshots are dropped unless a build, a reader or another machine may still need them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lakehouse.catalog import RAW
from lakehouse.errors import TransientError
from lakehouse.marts.published import published
from lakehouse.ops import BUILDS, RUNS, Ops
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

#: Days after which a home that has not built no longer keeps snapshots; its next build rebuilds everything.
ABANDONED_AFTER = timedelta(days=30)

#: Raw table → snapshot of a build; None if the table was empty. Other tables did not exist.
Pins = Mapping[str, int | None]


@dataclass(frozen=True)
class Expired:
    """The result of expiry of a table, or its plan in a dry run.

    Args:
        table: with its namespace.
        snapshots_before: number of snapshots before.
        expired: number of dropped snapshots.
        outcome: 'expired', 'would expire', 'nothing to do', or the reason why the table was given up.
    """

    table: str
    snapshots_before: int
    expired: int
    outcome: str


def pins_in_use(settings: Settings, ops: Ops, now: datetime) -> list[Pins]:
    """The pins to keep: of the marts published here, of running builds, and of each home's last build.

    Homes on other machines share the catalog; ops.builds says what they have published.
    """
    here = published(settings)
    found: list[Pins] = [here.pins] if here else []
    builds, runs = BUILDS.c, RUNS.c
    rows = ops.query(
        BUILDS.join(RUNS, builds.run_id == runs.id)
        .select()
        .with_only_columns(builds.pins, builds.status, builds.started_at, runs.request)
        .where(builds.pins.is_not(None), builds.started_at >= (now - ABANDONED_AFTER).replace(tzinfo=None))
        .order_by(builds.started_at.desc())
    )
    seen: set[str | None] = set()
    for pins, status, _, request in rows:
        home = json.loads(request or "{}").get("home")
        if status == "running":
            found.append(json.loads(pins))
        elif status in ("done", "published") and home not in seen:
            seen.add(home)
            found.append(json.loads(pins))
    return found


def expire(table: Table, pins: list[Pins], *, keep_since: datetime, keep_last: int, dry_run: bool = False) -> Expired:
    """Drop old snapshots of a table. Files stay until the sweep.

    The chain from the newest snapshot back to the oldest pin stays whole, because the next build reads the changes from
    it. The age of a snapshot counts from its successor, because readers got it until then.

    Args:
        table: raw or mart.
        pins: from `pins_in_use`; they concern raw tables only.
        keep_since: snapshots that were current after this instant stay.
        keep_last: number of newest snapshots that stay, whatever their age.
        dry_run: report the plan, and drop nothing.
    """
    from pyiceberg.exceptions import CommitFailedException

    name = ".".join(table.name())
    doomed = expendable(table, pins, keep_since, keep_last)
    known = len(table.metadata.snapshots)
    if not doomed or dry_run:
        return Expired(name, known, len(doomed), "would expire" if doomed else "nothing to do")
    try:
        table.maintenance.expire_snapshots().by_ids(doomed).commit()
    except (CommitFailedException, TransientError) as error:
        return Expired(name, known, 0, f"given up: another commit came first: {error}")
    return Expired(name, known, len(doomed), "expired")


def expendable(table: Table, pins: list[Pins], keep_since: datetime, keep_last: int) -> list[int]:
    """Ids of the snapshots that nothing needs, oldest last."""
    chain = list(_chain(table))
    position = {snapshot.snapshot_id: index for index, snapshot in enumerate(chain)}
    keep = keep_last
    if table.name()[0] == RAW:
        for pinned in pins:
            snapshot_id = pinned.get(table.name()[-1])
            # A pin that is not in the chain (an empty table, a cut history) keeps the whole chain.
            keep = max(keep, position.get(snapshot_id, len(chain)) + 1 if snapshot_id is not None else len(chain))
    replaced_at = [datetime.max.replace(tzinfo=UTC), *(_committed_at(snapshot) for snapshot in chain)]
    old = [s.snapshot_id for i, s in enumerate(chain) if i >= keep and replaced_at[i] < keep_since]
    heads = {ref.snapshot_id for ref in table.metadata.refs.values()}
    aside = [
        snapshot.snapshot_id
        for snapshot in table.metadata.snapshots
        if snapshot.snapshot_id not in position
        and snapshot.snapshot_id not in heads
        and _committed_at(snapshot) < keep_since
    ]
    return [snapshot_id for snapshot_id in old if snapshot_id not in heads] + aside


def _chain(table: Table) -> Iterator[Snapshot]:
    """The newest snapshot and its ancestors, newest first."""
    current = table.current_snapshot()
    while current is not None:
        yield current
        current = table.snapshot_by_id(current.parent_snapshot_id) if current.parent_snapshot_id else None


def _committed_at(snapshot: Snapshot) -> datetime:
    return datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)
