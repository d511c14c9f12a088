"""The source of a domain whose files are declared by layouts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ingest.headers import NAMELESS, numbered
from ingest.lines import Lines, split_lines
from ingest.observe import Observer
from ingest.pieces import PIECE_BYTES, NotInPieces, Progress, RunsIntoRepeatedHour, cut
from ingest.recognise import read_json, recognise
from ingest.source import LAND_OPTIONS, WHOLE_FILE_BYTES, LandOptions, Parsed, RawFile
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
#: Blanks before the first brace of a JSON document are looked through so far.
_JSON_LOOK = 1 << 16


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
    options = LAND_OPTIONS

    def __init__(self, name: str, summary: str, contract: Contract) -> None:
        self.name, self.summary = name, summary
        self.contracts: tuple[Contract, ...] = (contract,)

    def recognises(self, path: Path) -> bool:
        """Whether a file found in a folder is worth reading, by its suffix."""
        return path.suffix.lower() in SUFFIXES

    def parse(self, file: RawFile, options: LandOptions, layout_dirs: Sequence[Path] = ()) -> Iterator[Parsed]:
        """Read one file; see `ingest.source.Source.parse`.

        Raises:
            UnreadableFile: nothing in the file can be used; says why and what to do.
        """
        pieces = cut(file.blocks(), PIECE_BYTES)
        first, second = next(pieces, b""), next(pieces, None)
        refuse_packed(first)
        if second is None:
            yield self._whole(file, first, options, layout_dirs)
            return
        try:
            yield from self._in_pieces(file, first, chain([second], pieces), options, layout_dirs)
        except (NotInPieces, UnreadableFile) as why:
            if file.size_bytes > WHOLE_FILE_BYTES:
                if isinstance(why, UnreadableFile):
                    raise
                raise UnreadableFile(
                    f"the file {why}, so it must be read whole, and it has {file.size_bytes / 2**20:.0f} MiB "
                    f"(at most {WHOLE_FILE_BYTES / 2**20:.0f})",
                    "split it, or declare how it is written in a layout file (docs/layouts.md)",
                ) from why
            whole = self._whole(file, file.content, options, layout_dirs)
            whole.restarts = True
            yield whole

    def _whole(self, file: RawFile, content: bytes, options: LandOptions, layout_dirs: Sequence[Path]) -> Parsed:
        document: Any = None
        lines = None
        if _is_json(content):
            document = read_json(content)
        else:
            lines = split_lines(content)
        found = recognise(file, lines, document, self.name, options, layout_dirs)
        encoding = found.layout.dialect.encoding
        if lines is not None and not lines.bom and encoding != "utf-8":
            lines = split_lines(content, encoding)
        observer = Observer(file, found.layout, options, self.contracts[0])
        if lines is None:
            from ingest.json_records import tabulate_json

            return observer.run(tabulate_json(found, file, document, options), None)
        if found.layout.shape.kind == "nem12":
            from ingest.nem12 import tabulate_nem12

            return observer.run(tabulate_nem12(found, lines, options), lines)
        return observer.run(tabulate(found, file, lines, options, observer.progress), lines)

    def _in_pieces(
        self, file: RawFile, content: bytes, following: Iterator[bytes], options: LandOptions, dirs: Sequence[Path]
    ) -> Iterator[Parsed]:
        """Read a file of lines piece by piece.

        Raises:
            NotInPieces: its pieces do not decide alike, or its kind is read whole.
        """
        if _is_json(content):
            raise NotInPieces("is a JSON document")
        head = split_lines(content)
        found = recognise(file, head, None, self.name, options, dirs)
        layout = found.layout
        if {head.encoding, layout.dialect.encoding} != {"utf-8"}:
            raise NotInPieces(f"is text in {head.encoding}")
        many = layout.shape.kind != "wide" or layout.asset.column is not None or len(layout.stamps.interval_s) > 1
        if many or any(cell.startswith(NAMELESS) for cell in numbered(found.cells)):
            raise NotInPieces(f"is of a kind ({layout.name}) that is read whole")
        progress = Progress(is_last=False)
        base = 0
        while not progress.is_last:
            coming = next(following, None)
            progress.is_last = coming is None
            lines = Lines(content, head.bom, head.encoding, base) if base else head
            if content[:1].isspace() and not content.strip():
                base, content = lines.last, coming or b""
                continue
            reported = set(progress.refused_columns)
            observer = Observer(file, layout, options, self.contracts[0], progress)
            try:
                parsed = observer.run(tabulate(found, file, lines, options, progress), lines)
            except RunsIntoRepeatedHour:
                content += coming or b""
                progress.refused_columns = reported
                head = split_lines(content) if not base else head
                continue
            yield parsed
            progress.is_first = False
            base, content = lines.last, coming or b""


def _is_json(content: bytes) -> bool:
    return content[:_JSON_LOOK].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
