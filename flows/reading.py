"""Files are received and parsed in threads, a few at a time, and become part of a landing in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO

from flows.lander import Arrival, Lander, Prepared
from lakehouse.archive import Archive


class _Unread(Exception):
    """The file's bytes cannot be had; an error of the archive is none of this kind."""


class _Source:
    """A file that is read once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        """The next bytes; fewer than asked for only at the end of the file."""
        try:
            return self._file.read(size)
        except OSError as error:
            raise _Unread(error.strerror) from error


def take_all(
    lander: Lander,
    archive: Archive,
    files: Sequence[Path],
    request: dict[str, object],
    threads: int,
    progress: Callable[[int, int, str], None],
) -> None:
    """Archive and parse files, and make them part of a landing in their order.

    Hashing, packing and parsing release Python's lock, so that files are prepared on every core.

    Args:
        lander: of the run.
        archive: takes the bytes before they are parsed.
        files: in order of arrival.
        request: land options, for the receipts.
        threads: files prepared at once.
        progress: called with (files done, files in all, current file).
    """

    def prepare(number: int, path: Path) -> Prepared:
        try:
            file = path.open("rb")
        except OSError as error:
            raise _Unread(error.strerror) from error
        with file:
            received = archive.receive(
                _Source(file), run_id=lander.run_id, sequence=number, source=lander.source.name, path=str(path),
                request=request,
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
        except _Unread as error:
            lander.refuse_unread(path, f"cannot be read: {error}", "check the file's permissions")
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
            for _, future in waiting:  # what the archive has received is closed as failed with the run
                if not future.cancelled():
                    with suppress(Exception):
                        prepared = future.result()
                        lander.received.append((prepared.outcome, prepared.arrival.receipt))
            raise
