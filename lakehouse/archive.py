"""The raw archive: bytes by content hash, with a sidecar for every time they were received.

`<archive>/ab/<sha256>.zst` holds the bytes; `<archive>/received/<run>-<sequence>-<hash>.json` says what was asked,
when, and what came of it. The hash is that of the plain bytes.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import zstandard

from lakehouse.errors import TerminalError
from lakehouse.settings import Settings
from lakehouse.storage import Storage, storage_at

#: Level 3 is zstd's default: on 10 s battery CSV it packs 8:1 and is bound by the disk, not the CPU.
COMPRESSION_LEVEL = 3


@dataclass(frozen=True)
class Receipt:
    """One reception of some bytes.

    Args:
        id: unique id of the reception.
        run_id: the land call it belongs to; replay lands the receptions of a run together.
        sequence: position inside the run; of conflicting rows the later one wins.
        source: name of the source.
        sha256: hash of the plain bytes.
        bytes: their length.
        path: where they came from, as given by the user.
        request: what was asked (land options).
        received_at: ISO instant in UTC.
        outcome: 'received', then 'landed', 'unchanged' (they had landed before), 'refused', or 'failed' with a run that
            committed nothing.
        reason: why they were refused, or what failed.
        layout: how they were read.
        dropped_at: ISO instant in UTC from which the bytes are not kept any more: it cannot be replayed.
    """

    id: str
    run_id: str
    sequence: int
    source: str
    sha256: str
    bytes: int
    path: str
    request: dict[str, object]
    received_at: str
    outcome: str = "received"
    reason: str | None = None
    layout: str | None = None
    dropped_at: str | None = None

    @property
    def order(self) -> tuple[str, str, int]:
        """Sort key of arrival: replay follows it."""
        return (self.received_at, self.run_id, self.sequence)


class Archive:
    """Content-addressed storage of received bytes.

    Args:
        storage: of the files.
        root: URI of the folder that holds them.
    """

    def __init__(self, storage: Storage, root: str) -> None:
        self.storage = storage
        self.root = root

    def put(
        self, content: bytes, *, run_id: str, sequence: int, source: str, path: str, request: dict[str, object]
    ) -> Receipt:
        """Store bytes and write the sidecar of this reception. Storing the same bytes again adds a sidecar only."""
        digest = hashlib.sha256(content).hexdigest()
        target = self.object(digest)

        def packed() -> bytes:
            return bytes(zstandard.ZstdCompressor(level=COMPRESSION_LEVEL).compress(content))

        held = self.storage.exists(target)
        if not held:
            self.storage.write(target, packed())
        receipt = Receipt(
            id=uuid.uuid4().hex,
            run_id=run_id,
            sequence=sequence,
            source=source,
            sha256=digest,
            bytes=len(content),
            path=path,
            request=request,
            received_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        )
        self.record(receipt)
        if held and not self.storage.exists(target):  # dropped for its age between the two looks
            self.storage.write(target, packed())
        return receipt

    def close(self, receipt: Receipt, outcome: str, reason: str | None = None, layout: str | None = None) -> Receipt:
        """Record what came of a reception in its sidecar."""
        closed = replace(receipt, outcome=outcome, reason=reason, layout=layout)
        self.record(closed)
        return closed

    def get(self, sha256: str) -> bytes:
        """The plain bytes of an object, verified against its hash.

        Raises:
            TerminalError: the object is missing or damaged.
        """
        target = self.object(sha256)
        try:
            packed = self.storage.read(target)
            content = zstandard.ZstdDecompressor().decompress(packed)
        except (FileNotFoundError, zstandard.ZstdError) as error:
            raise TerminalError(
                f"archived object {sha256} cannot be read: {error}",
                "restore the archive folder from a backup, or land the original file again",
            ) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise TerminalError(
                f"archived object {sha256} does not have its hash any more",
                "restore the archive folder from a backup, or land the original file again",
            )
        return content

    def receipts(self, run_id: str = "") -> Iterator[Receipt]:
        """All receptions, or those of one run, in order of arrival.

        Raises:
            TerminalError: a sidecar cannot be read.
        """
        found = []
        received = f"{self.root}/received"
        names = (file.uri for file in self.storage.list(received))
        sidecars = [name for name in names if name.startswith(f"{received}/{run_id}") and name.endswith(".json")]
        for uri, content in self.storage.read_each(sidecars):
            try:
                found.append(Receipt(**json.loads(content)))
            except (ValueError, TypeError) as error:
                raise TerminalError(
                    f"sidecar {uri} is damaged: {error}", "delete it and land the original file again"
                ) from error
        yield from sorted(found, key=lambda receipt: receipt.order)

    def object(self, sha256: str) -> str:
        """URI of the packed bytes."""
        return f"{self.root}/{sha256[:2]}/{sha256}.zst"

    def record(self, receipt: Receipt) -> None:
        """Write the sidecar of a reception, in the place of its earlier one."""
        target = f"{self.root}/received/{receipt.run_id}-{receipt.sequence:06d}-{receipt.sha256[:12]}.json"
        self.storage.write(target, json.dumps(asdict(receipt), indent=1, sort_keys=True).encode())


def open_archive(settings: Settings) -> Archive:
    """The archive that the settings name."""
    return Archive(storage_at(settings, settings.archive), settings.archive)
