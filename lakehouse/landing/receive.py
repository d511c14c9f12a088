"""Files are received and parsed in threads, a few at a time, and join a landing in their order."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC
from pathlib import Path

from lakehouse.archive import Archive
from lakehouse.landing.run import Arrival, Lander, Prepared


class Unread(Exception):
    """The file's bytes cannot be read; an error of the archive is another one.

    Args:
        reason: why, after the file's name.
        next_step: what to do.
    """

    def __init__(self, reason: str, next_step: str) -> None:
        super().__init__(reason)
        self.reason, self.next_step = reason, next_step


class StillFile:
    """A file that is read once and must not change meanwhile.

    Raises:
        Unread: it cannot be opened, or is no longer a file.
    """

    def __init__(self, path: Path) -> None:
        try:
            # A pipe in the file's place would wait for a writer without O_NONBLOCK.
            self._file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
        except OSError as error:
            raise _refused(error) from error
        self._before = os.fstat(self._file.fileno())
        if not stat.S_ISREG(self._before.st_mode):
            self._file.close()
            raise Unread("is not a file", "give files, or folders that hold them")
        self._left_bytes = self._before.st_size

    def __enter__(self) -> StillFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """The next bytes; fewer than asked for only at the end of the file.

        Raises:
            Unread: they cannot be read, or somebody wrote to the file meanwhile.
        """
        try:
            # No more than its size when it was opened: a writer may be as fast as this reader.
            block = self._file.read(min(size, self._left_bytes + 1))
            now = os.fstat(self._file.fileno())
        except OSError as error:
            raise _refused(error) from error
        self._left_bytes -= len(block)
        same = (now.st_size, now.st_mtime_ns) == (self._before.st_size, self._before.st_mtime_ns)
        if not same or self._left_bytes < 0 or (self._left_bytes and len(block) < size):
            raise Unread("was written to while it was read", "land it again when its writer is done")
        return block


def _refused(error: OSError) -> Unread:
    return Unread(f"cannot be read: {error.strerror}", "check the file's permissions")


def take_all(
    lander: Lander,
    archive: Archive,
    files: Mapping[Path, Mapping[str, object]],
    request: dict[str, object],
    threads: int,
    progress: Callable[[int, int, str], None],
) -> None:
    """Archive and parse files, and add them to a landing in their order.

    Hashing, packing and parsing release Python's lock, so that files are prepared on every core.

    Args:
        lander: of the run.
        archive: takes the bytes before they are parsed.
        files: in order of arrival → the origin of each, see `Receipt.origin`.
        request: land options, for the receipts.
        threads: files prepared at once.
        progress: called with (files done, files in all, current file).
    """

    def prepare(number: int, path: Path) -> Prepared:
        with StillFile(path) as file:
            received = archive.receive(
                file, run_id=lander.run_id, sequence=number, source=lander.source.name, path=str(path),
                request=request, received_at=lander.ops.instant().replace(tzinfo=UTC), origin=files[path],
            )  # fmt: skip
        return lander.prepare(Arrival(path, received.blocks, request, received.receipt))

    waiting: deque[tuple[Path, Future[Prepared]]] = deque()
    done = 0

    def accept() -> None:
        nonlocal done
        path, future = waiting[0]
        progress(done, len(files), path.name)
        try:
            lander.accept(future.result())
        except Unread as error:
            lander.refuse_unread(path, error.reason, error.next_step)
        waiting.popleft()
        done += 1

    with ThreadPoolExecutor(threads) as pool:
        try:
            for number, path in enumerate(files):
                waiting.append((path, pool.submit(prepare, number, path)))
                if len(waiting) > threads:
                    accept()
            while waiting:
                accept()
        except BaseException:
            for _, future in waiting:
                future.cancel()
            for _, future in waiting:  # their receipts are closed as failed with the run
                if not future.cancelled():
                    with suppress(Exception):
                        prepared = future.result()
                        lander.received.append((prepared.outcome, prepared.arrival.receipt))
            raise
