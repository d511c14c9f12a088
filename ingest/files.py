"""The source of a domain whose files are declared by layouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingest.lines import split_lines
from ingest.observe import Observer
from ingest.recognise import read_json, recognise
from ingest.source import LandOptions, Parsed, RawFile
from ingest.tabulate import tabulate
from lakehouse.contract import Contract
from lakehouse.errors import UnreadableFile

SUFFIXES = frozenset({".csv", ".txt", ".tsv", ".json"})


#: First bytes of files that hold other files or a database, by what they are.
_PACKED = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "packed with gzip"),
    (b"BZh", "packed with bzip2"),
    (b"\xfd7zXZ\x00", "packed with xz"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF-", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"SQLite format 3\x00", "an SQLite database"),
)
#: Where a tar archive says that it is one (POSIX ustar header).
_TAR_AT = 257


def refuse_packed(content: bytes) -> None:
    """Refuse archives and other containers by content; nothing is ever unpacked, so that no bomb can go off.

    Raises:
        UnreadableFile: it is one.
    """
    what = next((name for mark, name in _PACKED if content.startswith(mark)), None)
    if what is None and content[_TAR_AT : _TAR_AT + 5] == b"ustar" and b"\x00" in content[:_TAR_AT]:
        what = "a tar archive"
    if what is not None:
        raise UnreadableFile(f"the file is {what}", "unpack or export it to text files and land those")


class LayoutSource:
    """Files of one domain, each read by the layout that its content shows.

    Args:
        name: domain and source name, as the user types it.
        summary: one line for `wattlake sources`.
        contract: the observations that it lands.
    """

    needs = "files; --timezone where naive stamps are not of the layout's zone"

    def __init__(self, name: str, summary: str, contract: Contract) -> None:
        self.name, self.summary = name, summary
        self.contracts: tuple[Contract, ...] = (contract,)

    def recognises(self, path: Path) -> bool:
        """Whether a file found in a folder is worth reading, by its suffix."""
        return path.suffix.lower() in SUFFIXES

    def parse(self, file: RawFile, options: LandOptions, layout_dirs: Sequence[Path] = ()) -> Parsed:
        """Read one file; see `ingest.source.Source.parse`.

        Raises:
            UnreadableFile: nothing in the file can be used; says why and what to do.
        """
        refuse_packed(file.content)
        document: Any = None
        lines = None
        if file.content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
            document = read_json(file.content)
        else:
            lines = split_lines(file.content)
        found = recognise(file, lines, document, self.name, options, layout_dirs)
        encoding = found.layout.dialect.encoding
        if lines is not None and not lines.bom and encoding != "utf-8":
            lines = split_lines(file.content, encoding)
        observer = Observer(file, found.layout, options, self.contracts[0])
        if lines is None:
            from ingest.json_records import tabulate_json

            return observer.run(tabulate_json(found, file, document, options), None)
        if found.layout.shape.kind == "nem12":
            from ingest.nem12 import tabulate_nem12

            return observer.run(tabulate_nem12(found, lines, options), lines)
        return observer.run(tabulate(found, file, lines, options), lines)
