"""Disk use: live bytes, bytes that old snapshots hold, and bytes that nothing names."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.settings import Settings
from lakehouse.storage import storage_at
from lakehouse.upkeep.orphans import inside, state_of
from lakehouse.upkeep.references import references

if TYPE_CHECKING:
    from pyiceberg.table import Table


@dataclass(frozen=True)
class DiskUse:
    """Bytes of one place.

    Args:
        place: a table with its namespace, 'warehouse' (files of no table), 'archive', 'marts', 'catalog' or 'tmp'.
        files: number of files.
        live_bytes: files of the newest state.
        held_bytes: files that only older snapshots and metadata files need; expiry and the sweep free them.
        loose_bytes: files that no metadata name: young files of unfinished commits, and orphans.
    """

    place: str
    files: int
    live_bytes: int
    held_bytes: int = 0
    loose_bytes: int = 0


def disk_use(settings: Settings, tables: Sequence[Table]) -> list[DiskUse]:
    """Bytes by place, the tables first."""
    rest = {file.uri: file.size_bytes for file in storage_at(settings, settings.warehouse).list(settings.warehouse)}
    found = []
    for table in tables:
        named = references(table.refresh())
        own = {uri: rest.pop(uri) for uri in list(rest) if inside(uri, table.location().rstrip("/"))}
        live, held = (sum(own.get(uri, 0) for uri in uris) for uris in (named.live, named.held))
        found.append(DiskUse(".".join(table.name()), len(own), live, held, sum(own.values()) - live - held))
    found.append(DiskUse("warehouse", len(rest), 0, 0, sum(rest.values())))
    kept = [file.size_bytes for file in storage_at(settings, settings.archive).list(settings.archive)]
    found.append(DiskUse("archive", len(kept), sum(kept)))
    for place, pattern in (("marts", settings.marts_path.name), ("catalog", "*.db*"), ("tmp", "tmp/**/*")):
        states = [state for path in settings.root.glob(pattern) if (state := state_of(path))]
        sizes = [state.st_size for state in states if not stat.S_ISDIR(state.st_mode)]
        found.append(DiskUse(place, len(sizes), sum(sizes)))
    return found
