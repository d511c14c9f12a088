"""The very lines of archived files that rows came from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingest.packed import members
from ingest.text.lines import split_lines
from lakehouse.archive import Archive, open_archive
from lakehouse.errors import TerminalError, UnreadableFile
from lakehouse.landing.batch import unpack
from lakehouse.settings import Settings
from lakehouse.source import WHOLE_FILE_BYTES, RawFile

#: Longest text of a line that is given.
LIMIT = 2_000
#: How an Arrow IPC stream begins, as which batches are archived (Arrow columnar format, "Encapsulated message format").
BATCH = b"\xff\xff\xff\xff"


@dataclass(frozen=True)
class Line:
    """A line of a file.

    Args:
        source_object: SHA-256 of the file's bytes, its name in the archive.
        file: path that it was landed from; None where no run says so.
        member: file in it, where it is an archive.
        line: from 1; of a document of records, or of a stream's batch, the record.
        text: as it is there; None where it cannot be shown.
        note: why it cannot.
    """

    source_object: str
    file: str | None
    member: str | None
    line: int
    text: str | None
    note: str | None = None


def lines_of(
    settings: Settings, connection: duckdb.DuckDBPyConnection, places: Iterable[tuple[str, str | None, int]]
) -> list[Line]:
    """Lines of archived files.

    Args:
        settings: of the home.
        connection: sees `ops.*`.
        places: hash of the bytes, file in them where they are an archive, line.
    """
    wanted: dict[str, dict[str | None, list[int]]] = defaultdict(lambda: defaultdict(list))
    for sha256, member, line in places:
        wanted[sha256][member].append(line)
    archive = open_archive(settings)
    found = []
    for sha256, of_members in wanted.items():
        path = _path(connection, sha256)
        try:
            texts, note = _texts(archive, sha256, path or sha256, of_members), None
        except (TerminalError, UnreadableFile) as error:
            texts, note = {}, error.message
        for member, numbers in of_members.items():
            for number in sorted(numbers):
                text = texts.get((member, number))
                why = None if text is not None else note or "its line is no text: the file is a workbook or binary"
                found.append(Line(sha256, path, member, number, text and text[:LIMIT], why))
    return found


def _path(connection: duckdb.DuckDBPyConnection, sha256: str) -> str | None:
    row = connection.execute(
        "SELECT path FROM ops.fetches WHERE sha256 = ? ORDER BY status = 'landed' DESC, started_at LIMIT 1", [sha256]
    ).fetchone()
    return str(row[0]) if row else None


def _texts(
    archive: Archive, sha256: str, path: str, wanted: dict[str | None, list[int]]
) -> dict[tuple[str | None, int], str]:
    """File in the archive and line → text."""
    file = RawFile(sha256, Path(path), 0, partial(archive.blocks, sha256))
    found: dict[tuple[str | None, int], str] = {}
    names = 0
    for member in members(file):
        names += 1
        # Of an archive of one document, rows may not name it.
        given = member.name if member.name in wanted else None
        if numbers := wanted.get(given):
            found |= {(given, number): text for number, text in _in(member.content, numbers).items()}
    return found if names == 1 else {place: text for place, text in found.items() if place[0] is not None}


def _in(blocks: Iterator[bytes], numbers: list[int]) -> dict[int, str]:
    content = _whole(blocks)
    if content.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        return {}
    if content.startswith(BATCH):
        return _samples(content, numbers)
    if content.lstrip()[:1] in (b"{", b"["):
        return _records(content, numbers)
    lines = split_lines(content)
    return {number: lines.text(number) for number in numbers if 0 < number <= lines.last}


def _whole(blocks: Iterator[bytes]) -> bytes:
    """All bytes, as far as memory allows: a line beyond is not shown."""
    parts, size = [], 0
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size > WHOLE_FILE_BYTES:
            break
    return b"".join(parts)


def _samples(content: bytes, numbers: list[int]) -> dict[int, str]:
    """Rows of a stream's batch by their ordinals."""
    try:
        batch = unpack(content)
    except pa.ArrowInvalid:
        return {}
    inside = [number for number in numbers if 0 < number <= batch.num_rows]
    return {number: json.dumps(batch.slice(number - 1, 1).to_pylist()[0], default=str) for number in inside}


def _records(content: bytes, numbers: list[int]) -> dict[int, str]:
    """Records of a JSON document by their ordinals, where it has one list of them."""
    try:
        document: Any = json.loads(content)
    except ValueError:
        return {}
    while isinstance(document, dict):
        lists = [value for name, value in document.items() if isinstance(value, list) and name != "fields"]
        inside = [value for value in document.values() if isinstance(value, dict)]
        if len(lists) != 1 and len(inside) != 1:
            return {}
        document = lists[0] if len(lists) == 1 else inside[0]
    if not isinstance(document, list):
        return {}
    return {number: json.dumps(document[number - 1]) for number in numbers if 0 < number <= len(document)}
