"""Which layout a file has, by what its bytes show."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ingest.layout import Layout, layouts
from ingest.lines import Lines, split_cells
from ingest.source import LandOptions, RawFile
from lakehouse.errors import TerminalError, UnreadableFile

DELIMITERS = (",", ";", "\t", "|")
#: A header stands among the first lines that are not blank; the longest preamble shipped has six.
_HEAD = 40
#: A headerless file is known by this many of its first rows.
_SAMPLE = 20
#: Every column is a series of its own; the widest known export has some 200.
COLUMN_LIMIT = 10_000
#: Share of the first rows that must show what a layout says of them.
_MOST = 0.8


#: Levels of nesting in a JSON file; known ones have five.
JSON_DEPTH = 64
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Found:
    """A recognised file.

    Args:
        layout: its layout.
        header_line: line of the header, 0 where there is none.
        cells: header cells, or `1`, `2`, ... where there is none.
        delimiter: what separates cells ('' in JSON).
    """

    layout: Layout
    header_line: int
    cells: tuple[str, ...]
    delimiter: str


def recognise(
    file: RawFile, lines: Lines | None, document: Any, domain: str, options: LandOptions, folders: Sequence[Path]
) -> Found:
    """Find the one layout that reads a file; the user's folders are searched before the shipped layouts.

    Args:
        file: the file.
        lines: its lines, None for JSON.
        document: the parsed JSON, None for text.
        domain: `meter`, `bess`, ...
        options: `layout` names the layout to use.
        folders: the user's layout folders.

    Raises:
        UnreadableFile: no layout fits, or more than one does.
        TerminalError: the layout asked for does not exist, or a layout file is wrong.
    """
    try:
        return _recognise(file, lines, document, domain, options, folders)
    finally:
        _cells.cache_clear()


def _recognise(
    file: RawFile, lines: Lines | None, document: Any, domain: str, options: LandOptions, folders: Sequence[Path]
) -> Found:
    places = [layouts(domain, folder) for folder in folders] + [layouts(domain)]
    if options.layout is not None:
        for place in places:
            for layout in place:
                if layout.name == options.layout:
                    found = _match(layout, file, lines, document, asked_for=True)
                    if found is None:
                        raise UnreadableFile(
                            f"{file.path.name} does not have the columns of layout {layout.name}",
                            "choose another --layout, or none to recognise the file by its content",
                        )
                    return found
        known = sorted({layout.name for place in places for layout in place})
        raise TerminalError(f"there is no {domain} layout {options.layout!r}", f"use one of: {', '.join(known)}")
    for place in places:
        matches = [found for layout in place if (found := _match(layout, file, lines, document)) is not None]
        if len(matches) > 1:
            names = " and ".join(found.layout.name for found in matches)
            raise UnreadableFile(
                f"{file.path.name} fits the layouts {names}", f"say which with --layout {matches[0].layout.name}"
            )
        if matches:
            return matches[0]
    raise UnreadableFile(
        f"{file.path.name} is no known {domain} file; it begins with {_shape_of(lines, document)}",
        "write a layout file for it (docs/layouts.md) and land it again",
    )


def _shape_of(lines: Lines | None, document: Any) -> str:
    if lines is None:
        keys = list(document)[:6] if isinstance(document, dict) else [type(document).__name__]
        return f"JSON with {', '.join(map(str, keys))}"
    shown = [text if len(text) <= 120 else text[:117] + "..." for _, text in lines.head(2)]
    return " | ".join(repr(text) for text in shown)


def _match(layout: Layout, file: RawFile, lines: Lines | None, document: Any, asked_for: bool = False) -> Found | None:
    """The layout's reading of the file, or None; `asked_for` leaves out what only tells layouts apart."""
    wanted = layout.recognise
    if wanted.stem and not asked_for and not re.search(wanted.stem, file.path.stem):
        return None
    if layout.shape.kind.startswith("json"):
        if document is None or not all(has_path(document, path) for path in wanted.paths):
            return None
        return Found(layout, 0, (), "")
    if lines is None or wanted.paths:
        return None
    head = lines.head(_HEAD)
    if wanted.first_lines and not asked_for and not any(re.search(wanted.first_lines, text) for _, text in head):
        return None
    delimiters = DELIMITERS if layout.dialect.delimiter == "detect" else (layout.dialect.delimiter,)
    if layout.shape.kind == "nem12":
        return Found(layout, 0, (), ",")
    for delimiter in delimiters:
        found = (_with_header if layout.dialect.header else _headerless)(layout, head, delimiter)
        if found is not None and (asked_for or _rows_fit(wanted.rows, found, head)):
            return found
    return None


