"""Tables of text: columns that do not fit are left out with a note, so that no number and no id is broken."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import cycle, zip_longest
from typing import Any

import click

from lakehouse.errors import visible

#: A column is one of sentences, and may wrap between words, if its longest cell has several words and is longer.
SENTENCE = 30
#: Least width of a column of sentences.
SENTENCE_WIDTH = 24
#: Separator of columns.
GAP = "  "


def width() -> int | None:
    """Characters in a line: from COLUMNS if it is set, else of the terminal; None if nothing bounds it."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal():
        return shutil.get_terminal_size().columns
    return None


def cell(value: object) -> str:
    """A value as text of a table: with thousands separators, without characters that a terminal would obey."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:,.6g}" if isinstance(value, float) else plain(value)


def plain(value: object) -> str:
    """A value as text: without thousands separators, without characters that a terminal would obey."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return visible(value, keep="\n")


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    title: str | None = None,
    *,
    drop: Sequence[str] = (),
    more: str = "a wider terminal shows them",
    shown_as: Callable[[object], str] = cell,
) -> None:
    """Print a table.

    Args:
        header: names of the columns; they may wrap between words.
        rows: values; columns of numbers are aligned to the right.
        title: printed above it.
        drop: columns to leave out if the line is too short, in this order. A note names them.
        more: how to see the columns that were left out.
        shown_as: converts a value to text.
    """
    room = width()
    columns = [_column(name, [row[index] for row in rows], shown_as) for index, name in enumerate(header)]
    left_out: list[str] = []
    for name in drop:
        if room is None or _length([column.least for column in columns]) <= room:
            break
        if any(column.name == name for column in columns):
            columns = [column for column in columns if column.name != name]
            left_out.append(name)
    widths = _widths(columns, room)
    lines = [
        *_lines([column.name for column in columns], columns, widths),
        "─" * _length(widths),
        *(
            line
            for row in zip(*(column.cells for column in columns), strict=True)
            for line in _lines(row, columns, widths)
        ),
    ]
    click.echo("\n".join([*([click.style(title, bold=True)] if title else []), *lines, ""]))
    if left_out:
        named = [name for name in header if name in left_out]
        click.echo(f"left out at {room} characters: {', '.join(named)}; {more}\n")


@dataclass(frozen=True)
class _Column:
    """A column as text.

    Args:
        name: in the header.
        cells: its text, row by row.
        least: width below which a number, an id or a word would break.
        most: width from which on nothing wraps.
        right: whether it is aligned to the right.
    """

    name: str
    cells: list[str]
    least: int
    most: int
    right: bool


def _column(name: str, values: Sequence[Any], shown_as: Callable[[object], str]) -> _Column:
    cells = [shown_as(value) for value in values]
    longest = max((_cells(line) for text in cells for line in text.split("\n")), default=0)
    heading = max((_cells(word) for word in name.split()), default=0)
    least = longest
    if longest > SENTENCE and all(isinstance(value, str) or value is None for value in values):
        words = [text.split() for text in cells]
        if max(len(some) for some in words) > 2:
            least = min(longest, max(SENTENCE_WIDTH, *(_cells(word) for some in words for word in some)))
    numbers = [value for value in values if value is not None]
    right = bool(numbers) and all(isinstance(value, int | float | Decimal) for value in numbers)
    return _Column(name, cells, max(least, heading), max(longest, _cells(name)), right)


def _cells(text: str) -> int:
    """Width of a text on a terminal: a wide character takes two cells."""
    from rich.cells import cell_len

    return len(text) if text.isascii() else cell_len(text)


def _length(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * max(len(widths) - 1, 0)


def _widths(columns: Sequence[_Column], room: int | None) -> list[int]:
    """Widths that fill the room. If even the least widths are too wide, the terminal folds the line: no cell is cut."""
    if room is None:
        return [column.most for column in columns]
    widths = [column.least for column in columns]
    spare = room - _length(widths)
    wanting = sum(column.most - column.least for column in columns)
    for index in cycle(range(len(columns))):
        if spare <= 0 or wanting <= 0:
            return widths
        if widths[index] < columns[index].most:
            widths[index] += 1
            spare, wanting = spare - 1, wanting - 1
    return widths


def _lines(texts: Sequence[str], columns: Sequence[_Column], widths: Sequence[int]) -> list[str]:
    """The lines of one row."""
    wrapped = [_wrapped(text, limit) for text, limit in zip(texts, widths, strict=True)]
    lines = []
    for parts in zip_longest(*wrapped, fillvalue=""):
        padded = []
        for text, column, limit in zip(parts, columns, widths, strict=True):
            blank = " " * (limit - _cells(text))
            padded.append(blank + text if column.right else text + blank)
        lines.append(GAP.join(padded).rstrip())
    return lines


def _wrapped(text: str, limit: int) -> list[str]:
    """Lines of at most `limit` cells, broken between words."""
    lines: list[str] = []
    for line in text.split("\n"):
        if _cells(line) <= limit:
            lines.append(line)
            continue
        held = ""
        for word in line.split():
            if held and _cells(held) + 1 + _cells(word) > limit:
                lines.append(held)
                held = word
            else:
                held = f"{held} {word}" if held else word
        lines.append(held)
    return lines
