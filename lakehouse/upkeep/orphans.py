"""Orphans: files that lost races and killed runs have left in the warehouse, the archive and the work folder.

Only old files are orphans: a young one may belong to an unfinished commit. Nothing outside Wattlake's own folders is
ever deleted, whatever metadata, names or links say.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lakehouse.archive import Archive
from lakehouse.landing.shadow import is_shadow
from lakehouse.ops import FETCHES, OPEN, SLICES, Ops
from lakehouse.settings import Settings
from lakehouse.storage import Storage, StoredFile, is_s3
from lakehouse.upkeep.references import references

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: Folders of a table that hold only its files.
OWN_FOLDERS = ("data", "metadata")
#: Name of an object in the archive.
OBJECT = re.compile(r"[0-9a-f]{2}/(?P<sha256>[0-9a-f]{64})\.zst")
#: Name of a half-written file: hidden, and ending in 32 hex digits.
HALF_WRITTEN = re.compile(r"\..+\.[0-9a-f]{32}")


@dataclass(frozen=True)
class Orphans:
    """Old files of one place that nothing needs.

    Args:
        place: a table with its namespace, 'warehouse', 'archive' or 'tmp'.
        files: the orphans, with sizes.
        given_up: the reason why the place was left alone, if it was.
    """

    place: str
    files: tuple[StoredFile, ...] = ()
    given_up: str | None = None

    @property
    def count(self) -> int:
        """Number of orphans."""
        return len(self.files)

    @property
    def bytes(self) -> int:
        """Their total size."""
        return sum(file.size_bytes for file in self.files)


def of_tables(
    warehouse: str, listing: Sequence[StoredFile], tables: Sequence[Table], before: datetime
) -> list[Orphans]:
    """Files in the tables' folders that no metadata name.

    Args:
        warehouse: URI; tables elsewhere are left alone.
        listing: all files of the warehouse, listed after the tables were loaded; their metadata are read again here.
        tables: all tables of the catalog.
        before: files written at or after this instant are young.
    """
    places = [table.location().rstrip("/") for table in tables]
    found = []
    for table, place in zip(tables, places, strict=True):
        name = ".".join(table.name())
        own = [file for file in listing if inside(file.uri, place)]
        reason = _reason_to_leave(warehouse, place, places) or _reason_to_doubt(own, table)
        if reason:
            found.append(Orphans(name, given_up=reason))
            continue
        named = references(table.refresh())
        lost = tuple(
            file
            for file in own
            if file.modified_at < before
            and file.uri not in named
            and file.uri.removeprefix(f"{place}/").split("/")[0] in OWN_FOLDERS
        )
        found.append(Orphans(name, lost))
    return found


def of_replays(warehouse: str, listing: Sequence[StoredFile], namespaces: Iterable[str], before: datetime) -> Orphans:
    """Files of shadow tables whose replay has ended; a killed one leaves them."""
    running = set(namespaces)
    lost = []
    for file in listing:
        top = file.uri.removeprefix(f"{warehouse}/").split("/")[0]
        if is_shadow(top) and top not in running and file.modified_at < before:
            lost.append(file)
    return Orphans("warehouse", tuple(lost))


def of_archive(archive: Archive, ops: Ops, before: datetime) -> Orphans:
    """Half-written files, and objects that neither a sidecar nor a row of ops names."""
    listing = list(archive.storage.list(archive.root))
    named = {receipt.sha256 for receipt in archive.receipts()}
    for table in (SLICES, FETCHES):
        named |= {sha256 for (sha256,) in ops.query(sa.select(table.c.sha256).distinct())}
    lost = []
    for file in listing:
        if file.modified_at >= before:
            continue
        match = OBJECT.fullmatch(file.uri.removeprefix(f"{archive.root}/"))
        half = HALF_WRITTEN.fullmatch(file.uri.rsplit("/", 1)[-1])
        if half or (match and match["sha256"] not in named):
            lost.append(file)
    return Orphans("archive", tuple(lost))


def of_work(settings: Settings, ops: Ops, before: datetime) -> Orphans:
    """Work folders to which nothing has been written for long and whose run, if it is known, has ended.

    `tmp/<kind>/<run>` and the build folder `tmp/build` are one work folder each; its size is that of its content.
    """
    lost = []
    folders = list(work_folders(settings))
    states = ops.states([folder.name.split("-")[0] for folder in folders])
    for folder in folders:
        if states.get(folder.name.split("-")[0]) in OPEN:
            continue
        inner = [state for path in (folder, *folder.rglob("*")) if (state := state_of(path))]
        if not inner:
            continue
        newest = datetime.fromtimestamp(max(state.st_mtime for state in inner), UTC)
        if newest < before:
            lost.append(StoredFile(str(folder), sum(state.st_size for state in inner), newest))
    return Orphans("tmp", tuple(lost))


def state_of(path: Path) -> os.stat_result | None:
    """State of a file or folder; None for what a landing or build beside this has taken away meanwhile."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def work_folders(settings: Settings) -> Iterator[Path]:
    """Folders of runs, running or not."""
    root = settings.root / "tmp"
    for kind in sorted(root.iterdir()) if root.is_dir() else ():
        if kind.is_symlink() or not kind.is_dir():
            continue
        if kind.name == "build":
            yield kind
        else:
            yield from (run for run in sorted(kind.iterdir()) if run.is_dir() and not run.is_symlink())


def sweep(storage: Storage, place: str, orphans: Orphans) -> None:
    """Delete orphans.

    Args:
        storage: that holds them.
        place: URI of the folder outside which nothing is deleted.
        orphans: of that folder; work folders are deleted with their content.
    """
    mine = [file for file in orphans.files if _really_inside(file.uri, place)]
    if orphans.place == "tmp":
        for folder in mine:
            shutil.rmtree(folder.uri)
    else:
        storage.delete([file.uri for file in mine])


def inside(uri: str, place: str) -> bool:
    """Whether a URI is below a folder, by its text."""
    return uri.startswith(f"{place}/") and ".." not in uri.removeprefix(place).split("/")


def _really_inside(uri: str, place: str) -> bool:
    """Whether a URI is below a folder after links are followed: a folder may have become a link since the listing."""
    if not inside(uri, place):
        return False
    return is_s3(uri) or Path(uri).parent.resolve().is_relative_to(Path(place).resolve())


def _reason_to_leave(warehouse: str, place: str, places: Sequence[str]) -> str | None:
    if not inside(place, warehouse) or not _really_inside(f"{place}/data", warehouse):
        return f"its location {place} is not in the warehouse {warehouse}"
    if sum(other == place or inside(other, place) or inside(place, other) for other in places) > 1:
        return f"its location {place} overlaps with that of another table"
    return None


def _reason_to_doubt(own: Sequence[StoredFile], table: Table) -> str | None:
    """If the listing lacks named data files, names are written in another way, and all files would look orphaned."""
    listed = {file.uri for file in own}
    missing = sorted({task.file.file_path for task in table.scan().plan_files()} - listed)
    if missing:
        return f"{len(missing)} data files of it are not where its metadata say, such as {missing[0]}"
    return None