def _rows_fit(pattern: str | None, found: Found, head: list[tuple[int, str]]) -> bool:
    """Whether the first rows show the pattern; one broken row among them does not make it another kind of file."""
    below = [text for number, text in head if number > found.header_line]
    if pattern is None or not below:
        return True
    return sum(re.search(pattern, text) is not None for text in below) >= _MOST * len(below)


def _with_header(layout: Layout, head: list[tuple[int, str]], delimiter: str) -> Found | None:
    wanted = layout.recognise
    for number, text in head:
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
            return Found(layout, number, cells, delimiter)
    return None


def _headerless(layout: Layout, head: list[tuple[int, str]], delimiter: str) -> Found | None:
    wanted = layout.recognise
    width = wanted.columns or len(wanted.values)
    fitting = 0
    for _, text in head[:_SAMPLE]:
        cells = _cells(text, delimiter)
        if len(cells) == width and all(re.fullmatch(p, c) for p, c in zip(wanted.values, cells, strict=False)):
            fitting += 1
    # One broken row among the first does not make it another kind of file.
    if not fitting or fitting < _MOST * len(head[:_SAMPLE]):
        return None
    return Found(layout, 0, tuple(str(index) for index in range(1, width + 1)), delimiter)


@lru_cache(maxsize=1024)
def _cells(text: str, delimiter: str) -> tuple[str, ...]:
    """Cells of a line; every layout asks for the same few lines."""
    return tuple(split_cells(text, delimiter))


def read_json(content: bytes) -> Any:
    """Parse JSON with numbers kept as text, so that nothing passes through a float.

    Raises:
        UnreadableFile: it is not JSON, for example because it is cut off.
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise UnreadableFile(f"the JSON says {twice!r} twice in one object", "fetch or export the file again")
        return found

    try:
        document = json.loads(
            content.decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=members
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise UnreadableFile(f"the JSON cannot be read: {error}", "fetch or export the file again") from error
    _check_json(document)
    return document


def _check_json(document: Any) -> None:
    """Refuse what no table takes: half a surrogate pair, and nesting beyond `JSON_DEPTH`.

    Raises:
        UnreadableFile: it holds one of these.
    """
    level, here = 0, [document]
    while here:
        if level == JSON_DEPTH:
            raise UnreadableFile(f"the JSON nests deeper than {JSON_DEPTH} levels", "export a flat file")
        inner: list[Any] = []
        for value in here:
            if isinstance(value, dict):
                inner += value.keys()
                inner += value.values()
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
                raise UnreadableFile(f"the JSON holds text that is no Unicode: {value[:40]!r}", "export the file again")
        level, here = level + 1, inner


def has_path(document: Any, path: str) -> bool:
    """Whether a dotted path exists in a JSON document."""
    return _walk(document, path) is not _MISSING


def at_path(document: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    found = _walk(document, path)
    return None if found is _MISSING else found


_MISSING = object()


def _walk(document: Any, path: str) -> Any:
    here = document
    for part in path.split("."):
        if isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        elif isinstance(here, dict) and part in here:
            here = here[part]
        else:
            return _MISSING
    return here
