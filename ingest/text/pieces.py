"""A stream of bytes in pieces that end where a line ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lakehouse.errors import UnreadableFile
from lakehouse.source import WHOLE_FILE_BYTES

#: Bytes read at a time: some 600,000 rows, whose arrays take a fifth of a gigabyte.
PIECE_BYTES = 16 * 2**20


def cut(blocks: Iterable[bytes], piece_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
    """Cut a stream of bytes at line ends into pieces of about `piece_bytes`; a longer line makes a longer piece.

    Raises:
        UnreadableFile: a line is longer than a file that is read whole.
    """
    rest = b""
    for block in blocks:
        start = 0
        while len(rest) + len(block) - start > piece_bytes:
            end = block.rfind(b"\n", start, start + max(piece_bytes - len(rest), 0)) + 1
            end = end or block.find(b"\n", start) + 1
            if not end:
                break
            yield rest + block[start:end]
            rest, start = b"", end
        rest += block[start:] if start else block
        if len(rest) > WHOLE_FILE_BYTES:
            raise UnreadableFile(f"a line has more than {WHOLE_FILE_BYTES} bytes", "export the file with a row a line")
    if rest:
        yield rest
