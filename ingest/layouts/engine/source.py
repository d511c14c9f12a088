"""The source of a domain whose files are declared by layouts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from ingest.feed import Feed, contracts_of
from ingest.layouts.engine.blocks import Tabulated
from ingest.layouts.engine.layout import broken_layouts, digest
from ingest.layouts.engine.observe import Observer
from ingest.layouts.engine.opened import Opened, is_json, is_xml, open_whole, refuse_packed
from ingest.layouts.engine.progress import NotInPieces, Progress, RunsIntoRepeatedHour
from ingest.layouts.engine.recognise import Found, Verdict, recognise
from ingest.layouts.engine.tabulate import tabulate
from ingest.layouts.engine.workbook import WORKBOOKS
from ingest.text.headers import is_nameless, numbered
from ingest.text.lines import Lines, split_lines
from ingest.text.pieces import PIECE_BYTES, cut
from lakehouse.errors import TerminalError, UnreadableFile
from lakehouse.source import LAND_OPTIONS, WHOLE_FILE_BYTES, LandOptions, Parsed, RawFile

#: Suffixes of files to read; their content decides the rest.
SUFFIXES = frozenset(
    {".csv", ".txt", ".tsv", ".tab", ".dat", ".json", ".xml", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"}
)
#: Suffixes that do not mean a kind of file: none, a number (a date, a part), the version of a NEM12 file (.V01).
_NO_SUFFIX = re.compile(r"(\.v?\d+)?", re.IGNORECASE)


class LayoutSource:
    """Files of one domain, each read by the layout that recognises it.

    Args:
        feed: declaration of the source; its name is that of the domain, its one contract that of the observations.
    """

    options = LAND_OPTIONS

    def __init__(self, feed: Feed) -> None:
        self.name, self.summary, self.needs = feed.name, feed.summary, feed.needs
        self.contracts = contracts_of(feed)

    def recognises(self, path: Path) -> bool:
        """Whether a file found in a folder is worth reading, by its suffix."""
        return path.suffix.lower() in SUFFIXES or _NO_SUFFIX.fullmatch(path.suffix) is not None

    def layouts_digest(self, layout_dirs: Sequence[Path]) -> str | None:
        """A digest of the user's layouts; None if there are none."""
        return digest(layout_dirs)

    def broken_layouts(self, layout_dirs: Sequence[Path]) -> list[TerminalError]:
        """The errors in the user's layout files for this domain, or without a domain."""
        return [broken.error for folder in layout_dirs for broken in broken_layouts(self.name, folder)]

    def parse(self, file: RawFile, options: LandOptions, layout_dirs: Sequence[Path] = ()) -> Iterator[Parsed]:
        """Read one file; see `lakehouse.source.Source.parse`.

        Raises:
            UnreadableFile: nothing in the file can be used; the error says why and what to do.
        """
        pieces = cut(file.blocks(), PIECE_BYTES)
        first, second = next(pieces, b""), next(pieces, None)
        if second is None:
            yield from self._whole(file, first, options, layout_dirs)
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
            for number, whole in enumerate(self._whole(file, file.content, options, layout_dirs)):
                whole.restarts = number == 0
                yield whole

    def _whole(
        self, file: RawFile, content: bytes, options: LandOptions, layout_dirs: Sequence[Path]
    ) -> Iterator[Parsed]:
        """Read a file whole; a workbook gives one piece per sheet."""
        opened = open_whole(content)
        verdict = recognise(file, opened, self.name, options, layout_dirs)
        if opened.sheets:
            yield from self._sheets(file, verdict, options)
            return
        found, layout, lines = verdict.found[0], verdict.layout, opened.lines
        observer = Observer(file, layout, options, self.contracts[0])
        if lines is None:
            yield observer.run(_tabulate_document(found, file, opened, options), None)
            return
        encoding = layout.dialect.encoding
        if not lines.bom and encoding != "utf-8":
            lines = split_lines(content, encoding)
        if layout.shape.kind == "nem12":
            from ingest.layouts.engine.nem12 import tabulate_nem12

            yield observer.run(tabulate_nem12(found, lines, options), lines)
        else:
            yield observer.run(tabulate(found, file, lines, options, observer.progress), lines)

    def _sheets(self, file: RawFile, verdict: Verdict, options: LandOptions) -> Iterator[Parsed]:
        """Sheets of a workbook, one after the other; an unusable one is refused by its name."""
        read: list[tuple[Observer, Tabulated, Lines]] = []
        refused = [(sheet.name, why_not) for sheet, why_not in verdict.missed]
        failure: UnreadableFile | None = None
        for found in verdict.found:
            assert found.sheet is not None
            observer, lines = Observer(file, verdict.layout, options, self.contracts[0]), found.sheet.lines
            try:
                tabulated = tabulate(found, file, lines, options, observer.progress)
            except UnreadableFile as why:
                failure = failure or why
                refused.append((found.sheet.name, why.message))
                continue
            tabulated.dialect["sheet"] = found.sheet.name
            read.append((observer, tabulated, lines))
        if failure is not None and not read:
            raise failure
        for name, why_not in refused:
            read[0][1].refusals.add(0, name, f"the sheet is not read: {why_not}")
        for observer, tabulated, lines in read:
            yield observer.run(tabulated, lines)

    def _in_pieces(
        self, file: RawFile, content: bytes, following: Iterator[bytes], options: LandOptions, dirs: Sequence[Path]
    ) -> Iterator[Parsed]:
        """Read a file of lines piece by piece.

        Raises:
            NotInPieces: its pieces do not decide alike, or its kind must be read whole.
        """
        if is_json(content) or is_xml(content) or content.startswith(WORKBOOKS):
            raise NotInPieces("is a document or a workbook")
        refuse_packed(content)
        head = split_lines(content)
        (found,) = recognise(file, Opened(lines=head), self.name, options, dirs).found
        layout = found.layout
        if {head.encoding, layout.dialect.encoding} != {"utf-8"}:
            raise NotInPieces(f"is text in {head.encoding}")
        stamps = layout.stamps
        many = layout.shape.kind != "wide" or layout.asset.column is not None or len(stamps.interval_s) > 1
        if many or stamps.has_ends or any(map(is_nameless, numbered(found.cells))):
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


def _tabulate_document(found: Found, file: RawFile, opened: Opened, options: LandOptions) -> Tabulated:
    if opened.xml is not None:
        from ingest.layouts.engine.espi import tabulate_espi

        return tabulate_espi(found.layout, file, opened.xml, options)
    from ingest.layouts.engine.json_records import tabulate_json

    return tabulate_json(found, file, opened.document, options)
