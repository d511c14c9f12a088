"""Files inside ZIP archives, read as streams; the sizes that an archive states are never trusted."""

from __future__ import annotations

import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import IO

from lakehouse.errors import UnreadableFile
from lakehouse.source import RawFile

#: Files in an archive: a day of disclosures has 17, a bulk download 1,000.
MEMBERS = 2_000
#: Largest unpacked size of a file in an archive: a day of generators in SCED has 90 MB.
MEMBER_BYTES = 1 << 30
#: Largest unpacked size of all files in an archive.
TOTAL_BYTES = 8 << 30
#: Largest size of an archive: a month of SCED disclosures has 1.5 GB.
ARCHIVE_BYTES = 4 << 30
#: Size from which an archive is buffered on disk while it is read.
SPOOL_BYTES = 16 << 20
#: Errors that zipfile and its decompressors raise for damaged bytes.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, OSError, ValueError,
)  # fmt: skip
#: Deflate reaches 1030:1; prices and curves stay below 40:1.
RATIO = 200
#: Size below which the ratio is not checked.
RATIO_FROM_BYTES = 16 << 20
#: Depth of nested archives: an archive in an archive (a bulk download, a monthly bundle).
DEPTH = 2
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Member:
    """One file to read.

    Args:
        name: name inside its archive, after the archive's own name if archives are nested; None for a plain file.
        content: yields the bytes, once, block by block; raises UnreadableFile if they are damaged or a bomb.
        written: time of the file in the archive, by an unnamed clock; None if the archive has none.
    """

    name: str | None
    content: Iterator[bytes]
    written: datetime | None = None


def members(file: RawFile) -> Iterator[Member]:
    """The files in a ZIP archive in its order, or the file itself if it is not an archive.

    Each file must be read or skipped before the next one.

    Raises:
        UnreadableFile: the archive is damaged, encrypted, or unpacks to too much.
    """
    blocks = file.blocks()
    first = next(blocks, b"")
    if not first.startswith((b"PK\x03\x04", b"PK\x05\x06")):

        def plain() -> Iterator[bytes]:
            yield first
            yield from blocks

        yield Member(None, plain())
        return
    yield from _archive(chain([first], blocks), "", 1, [TOTAL_BYTES])


def _archive(content: Iterable[bytes], prefix: str, depth: int, left: list[int]) -> Iterator[Member]:
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as archive:
        size = 0
        for block in content:
            size += len(block)
            if size > ARCHIVE_BYTES:
                what = prefix.rstrip("/") or "the archive"
                raise UnreadableFile(f"{what} has more than {ARCHIVE_BYTES >> 30} GiB", "unpack it and land the files")
            archive.write(block)
        yield from _inside(archive, prefix, depth, left)


def _inside(archive: IO[bytes], prefix: str, depth: int, left: list[int]) -> Iterator[Member]:
    try:
        opened = zipfile.ZipFile(archive)
    except DAMAGED as error:
        raise UnreadableFile(f"the archive is damaged: {error}", "download it again") from error
    with opened:
        listed = [info for info in opened.infolist() if not info.filename.endswith("/")]
        if len(listed) > MEMBERS:
            raise UnreadableFile(
                f"the archive holds {len(listed)} files, more than {MEMBERS}", "unpack and land them in parts"
            )
        for info in listed:
            name = f"{prefix}{info.filename}"
            if info.flag_bits & 1:
                raise UnreadableFile(f"{name} in the archive is encrypted", "unpack it and land the files")
            if info.filename.lower().endswith(".zip"):
                if depth == DEPTH:
                    raise UnreadableFile(f"{name} lies more than {DEPTH} archives deep", "unpack it and land the files")
                yield from _archive(_unpack(opened, info, name, left), f"{name}/", depth + 1, left)
            else:
                yield Member(name, _unpack(opened, info, name, left), _written(info))


def _written(info: zipfile.ZipInfo) -> datetime | None:
    """The time of a file in an archive; the year 1980 means that there is none."""
    try:
        return datetime(*info.date_time) if info.date_time[0] > 1980 else None  # noqa: DTZ001  it names no zone
    except ValueError:
        return None


def _unpack(opened: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, left: list[int]) -> Iterator[bytes]:
    read = 0
    try:
        with opened.open(info) as stream:
            while block := stream.read(BLOCK_BYTES):
                read += len(block)
                left[0] -= len(block)
                packed = max(info.compress_size, 1)
                if read > MEMBER_BYTES or left[0] < 0 or (read > RATIO_FROM_BYTES and read > RATIO * packed):
                    raise UnreadableFile(
                        f"{name} unpacks to more than {read / 2**20:.0f} MiB: that is no document of an operator",
                        "check where the file comes from",
                    )
                yield block
    except DAMAGED as error:
        raise UnreadableFile(f"{name} in the archive is damaged: {error}", "download it again") from error
