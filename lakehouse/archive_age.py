"""The age of the archive: landed bytes may be dropped after a time; dropped bytes cannot be replayed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import itemgetter

from more_itertools import constrained_batches

from lakehouse.archive import Archive, Receipt
from lakehouse.errors import TerminalError

#: Packed bytes that are held in memory while their objects are deleted, in case they are received at that moment.
BATCH_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Dropped:
    """Objects that were dropped, or would be dropped, and their packed bytes."""

    objects: int
    bytes: int


def drop_landed(archive: Archive, before: datetime, *, dry_run: bool = False) -> Dropped:
    """Drop the bytes of every object whose last receipt landed before an instant; refused and unfinished ones stay.

    Each receipt is marked first, so a crash in between leaves bytes that the next call drops.
    """
    by_hash: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in archive.receipts():
        by_hash[receipt.sha256].append(receipt)
    old = {sha256: receipts for sha256, receipts in by_hash.items() if _has_landed(receipts[-1], before)}
    objects = {archive.object(sha256): sha256 for sha256 in old}
    sizes = {file.uri: file.size_bytes for file in archive.storage.list(archive.root) if file.uri in objects}
    if not dry_run:
        for batch in constrained_batches(sizes.items(), BATCH_BYTES, get_len=itemgetter(1), strict=False):
            _drop(archive, {uri: old[objects[uri]] for uri, _ in batch})
    return Dropped(len(sizes), sum(sizes.values()))


def refuse_if_dropped(archive: Archive, receipts: Iterable[Receipt]) -> None:
    """Check that no bytes of some receipts were dropped for their age.

    Raises:
        TerminalError: some were dropped, so the archive does not give the raw tables back.
    """
    dropped = [r for r in receipts if r.dropped_at and not archive.storage.exists(archive.object(r.sha256))]
    if dropped:
        first, last = dropped[0].received_at[:10], dropped[-1].received_at[:10]
        raise TerminalError(
            f"{len(dropped)} receipts from {first} to {last} cannot be replayed: their bytes were dropped after "
            "WATTLAKE_ARCHIVE_DAYS; the raw tables keep their rows and stay as they are",
            "land the original files again, or restore the archive from a backup, and then replay",
        )


def _has_landed(latest: Receipt, before: datetime) -> bool:
    return latest.outcome in ("landed", "unchanged") and datetime.fromisoformat(latest.received_at) < before


def _drop(archive: Archive, receptions: dict[str, list[Receipt]]) -> None:
    dropped_at = datetime.now(UTC).isoformat(timespec="seconds")
    known = set()
    for receipts in receptions.values():
        for receipt in receipts:
            known.add(receipt.id)
            if receipt.dropped_at is None:
                archive.record(replace(receipt, dropped_at=dropped_at))
    contents = dict(archive.storage.read_each(receptions))
    archive.storage.delete(receptions)
    # A landing that saw the bytes just before they were deleted has written its sidecar by now: it gets them back.
    for receipt in archive.receipts():
        uri = archive.object(receipt.sha256)
        if uri in contents and receipt.id not in known:
            archive.storage.write(uri, contents[uri])
