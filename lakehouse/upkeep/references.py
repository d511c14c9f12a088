"""The files that the metadata of a table name: for its newest snapshot, and for older ones that are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot


@dataclass(frozen=True)
class References:
    """URIs of a table's files.

    Args:
        live: files of the newest snapshot: metadata file, manifest list, manifests, data files.
        held: files that only older snapshots need, and older metadata files.
    """

    live: frozenset[str]
    held: frozenset[str]

    def __contains__(self, uri: str) -> bool:
        return uri in self.live or uri in self.held


def references(table: Table) -> References:
    """All files that a table's metadata name. Each manifest is read once, however many snapshots share it."""
    contents: dict[str, list[str]] = {}
    current = table.current_snapshot()
    live = {table.metadata_location, *(_files(table, current, contents) if current else ())}
    held = {entry.metadata_file for entry in table.metadata.metadata_log}
    for snapshot in table.metadata.snapshots:
        held |= _files(table, snapshot, contents)
    held |= {statistics.statistics_path for statistics in table.metadata.statistics}
    held |= {statistics.statistics_path for statistics in table.metadata.partition_statistics}
    return References(frozenset(live), frozenset(held - live))


def _files(table: Table, snapshot: Snapshot, contents: dict[str, list[str]]) -> set[str]:
    found = {snapshot.manifest_list}
    for manifest in snapshot.manifests(table.io):
        if manifest.manifest_path not in contents:
            contents[manifest.manifest_path] = _entries(table, manifest)
        found |= {manifest.manifest_path, *contents[manifest.manifest_path]}
    return found


def _entries(table: Table, manifest: ManifestFile) -> list[str]:
    return [entry.data_file.file_path for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)]
