"""Recognises the layout of a file by its bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ingest.layouts.engine.layout import BrokenLayout, Layout, broken_layouts, layouts
from ingest.layouts.engine.opened import Opened
from ingest.layouts.engine.workbook import Sheet
from ingest.text.json_text import has_path
from ingest.text.lines import Lines, split_cells
from lakehouse.errors import TerminalError, UnreadableFile
from lakehouse.source import LandOptions, RawFile

DELIMITERS = (",", ";", "\t", "|")
#: Number of first non-blank lines that are searched for the header; the longest known preamble has six.
_HEAD = 40
#: Number of first rows by which a headerless file is recognised.
_SAMPLE = 20
#: Largest number of columns, because each is a series; the widest known export has some 200.
COLUMN_LIMIT = 10_000
#: Share of the first rows that must fit a layout's pattern.
_MOST = 0.8


@dataclass(frozen=True)
class Found:
    """A recognised file, or a recognised sheet of a workbook.

    Args:
        layout: its layout.
        header_line: line of the header, 0 if there is none.
        cells: header cells, or `1`, `2`, ... if there is no header.
        delimiter: separator of cells ('' in JSON and XML).
        sheet: the sheet of a workbook.
    """

    layout: Layout
    header_line: int
    cells: tuple[str, ...]
    delimiter: str
    sheet: Sheet | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a layout fits a file.

    Args:
        layout: the layout.
        found: one for a file, one for each sheet of a workbook; empty if the layout does not fit.
        why_not: what is missing, if it does not fit.
        missed: sheets that the layout names and that do not fit, with what they miss.
        share: share of the layout's conditions that hold, from 0 to 1.
    """

    layout: Layout
    found: tuple[Found, ...] = ()
    why_not: str = ""
    missed: tuple[tuple[Sheet, str], ...] = ()
    share: float = 0.0


def recognise(file: RawFile, opened: Opened, domain: str, options: LandOptions, folders: Sequence[Path]) -> Verdict:
    """Find the one layout that reads a file; the user's folders are searched before the shipped layouts.

    Args:
        file: the file.
        opened: its content.
        domain: `meter`, `bess`, ...
        options: `layout` names the layout to use.
        folders: the user's layout folders.

    Raises:
        UnreadableFile: no layout fits, or more than one does.
        TerminalError: the requested layout does not exist, or is wrong.
    """
    try:
        return _recognise(file, opened, domain, options, folders)
    finally:
        _cells.cache_clear()


def _recognise(file: RawFile, opened: Opened, domain: str, options: LandOptions, folders: Sequence[Path]) -> Verdict:
    if options.layout is not None:
        verdict = _Judge(layout_named(options.layout, domain, folders), asked_for=True, explains=True).of(file, opened)
        if not verdict.found:
            raise UnreadableFile(
                f"{file.path.name} is not as layout {options.layout} says: {verdict.why_not}",
                "choose another --layout, or none to recognise the file by its content",
            )
        return verdict
    for place, wrong_ones in zip(_places(domain, folders), _broken(domain, folders), strict=True):
        for wrong in wrong_ones:
            if wrong.reads is not None and _Judge(wrong.reads).of(file, opened).found:
                raise UnreadableFile(f"{file.path.name} is for {wrong.error.message}", wrong.error.next_step)
        matches = [verdict for layout in place if (verdict := _Judge(layout).of(file, opened)).found]
        if len(matches) > 1:
            names = " and ".join(verdict.layout.name for verdict in matches)
            raise UnreadableFile(
                f"{file.path.name} fits the layouts {names}", f"say which with --layout {matches[0].layout.name}"
            )
        if matches:
            return matches[0]
    raise UnreadableFile(
        f"{file.path.name} is no known {domain} file: {opened.shape}",
        "`wattlake layout check` shows what is in it; write a layout file for it (docs/layouts.md) and land it again",
    )


def layout_named(name: str, domain: str, folders: Sequence[Path]) -> Layout:
    """The layout with a name, the user's before a shipped one.

    Raises:
        TerminalError: there is none of that name, or it is wrong.
    """
    places = _places(domain, folders)
    for place in places:
        for layout in place:
            if layout.name == name:
                return layout
    for wrong in (layout for place in _broken(domain, folders) for layout in place):
        if wrong.name == name:
            raise wrong.error
    known = sorted({layout.name for place in places for layout in place})
    raise TerminalError(f"there is no {domain} layout {name!r}", f"use one of: {', '.join(known)}")


