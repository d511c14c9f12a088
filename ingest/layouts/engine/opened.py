"""Bytes to lines of text, JSON, XML, or the sheets of a workbook, by their first bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ingest.layouts.engine.workbook import Sheet, is_workbook, read_sheets
from ingest.text.json_text import read_json
from ingest.text.lines import Lines, split_lines
from lakehouse.errors import UnreadableFile

#: First bytes of archives, packed files and databases → their name.
_PACKED = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "packed with gzip"),
    (b"BZh", "packed with bzip2"),
    (b"\xfd7zXZ\x00", "packed with xz"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\x00", "an SQLite database"),
)
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
#: Offset and mark of a tar archive (POSIX ustar header).
_TAR_AT = 257
#: Number of blanks that are skipped before the first brace of JSON or the first bracket of XML.
_LOOK = 1 << 16
#: Bytes at the beginning of an XML document that are searched for namespaces.
_XML_HEAD = 1 << 20


@dataclass(frozen=True)
class Opened:
    """A file by its content; one of the fields is set, and the others are None or empty.

    Args:
        lines: a text file's lines.
        document: JSON as `read_json` returns it.
        xml: the bytes of an XML (or HTML) document, not read yet.
        sheets: a workbook's sheets that hold cells.
    """

    lines: Lines | None = None
    document: Any = None
    xml: bytes | None = None
    sheets: tuple[Sheet, ...] = ()

    def names_namespace(self, namespace: str) -> bool:
        """Whether an XML document names a namespace."""
        return self.xml is not None and namespace.encode() in self.xml[:_XML_HEAD]

    @property
    def shape(self) -> str:
        """A description of the file that quotes nothing of it, because it may begin with a customer's name."""
        if self.sheets:
            return f"a workbook of {len(self.sheets)} sheets"
        if self.xml is not None:
            return "an XML or HTML document"
        if self.lines is None:
            return f"JSON with {len(self.document)} keys" if isinstance(self.document, dict) else "a JSON list"
        _, first = next(iter(self.lines.head(1)), (0, ""))
        found = {name: first.count(sign) for sign, name in _DELIMITERS.items()}
        name = max(found, key=lambda name: found[name])
        return f"its first line has {found[name]} {name}" if found[name] else "its first line has one cell"

    @property
    def beginning(self) -> str:
        """The beginning of the file, for a message."""
        if self.sheets:
            return "; ".join(f"sheet {sheet.name!r}: {_first(sheet.lines)}" for sheet in self.sheets[:3])
        if self.xml is not None:
            return repr(self.xml[:120].decode("utf-8", "replace"))
        if self.lines is None:
            keys = list(self.document)[:6] if isinstance(self.document, dict) else [type(self.document).__name__]
            return f"JSON with {', '.join(map(str, keys))}"
        return _first(self.lines)


def _first(lines: Lines) -> str:
    shown = [text if len(text) <= 120 else text[:117] + "..." for _, text in lines.head(2)]
    return " | ".join(repr(text) for text in shown)


def is_json(content: bytes) -> bool:
    """Whether the bytes begin like a JSON document."""
    return _begins(content) in (b"{", b"[")


def is_xml(content: bytes) -> bool:
    """Whether the bytes begin like an XML or HTML document."""
    return _begins(content) == b"<"


def _begins(content: bytes) -> bytes:
    return content[:_LOOK].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]


def open_whole(content: bytes) -> Opened:
    """Open a file that is read whole.

    Raises:
        UnreadableFile: it is packed, damaged, or not text.
    """
    if is_workbook(content):
        return Opened(sheets=read_sheets(content))
    refuse_packed(content)
    if is_json(content):
        return Opened(document=read_json(content))
    if is_xml(content):
        return Opened(xml=content)
    return Opened(lines=split_lines(content))


def refuse_packed(content: bytes) -> None:
    """Refuse archives and other containers by content; they are never unpacked, so bombs are harmless.

    Raises:
        UnreadableFile: the file is a container.
    """
    what = next((name for mark, name in _PACKED if content.startswith(mark)), None)
    if what is None and content[_TAR_AT : _TAR_AT + 5] == b"ustar" and b"\x00" in content[:_TAR_AT]:
        what = "a tar archive"
    if what is not None:
        raise UnreadableFile(f"the file is {what}", "unpack or export it to text files and land those")
