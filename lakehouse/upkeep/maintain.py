"""Maintenance: compact, expire, drop old bytes of the archive, sweep orphans, and report disk use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lakehouse.archive import open_archive
from lakehouse.archive_age import Dropped, drop_landed
from lakehouse.catalog import MARTS, RAW, open_catalog
from lakehouse.errors import WrongUsage
from lakehouse.landing.holding import recover_killed
from lakehouse.marts.published import published
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from lakehouse.source import Registry
from lakehouse.storage import storage_at
from lakehouse.upkeep import orphans
from lakehouse.upkeep.compaction import Compacted, compact
from lakehouse.upkeep.disk_use import DiskUse, disk_use
from lakehouse.upkeep.expiry import Expired, expire, pins_in_use
from lakehouse.upkeep.orphans import Orphans

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

Progress = Callable[[str], None]


@dataclass(frozen=True)
class MaintainReport:
    """The result of maintenance, or its plan in a dry run.

    Args:
        dry_run: whether nothing was changed.
        swept: whether the orphans were deleted; else they are only listed.
        compacted, expired: by table.
        dropped: objects dropped from the archive for their age; None if no age is set.
        orphans: by place.
        before, after: bytes by place.
    """

    dry_run: bool
    swept: bool
    compacted: list[Compacted]
    expired: list[Expired]
    dropped: Dropped | None
    orphans: list[Orphans]
    before: list[DiskUse]
    after: list[DiskUse]


def maintain(
    settings: Settings,
    registry: Registry,
    *,
    tables: Sequence[str] = (),
    dry_run: bool = False,
    sweep: bool = False,
    older_than: timedelta | None = None,
    progress: Progress = lambda step: None,
) -> MaintainReport:
    """Keep the home small and quick. Every step may be repeated, killed, and run beside landings, builds and readers.

    Args:
        settings: of the home; they say how long snapshots, orphans and archived bytes are kept.
        registry: every source.
        tables: such as raw.meter_observations; by default all tables, the archive and the work folder.
        dry_run: report the plan, and change nothing.
        sweep: delete orphans; else they are only listed.
        older_than: age from which a file that nothing names is an orphan; by default that of the settings.
        progress: called at each step.

    Raises:
        WrongUsage: there is no such table.
        TerminalError: compaction would have changed rows; the disk or the memory is at fault.
    """
    settings.root.mkdir(parents=True, exist_ok=True)
    if not dry_run:
        recover_killed(settings, registry)  # only snapshots say what a killed landing committed, and they expire
    ops = Ops(settings)
    with ops.alone("maintain"):
        ops.mark_interrupted("maintain")
        with ops.run("maintain", tables=list(tables), dry_run=dry_run, sweep=sweep) as run:
            work = _Maintenance(settings, registry, ops, run.id, tables, dry_run, progress)
            age = timedelta(hours=settings.orphan_hours) if older_than is None else older_than
            report = work.run(sweep and not dry_run, age)
            run.rows = sum(table.rows for table in report.compacted if table.snapshot_id)
            return report


class _Maintenance:
    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        ops: Ops,
        run_id: str,
        wanted: Sequence[str],
        dry_run: bool,
        progress: Progress,
    ) -> None:
        self.settings = settings
        self.registry = registry
        self.ops = ops
        self.run_id = run_id
        self.dry_run = dry_run
        self.progress = progress
        self.catalog = open_catalog(settings)
        self.whole = not wanted
        self.all_tables = list(_tables(self.catalog))
        named = {".".join(table.name()): table for table in self.all_tables}
        if unknown := sorted(set(wanted) - set(named)):
            raise WrongUsage(f"there is no table {', '.join(unknown)}", f"use some of: {', '.join(sorted(named))}")
        self.tables = [named[name] for name in wanted] if wanted else self.all_tables

    def run(self, sweep: bool, orphan_age: timedelta) -> MaintainReport:
        now = datetime.now(UTC)
        self.progress("counting bytes")
        before = disk_use(self.settings, self.all_tables)
        compacted = self._compact()
        expired = self._expire(now)
        dropped = self._drop(now) if self.whole else None
        found = self._orphans(now - orphan_age, sweep)
        if not self.dry_run:
            self.progress("counting bytes")
        after = before if self.dry_run else disk_use(self.settings, self.all_tables)
        return MaintainReport(self.dry_run, sweep, compacted, expired, dropped, found, before, after)

    def _compact(self) -> list[Compacted]:
        sorts = {f"{RAW}.{contract.name}": contract.sort for contract in self.registry.contracts}
        here = published(self.settings)
        sorts |= {f"{MARTS}.{mart.name}": mart.key for mart in (here.marts if here else ())}
        done = []
        for table in self.tables:
            name = ".".join(table.name())
            self.progress(f"compacting {name}")
            properties = {"wattlake.run": self.run_id, "wattlake.source": "maintain"}
            sort = sorts.get(name, ())
            done.append(compact(self.settings, table, sort, properties=properties, dry_run=self.dry_run))
        return done

    def _expire(self, now: datetime) -> list[Expired]:
        self.progress("expiring snapshots")
        since = now - timedelta(days=self.settings.snapshot_days)
        pins = pins_in_use(self.settings, self.ops, now)
        keep = self.settings.snapshots_kept
        return [
            expire(table.refresh(), pins, keep_since=since, keep_last=keep, dry_run=self.dry_run)
            for table in self.tables
        ]

    def _drop(self, now: datetime) -> Dropped | None:
        if self.settings.archive_days is None:
            return None
        self.progress("dropping old bytes from the archive")
        before = now - timedelta(days=self.settings.archive_days)
        return drop_landed(open_archive(self.settings), before, dry_run=self.dry_run)

    def _orphans(self, before: datetime, sweep: bool) -> list[Orphans]:
        self.progress("sweeping orphans" if sweep else "looking for orphans")
        warehouse = self.settings.warehouse
        storage = storage_at(self.settings, warehouse)
        tables = list(_tables(self.catalog))
        listing = list(storage.list(warehouse))
        wanted = {table.name() for table in self.tables}
        places = {".".join(table.name()): table.location().rstrip("/") for table in tables}
        found = [
            orphan
            for table, orphan in zip(tables, orphans.of_tables(warehouse, listing, tables, before), strict=True)
            if self.whole or table.name() in wanted
        ]
        if self.whole:
            namespaces = [name for (name, *_) in self.catalog.list_namespaces()]
            archive = open_archive(self.settings)
            found += [
                orphans.of_replays(warehouse, listing, namespaces, before),
                orphans.of_archive(archive, self.ops, before),
                orphans.of_work(self.settings, self.ops, before),
            ]
            places |= {"warehouse": warehouse, "archive": archive.root, "tmp": str(self.settings.root / "tmp")}
        if sweep:
            for orphan in found:
                place = places[orphan.place]
                orphans.sweep(storage_at(self.settings, place), place, orphan)
        return found


def _tables(catalog: Catalog) -> list[Table]:
    """All tables, raw ones first, without the shadow tables of running replays."""
    return [catalog.load_table(name) for namespace in (RAW, MARTS) for name in sorted(catalog.list_tables(namespace))]