def _places(domain: str, folders: Sequence[Path]) -> list[tuple[Layout, ...]]:
    return [layouts(domain, folder) for folder in folders] + [layouts(domain)]


def _broken(domain: str, folders: Sequence[Path]) -> list[tuple[BrokenLayout, ...]]:
    return [broken_layouts(domain, folder) for folder in folders] + [()]


def verdicts(file: RawFile, opened: Opened, domain: str, folders: Sequence[Path]) -> list[Verdict]:
    """The verdict of every layout of a domain on a file, in the order in which they are tried."""
    try:
        everyone = [layout for place in _places(domain, folders) for layout in place]
        return [_Judge(layout, explains=True).of(file, opened) for layout in everyone]
    finally:
        _cells.cache_clear()


class _Judge:
    """Compares files with a layout.

    Args:
        layout: the layout.
        asked_for: whether the user named the layout: conditions that only distinguish layouts are left out.
        explains: whether a verdict says what is missing, which takes longer than the verdict.
    """

    def __init__(self, layout: Layout, asked_for: bool = False, explains: bool = False) -> None:
        self.layout, self.asked_for, self.explains = layout, asked_for, explains

    def _no(self, why_not: str, share: float = 0.0) -> Verdict:
        return Verdict(self.layout, why_not=why_not, share=share)

    def of(self, file: RawFile, opened: Opened) -> Verdict:
        layout, wanted, kind = self.layout, self.layout.recognise, self.layout.shape.kind
        if wanted.stem and not self.asked_for and not re.search(wanted.stem, file.path.stem):
            return self._no(f"the name {file.path.stem!r} does not fit {wanted.stem!r}")
        if kind == "espi":
            if wanted.namespace is None or not opened.names_namespace(wanted.namespace):
                return self._no(f"it is no XML of {wanted.namespace}")
            return Verdict(layout, (Found(layout, 0, (), ""),), share=1.0)
        if kind.startswith("json"):
            if opened.document is None:
                return self._no("it is no JSON")
            missing = next((path for path in wanted.paths if not has_path(opened.document, path)), None)
            if missing is not None:
                return self._no(f"it has no {missing}")
            return Verdict(layout, (Found(layout, 0, (), ""),), share=1.0)
        if opened.sheets:
            return self._no("it is a workbook") if kind == "nem12" else self._of_sheets(opened.sheets)
        if opened.lines is None or layout.sheet is not None or wanted.paths:
            return self._no("it is no workbook" if layout.sheet else "it is no file of lines")
        return self._of_lines(opened.lines)

    def _of_sheets(self, sheets: Sequence[Sheet]) -> Verdict:
        """A layout that names sheets reads each of them; one that names none reads the only sheet that fits."""
        rule = self.layout.sheet
        named = [sheet for sheet in sheets if rule is None or rule.means(sheet.name, sheet.number)]
        if not named:
            return self._no(f"no sheet is named as the layout says: {', '.join(sheet.name for sheet in sheets)}")
        judged = [(sheet, self._of_lines(sheet.lines, sheet)) for sheet in named if not sheet.is_blank]
        found = tuple(one for _, verdict in judged for one in verdict.found)
        best = max((verdict for _, verdict in judged), key=lambda verdict: verdict.share, default=self._no("blank"))
        if not found:
            return self._no(best.why_not, best.share)
        if (rule is None or not rule.selects) and len(found) > 1:
            names = ", ".join(repr(one.sheet.name) for one in found if one.sheet)
            return self._no(f"the sheets {names} all fit, and it names none in [sheet]", best.share)
        missed = tuple((sheet, verdict.why_not) for sheet, verdict in judged if not verdict.found)
        return Verdict(self.layout, found, missed=missed if rule is not None and rule.selects else (), share=1.0)

    def _of_lines(self, lines: Lines, sheet: Sheet | None = None) -> Verdict:
        layout, wanted = self.layout, self.layout.recognise
        head = lines.head(_HEAD)
        tells = wanted.first_lines is None or self.asked_for or any(re.search(wanted.first_lines, t) for _, t in head)
        if not tells:
            return self._no(f"none of its first lines fits {wanted.first_lines!r}")
        if layout.shape.kind == "nem12":
            return Verdict(layout, (Found(layout, 0, (), ","),), share=1.0)
        delimiters = DELIMITERS if layout.dialect.delimiter == "detect" else (layout.dialect.delimiter,)
        if sheet is not None:
            delimiters = (",",)
            if layout.sheet is not None and layout.sheet.header_row is not None:
                head = lines.head(_HEAD, after=layout.sheet.header_row - 1)
        best = self._no("it has no line that could be the header")
        for delimiter in delimiters:
            verdict = (self._with_header if layout.dialect.header else self._headerless)(head, delimiter, sheet, lines)
            if verdict.found and not self.asked_for and not _rows_fit(wanted.rows, verdict.found[0], head):
                verdict = self._no(f"its first rows do not fit {wanted.rows!r}", 0.99)
            if verdict.found:
                return verdict
            best = max(best, verdict, key=lambda one: one.share)
        return best

    def _with_header(self, head: list[tuple[int, str]], delimiter: str, sheet: Sheet | None, lines: Lines) -> Verdict:
        wanted, best = self.layout.recognise, self._no("it has no line that could be the header")
        row = None if self.layout.sheet is None else self.layout.sheet.header_row
        for number, text in head:
            if row is not None and number - lines.base != row:
                break
            cells = _cells(text, delimiter)
            if len(cells) < 2 or (wanted.columns is not None and len(cells) != wanted.columns):
                continue
            if all(name in cells for name in wanted.header) and all(
                any(re.fullmatch(pattern, cell) for cell in cells) for pattern in wanted.header_match
            ):
                if len(cells) > COLUMN_LIMIT:
                    raise UnreadableFile(
                        f"the header in line {number} has {len(cells)} columns; at most {COLUMN_LIMIT} are read",
                        "export fewer columns a file",
                    )
                return Verdict(self.layout, (Found(self.layout, number, cells, delimiter, sheet),), share=1.0)
            if self.explains:
                best = max(best, self._misses(number, cells), key=lambda one: one.share)
        return best

    def _misses(self, number: int, cells: tuple[str, ...]) -> Verdict:
        """What a line lacks to be the header."""
        wanted = self.layout.recognise
        missing = [repr(name) for name in wanted.header if name not in cells]
        missing += [f"one that fits {p!r}" for p in wanted.header_match if not any(re.fullmatch(p, c) for c in cells)]
        count = len(wanted.header) + len(wanted.header_match)
        return self._no(f"line {number} has no column {', '.join(missing)}", (count - len(missing)) / count)

    def _headerless(self, head: list[tuple[int, str]], delimiter: str, sheet: Sheet | None, lines: Lines) -> Verdict:
        wanted = self.layout.recognise
        width = wanted.columns or len(wanted.values)
        fitting = 0
        for _, text in head[:_SAMPLE]:
            cells = _cells(text, delimiter)
            if len(cells) == width and all(re.fullmatch(p, c) for p, c in zip(wanted.values, cells, strict=False)):
                fitting += 1
        # One broken row among the first ones does not make it another kind of file.
        if not fitting or fitting < _MOST * len(head[:_SAMPLE]):
            return self._no(f"{fitting} of its first {len(head[:_SAMPLE])} rows have {width} such cells")
        cells = tuple(str(index) for index in range(1, width + 1))
        return Verdict(self.layout, (Found(self.layout, 0, cells, delimiter, sheet),), share=1.0)


def _rows_fit(pattern: str | None, found: Found, head: list[tuple[int, str]]) -> bool:
    """Whether the first rows fit the pattern; one broken row among them does not make it another kind of file."""
    below = [text for number, text in head if number > found.header_line]
    if pattern is None or not below:
        return True
    return sum(re.search(pattern, text) is not None for text in below) >= _MOST * len(below)


@lru_cache(maxsize=1024)
def _cells(text: str, delimiter: str) -> tuple[str, ...]:
    """Cells of a line; cached, because every layout asks for the same few lines."""
    return tuple(split_cells(text, delimiter))
