"""Bytes to lines to text columns: encodings, line ends, quotes and ragged rows are handled only here."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from ingest.arrays import Int64Array
from lakehouse.errors import UnreadableFile

#: Longest text of a refused row that is kept, in characters; longer texts are cut with a note.
RAW_TEXT_LIMIT = 8000

#: Longest line. The widest known rows (10,000 columns) have some 100 KB; the CSV reader's block holds many.
LINE_LIMIT_BYTES = 256 * 1024

#: UTF-32 comes first, because its mark begins with that of UTF-16.
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


_QUOTE = ord('"')


class Lines:
    """A text file, or a piece of one, as UTF-8 bytes; its physical lines are located on demand.

    Args:
        content: UTF-8 bytes without byte order mark; lines in `bad` may hold anything.
        bom: whether the file began with a byte order mark.
        encoding: original encoding of the bytes.
        base: number of lines before this piece; lines are numbered through the file, from 1.
    """

    def __init__(self, content: bytes, bom: bool = False, encoding: str = "utf-8", base: int = 0) -> None:
        self.content, self.bom, self.encoding, self.base = content, bom, encoding, base

    @cached_property
    def last(self) -> int:
        """Number of the last line."""
        unended = bool(self.content) and not self.content.endswith(b"\n")
        return self.base + self.content.count(b"\n") + int(unended)

    @cached_property
    def starts(self) -> Int64Array:
        """Offset of every line; line n is at index n - 1 - base."""
        starts = np.concatenate((np.zeros(1, np.int64), self._breaks + 1))
        return starts[:-1] if starts[-1] >= len(self.content) else starts

    @cached_property
    def ends(self) -> Int64Array:
        """Offset of the end of every line, before its line break."""
        ends = np.concatenate((self._breaks, np.array([len(self.content)], np.int64)))[: len(self.starts)]
        # Some programs write \r\r\n.
        while (returns := (ends > self.starts) & (self._buffer[np.maximum(ends - 1, 0)] == 13)).any():
            ends = ends - returns
        return ends

    @cached_property
    def _buffer(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self.content, dtype=np.uint8)

    @cached_property
    def _breaks(self) -> Int64Array:
        return np.flatnonzero(self._buffer == 10).astype(np.int64)

    @cached_property
    def bad(self) -> dict[int, str]:
        """Line number → the reason why the line is not readable text; usually one pass for each reason."""
        bad: dict[int, str] = {}
        for long in np.flatnonzero(self.ends - self.starts > LINE_LIMIT_BYTES):
            bad[self.base + int(long) + 1] = f"the line has more than {LINE_LIMIT_BYTES} bytes"
        if b"\x00" in self.content:
            self._mark(bad, np.flatnonzero(self._buffer == 0), "the line holds NUL bytes")
        if b"\r" in self.content:
            returns = np.flatnonzero(self._buffer == 13)
            inside = returns < self.ends[np.searchsorted(self.starts, returns, side="right") - 1]
            reason = "the line holds a carriage return: two rows, or a cell over two lines"
            self._mark(bad, returns[inside], reason)
        try:
            # Arrow checks in place, where bytes.decode would copy the file.
            offsets = pa.py_buffer(np.array([0, len(self.content)], np.int64))
            whole = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(self.content)])
            whole.cast(pa.large_string())
        except pa.ArrowInvalid:
            for index, (start, end) in enumerate(zip(self.starts.tolist(), self.ends.tolist(), strict=True), 1):
                try:
                    self.content[start:end].decode("utf-8")
                except UnicodeDecodeError as error:
                    bad.setdefault(self.base + index, f"the line is not UTF-8 text ({error.reason})")
        return bad

    def _mark(self, bad: dict[int, str], places: npt.NDArray[np.intp], reason: str) -> None:
        """Note the lines that hold any of these bytes."""
        for index in np.unique(np.searchsorted(self.starts, places, side="right")):
            bad.setdefault(self.base + int(index), reason)

    def text(self, number: int) -> str:
        """Line `number` as text; invalid UTF-8 becomes U+FFFD, NUL becomes U+2400."""
        index = number - 1 - self.base
        return _text(self.content[self.starts[index] : self.ends[index]])

    def size_bytes(self, number: int) -> int:
        """Length of line `number`."""
        index = number - 1 - self.base
        return int(self.ends[index] - self.starts[index])

    def shown(self, number: int) -> str:
        """Line `number` in the form that is kept with a refusal."""
        start, size = int(self.starts[number - 1 - self.base]), self.size_bytes(number)
        if size <= RAW_TEXT_LIMIT:
            return self.text(number)
        return f"{_text(self.content[start : start + RAW_TEXT_LIMIT])}… ({size} bytes)"

    def head(self, count: int, after: int = 0) -> list[tuple[int, str]]:
        """The first `count` lines below the first `after` that are neither blank nor too long, each with its number."""
        found: list[tuple[int, str]] = []
        for number, raw in islice(enumerate(io.BytesIO(self.content), self.base + 1), after, None):
            line = raw.removesuffix(b"\n").rstrip(b"\r")
            text = _text(line) if len(line) <= LINE_LIMIT_BYTES else ""
            if text.strip():
                found.append((number, text))
                if len(found) == count:
                    break
        return found


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace").replace("\x00", "\u2400")


def split_lines(content: bytes, encoding: str = "utf-8") -> Lines:
    """Find the lines of a file.

    Args:
        content: the whole file.
        encoding: encoding if there is no byte order mark.

    Raises:
        UnreadableFile: the file is empty, or is not text in the encoding at all.
    """
    bom = False
    for mark, marked in _BOMS:
        if content.startswith(mark):
            content, encoding, bom = content[len(mark) :], marked, True
            break
    if (content[:1].isspace() and not content.strip()) or not content:
        raise UnreadableFile("the file is empty", "ask the sender for the file again")
    if encoding not in ("utf-8", "utf8"):
        try:
            content = content.decode(encoding).encode("utf-8")
        except (UnicodeDecodeError, LookupError) as error:
            raise UnreadableFile(
                f"the file is not {encoding} text: {error}", "declare its encoding in a layout"
            ) from error
    if b"\n" not in content and b"\r" in content:
        content = content.replace(b"\r", b"\n")
    lines = Lines(content, bom, encoding)
    if content.find(b"\n", 0, LINE_LIMIT_BYTES) < 0 and int((lines.ends - lines.starts).min()) > LINE_LIMIT_BYTES:
        raise UnreadableFile(
            f"the file is one line of {lines.size_bytes(1)} bytes; a line has at most {LINE_LIMIT_BYTES}",
            "export the file again with a row a line",
        )
    return lines


@dataclass
class Grid:
    """Rows of text cells.

    Args:
        columns: one array per column, all of the same length: strings, or numbers or stamps if all cells are.
        line: physical line of every row.
        refused: line number → the reason why the row is not in the grid.
    """

    columns: list[pa.Array]
    line: Int64Array
    refused: dict[int, str]


def read_grid(lines: Lines, first: int, width: int, delimiter: str) -> Grid:
    """Read the rows from line `first` on into `width` text columns.

    Args:
        lines: the file.
        first: first data line, from 1.
        width: number of cells in a row; other rows are refused with their count.
        delimiter: one character.

    Raises:
        UnreadableFile: the rows cannot be separated.
    """
    numbers = np.arange(first, lines.last + 1, dtype=np.int64)
    skipped = first - 1 - lines.base
    starts, ends = lines.starts[skipped:], lines.ends[skipped:]
    refused = {number: reason for number, reason in lines.bad.items() if number >= first}
    if b'"' in lines.content:
        refused.update({n: r for n, r in _misquoted(lines, first, delimiter).items() if n not in refused})
    keep = ends > starts
    if refused:
        keep &= ~np.isin(numbers, np.fromiter(refused, np.int64))
        body = b"\n".join(
            lines.content[start:end] for start, end in zip(starts[keep].tolist(), ends[keep].tolist(), strict=True)
        )
    else:
        body = lines.content[int(starts[0]) :] if len(starts) else b""
    numbers = numbers[keep]
    names = [f"c{index}" for index in range(width)]
    if not len(numbers):
        return Grid([pa.array([], pa.string()) for _ in names], numbers, refused)
    ragged: dict[int, str] = {}

    def on_ragged(row: pacsv.InvalidRow) -> str:
        ragged[row.number - 1] = f"the row has {row.actual_columns} cells, not {row.expected_columns}"
        return "skip"

    try:
        table = pacsv.read_csv(
            io.BytesIO(body),
            read_options=pacsv.ReadOptions(use_threads=False, column_names=names, block_size=1 << 23),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, invalid_row_handler=on_ragged),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise UnreadableFile(
            f"the rows cannot be split into cells: {error}", "check the file for a broken line"
        ) from error
    if table.num_rows + len(ragged) != len(numbers):
        raise UnreadableFile(
            f"{len(numbers)} lines gave {table.num_rows + len(ragged)} rows: a quoted cell spans lines",
            "export the file again without line breaks inside cells",
        )
    if ragged:
        for index, reason in ragged.items():
            number = int(numbers[index])
            if lines.text(number).strip():
                refused[number] = reason
        numbers = np.delete(numbers, np.fromiter(ragged, np.int64))
    return Grid([column.combine_chunks() for column in table.columns], numbers, refused)


def _misquoted(lines: Lines, first: int, delimiter: str) -> dict[int, str]:
    """Lines with quotes that do not enclose whole cells: their rows cannot be separated, or `"1"2` would read as 12.

    One pass finds lines in which a quote neither opens, closes, nor doubles another; these are checked one by one.
    """
    buffer = np.frombuffer(lines.content, dtype=np.uint8)
    quotes = np.flatnonzero(buffer == _QUOTE)
    line = np.searchsorted(lines.starts, quotes, side="right") - 1
    data = line >= first - 1 - lines.base
    quotes, line = quotes[data], line[data]
    if not len(quotes):
        return {}
    _, begin, count = np.unique(line, return_index=True, return_counts=True)
    opens = (np.arange(len(quotes)) - np.repeat(begin, count)) % 2 == 0
    limits = (_QUOTE, ord(delimiter))
    before = (quotes == lines.starts[line]) | np.isin(buffer[np.maximum(quotes - 1, 0)], limits)
    after = (quotes + 1 == lines.ends[line]) | np.isin(buffer[np.minimum(quotes + 1, len(buffer) - 1)], limits)
    numbers = line + lines.base + 1
    suspect = set(numbers[~np.where(opens, before, after)].tolist())
    found = {int(numbers[at]): "a quote is opened and not closed" for at in begin[count % 2 == 1]}
    mark = re.escape(delimiter)
    cell = rf'(?:"(?:[^"]|"")*+"|(?!")[^{mark}]*+)'
    sound = re.compile(rf"{cell}(?:{mark}{cell})*+")
    for odd in suspect - found.keys():
        if sound.fullmatch(lines.text(odd)) is None:
            found[odd] = "quotes do not enclose a whole cell"
    return found


def split_cells(text: str, delimiter: str) -> list[str]:
    """Split one line (a header) into cells, without quotes and surrounding blanks."""
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter), [])]
    except csv.Error:
        return [text]
