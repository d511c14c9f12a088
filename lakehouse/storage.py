"""The one interface to files of the warehouse and the archive: on local disk, or in S3.

A file is named by its whole URI: an absolute path on local disk, `s3://bucket/key` in S3. Errors of S3 are raised as
`TransientError` or `TerminalError`; a missing file is a `FileNotFoundError` on both.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from lakehouse.errors import TerminalError
from lakehouse.outages import KEYS, explained
from lakehouse.settings import S3Settings, Settings

if TYPE_CHECKING:
    from s3fs import S3FileSystem

#: Objects above this size go to S3 in parts of it, and streams read ahead as much; a part costs one request.
PART_BYTES = 32 * 2**20
#: Attempts a request, the first one included: botocore waits up to 1, 2, 4, 8 s between five.
S3_ATTEMPTS = 5
#: Rounds of these attempts that s3fs makes (its default of 5 took minutes to give up): the second one is for an answer
#: that breaks off while it is read, after botocore has passed it on.
S3FS_ROUNDS = 2
#: Seconds to connect, and to wait for the next bytes of an answer.
S3_CONNECT_TIMEOUT_S = 10
S3_READ_TIMEOUT_S = 30
#: Largest number of keys in one delete request of S3.
DELETE_BATCH = 1000
#: Number of sidecars that are read from S3 concurrently.
READ_BATCH = 256


@dataclass(frozen=True)
class StoredFile:
    """One file in a listing.

    Args:
        uri: its whole name.
        size_bytes: its length.
        modified_at: when it was written, in UTC.
    """

    uri: str
    size_bytes: int
    modified_at: datetime


class Storage(Protocol):
    """Files under whole URIs; a reader never sees a half-written file."""

    def list(self, folder: str) -> Iterator[StoredFile]:
        """All files in a folder and the folders below it, in no order; nothing if it does not exist."""

    def exists(self, uri: str) -> bool:
        """Whether the file exists."""

    def read(self, uri: str) -> bytes:
        """All bytes of a file; FileNotFoundError if it does not exist."""

    def read_each(self, uris: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Read many small files with as few waits as possible; FileNotFoundError if one does not exist."""

    def open(self, uri: str) -> IO[bytes]:
        """A stream over a file that may be larger than memory; FileNotFoundError if it does not exist."""

    def write(self, uri: str, content: bytes) -> None:
        """Write a file atomically, over an existing one."""

    def upload(self, path: Path, uri: str) -> None:
        """Move a finished local file here atomically; the local file is gone afterwards."""

    def delete(self, uris: Iterable[str]) -> None:
        """Delete files (in S3: of one bucket); a missing one is no error."""


def is_s3(uri: str) -> bool:
    """Whether a location is in S3."""
    return uri.startswith("s3://")


def storage_at(settings: Settings, location: str) -> Storage:
    """The storage that holds a location (the warehouse, the archive, a table's folder)."""
    return S3Storage(settings.s3) if is_s3(location) else LocalStorage()


def make_folder(location: str) -> None:
    """Make a local folder for engines that write files themselves; S3 has no folders."""
    if not is_s3(location):
        Path(location).mkdir(parents=True, exist_ok=True)


