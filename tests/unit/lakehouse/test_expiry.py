"""Promises of expiry: what a build, a reader or another machine needs stays; a cut history is never taken for whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyiceberg.table import Table

from lakehouse.catalog import open_catalog
from lakehouse.ops import BUILDS, RUNS, Ops, canonical, now
from lakehouse.pins import Touched, keep, pin_of, touched_since
from lakehouse.reader import rows_of
from lakehouse.settings import Settings
from lakehouse.upkeep.expiry import ABANDONED_AFTER, Pins, expire, pins_in_use
from tests.support.raw_table import CONTRACT, land, stored

LATER = datetime.now(UTC) + timedelta(days=2)


def landed(settings: Settings, count: int) -> list[int]:
    """Snapshot ids of so many landings, oldest first."""
    found = [land(settings, [("a", "p", number, number)]).snapshot_id for number in range(count)]
    return [snapshot_id for snapshot_id in found if snapshot_id is not None]


def observed(settings: Settings) -> Table:
    return open_catalog(settings).load_table(("raw", CONTRACT.name))


def left(settings: Settings) -> set[int]:
    return {snapshot.snapshot_id for snapshot in observed(settings).metadata.snapshots}


def expired(settings: Settings, *pins: Pins, keep_last: int = 1, since: datetime = LATER, dry_run: bool = False) -> int:
    table = observed(settings)
    return expire(table, list(pins), keep_since=since, keep_last=keep_last, dry_run=dry_run).expired


def changes(settings: Settings, since: int | None) -> list[Touched] | None:
    found = touched_since(observed(settings), since)
    return None if found is None else list(found)


def test_the_chain_from_the_oldest_pin_to_the_head_stays_whole(settings: Settings) -> None:
    ids = landed(settings, 4)
    for index, pinned in enumerate(ids):
        before = changes(settings, pinned)
        assert expired(settings, {CONTRACT.name: pinned}, {CONTRACT.name: ids[-1]}) == min(index, 1)
        assert left(settings) == set(ids[index:])
        assert changes(settings, pinned) == before  # so the next build stays incremental
        assert expired(settings, {CONTRACT.name: pinned}) == 0
    assert len(stored(settings)) == 4


def test_a_pin_before_the_first_landing_or_beyond_the_history_keeps_everything(settings: Settings) -> None:
    landed(settings, 3)
    for pins in ({CONTRACT.name: None}, {}, {CONTRACT.name: 12345}):
        assert expired(settings, pins, keep_last=1) == 0


def test_after_a_cut_it_cannot_be_told_what_changed(settings: Settings) -> None:
    ids = landed(settings, 3)
    assert len(changes(settings, None) or []) == 3
    expired(settings, {CONTRACT.name: ids[1]})
    assert changes(settings, None) is None  # a build from nothing, never one from half of the changes
    assert changes(settings, ids[0]) is None
    assert len(changes(settings, ids[1]) or []) == 1


def test_young_and_newest_snapshots_stay_and_a_dry_run_changes_nothing(settings: Settings) -> None:
    ids = landed(settings, 4)
    assert expired(settings, since=datetime.now(UTC) - timedelta(days=1)) == 0
    assert expired(settings, keep_last=2, dry_run=True) == 2
    assert left(settings) == set(ids)
    assert expired(settings, keep_last=2) == 2
    assert left(settings) == set(ids[2:])


def test_a_snapshot_is_as_old_as_its_successor(settings: Settings) -> None:
    ids = landed(settings, 3)
    replaced = observed(settings).snapshot_by_id(ids[1])
    assert replaced is not None
    since = datetime.fromtimestamp(replaced.timestamp_ms / 1000, UTC)
    assert expired(settings, since=since) == 0  # the first was what readers got until then
    assert expired(settings, since=since + timedelta(milliseconds=1)) == 1


def test_a_kept_pin_is_read_after_the_writer_has_dropped_its_metadata_file(settings: Settings, tmp_path: Path) -> None:
    landed(settings, 1)
    table = observed(settings)
    with table.transaction() as transaction:
        transaction.set_properties({"write.metadata.previous-versions-max": "1"})
    pinned = pin_of(observed(settings))
    kept = keep(settings, pinned, tmp_path)
    land(settings, [("a", "p", 8, 8)])
    land(settings, [("a", "p", 9, 9)])
    assert not Path(pinned.metadata).exists()
    assert rows_of(settings, f"SELECT value FROM {kept.scan()}") == [(0.0,)]


def test_pins_of_running_builds_and_of_the_last_build_of_every_home_are_in_use(settings: Settings) -> None:
    ops = Ops(settings)

    def built(home: str, pin: int, status: str, days_ago: float) -> None:
        run = ops.start(RUNS, kind="build", request=canonical({"home": home}), attempt=1)
        pins = json.dumps({CONTRACT.name: pin})
        row = ops.start(BUILDS, run_id=run, pins=pins, status=status)
        started = now() - timedelta(days=days_ago)
        with ops.engine.begin() as connection:
            connection.execute(BUILDS.update().where(BUILDS.c.id == row).values(started_at=started))

    built("one:/a", 1, "done", 4)
    built("one:/a", 2, "done", 3)
    built("one:/a", 3, "failed", 2)
    built("two:/a", 4, "published", 9)
    built("two:/a", 5, "running", 1)
    built("gone:/a", 6, "done", ABANDONED_AFTER.days + 1)
    found = {pins[CONTRACT.name] for pins in pins_in_use(settings, ops, datetime.now(UTC))}
    assert found == {2, 4, 5}