class LocalStorage:
    """Files on local disk."""

    def list(self, folder: str) -> Iterator[StoredFile]:
        """See `Storage`."""
        for parent, _, names in os.walk(folder):
            for name in names:
                path = Path(parent) / name
                try:
                    state = path.stat()
                except FileNotFoundError:  # deleted since it was listed
                    continue
                yield StoredFile(str(path), state.st_size, datetime.fromtimestamp(state.st_mtime, UTC))

    def exists(self, uri: str) -> bool:
        """See `Storage`."""
        return Path(uri).exists()

    def read(self, uri: str) -> bytes:
        """See `Storage`."""
        return Path(uri).read_bytes()

    def read_each(self, uris: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """See `Storage`."""
        return ((uri, self.read(uri)) for uri in uris)

    def open(self, uri: str) -> IO[bytes]:
        """See `Storage`."""
        return Path(uri).open("rb")

    def write(self, uri: str, content: bytes) -> None:
        """See `Storage`. Written through a hidden name in the same folder, flushed, then renamed."""
        target = _parent_made(uri)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            temporary.write_bytes(content)
            take_place(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def upload(self, path: Path, uri: str) -> None:
        """See `Storage`. The file must lie on the same disk."""
        take_place(path, _parent_made(uri))

    def delete(self, uris: Iterable[str]) -> None:
        """See `Storage`."""
        for uri in uris:
            Path(uri).unlink(missing_ok=True)


def _parent_made(uri: str) -> Path:
    target = Path(uri)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def take_place(temporary: Path, target: Path) -> None:
    """Flush a file, rename it, and flush the folder: after a power cut the file is whole or absent."""
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    temporary.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def bound_attempts() -> None:
    """Keep s3fs, in our code and in pyiceberg, from multiplying botocore's attempts."""
    from s3fs import S3FileSystem

    S3FileSystem.retries = S3FS_ROUNDS


class S3Storage:
    """Objects in S3. A PUT is atomic: an object is whole or absent."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings

    @property
    def _files(self) -> S3FileSystem:
        """s3fs keeps one client for equal arguments and process: asking again after a fork makes a new one."""
        from s3fs import S3FileSystem

        bound_attempts()
        return S3FileSystem(
            key=self._settings.access_key_id,
            secret=self._settings.secret_access_key.get_secret_value(),
            endpoint_url=self._settings.endpoint,
            client_kwargs={"region_name": self._settings.region},
            config_kwargs={
                "connect_timeout": S3_CONNECT_TIMEOUT_S,
                "read_timeout": S3_READ_TIMEOUT_S,
                "retries": {"total_max_attempts": S3_ATTEMPTS, "mode": "standard"},
            },
            use_listings_cache=False,
        )

    def list(self, folder: str) -> Iterator[StoredFile]:
        """See `Storage`."""
        with explained():
            try:
                found = self._files.find(f"{folder.rstrip('/')}/", detail=True, refresh=True)
            except FileNotFoundError:
                self._require_bucket(folder)
                return
        for key, state in found.items():
            yield StoredFile(f"s3://{key}", int(state["size"]), state["LastModified"].astimezone(UTC))

    def exists(self, uri: str) -> bool:
        """See `Storage`."""
        with explained():
            return bool(self._files.exists(uri))

    def read(self, uri: str) -> bytes:
        """See `Storage`."""
        with explained():
            content: bytes = self._files.cat_file(uri)
            return content

    def read_each(self, uris: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """See `Storage`."""
        wanted = list(uris)
        for start in range(0, len(wanted), READ_BATCH):
            batch = wanted[start : start + READ_BATCH]
            with explained():
                found = self._files.cat(batch) if len(batch) > 1 else {batch[0]: self._files.cat_file(batch[0])}
            contents = {key.removeprefix("s3://"): content for key, content in found.items()}
            for uri in batch:
                yield uri, contents[uri.removeprefix("s3://")]

    def open(self, uri: str) -> IO[bytes]:
        """See `Storage`."""
        with explained():
            stream: IO[bytes] = self._files.open(uri, "rb", block_size=PART_BYTES, cache_type="readahead")
            return stream

    def write(self, uri: str, content: bytes) -> None:
        """See `Storage`."""
        with explained():
            self._files.pipe_file(uri, content, chunksize=PART_BYTES)

    def upload(self, path: Path, uri: str) -> None:
        """See `Storage`."""
        with explained():
            self._files.put_file(str(path), uri, chunksize=PART_BYTES)
        path.unlink()

    def delete(self, uris: Iterable[str]) -> None:
        """See `Storage`."""
        wanted = [uri.removeprefix("s3://").split("/", 1) for uri in uris]
        for start in range(0, len(wanted), DELETE_BATCH):
            batch = wanted[start : start + DELETE_BATCH]
            bucket, keys = batch[0][0], [{"Key": key} for _, key in batch]
            with explained():
                answer = self._files.call_s3("delete_objects", Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
            if refused := answer.get("Errors"):
                first = f"{refused[0].get('Key')}: {refused[0].get('Code')}"
                raise TerminalError(f"S3 did not delete {len(refused)} objects of {bucket}, first {first}", KEYS)

    def _require_bucket(self, uri: str) -> None:
        """Raise if the bucket does not exist, because s3fs lists a missing bucket as an empty one."""
        bucket = uri.removeprefix("s3://").split("/")[0]
        if not self._files.exists(bucket):
            raise TerminalError(
                f"S3 has no bucket {bucket!r}", "make it, or mend WATTLAKE_WAREHOUSE or WATTLAKE_ARCHIVE, which name it"
            )
