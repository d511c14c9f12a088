"""Bytes to lines to text columns: the only place that knows about encodings, line ends, quotes and ragged rows."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from lakehouse.errors import UnreadableFile

Int64Array = npt.NDArray[np.int64]

#: A refused row's text is kept up to this many characters; beyond it, it says so.
RAW_TEXT_LIMIT = 8000

#: A longer line is refused. The widest known rows (10,000 columns) have some 100 KB; the CSV reader's block holds many.
LINE_LIMIT_BYTES = 256 * 1024

#: UTF-32 stands first: its mark begins with that of UTF-16.
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


_QUOTE = ord('"')


@dataclass
class Lines:
    """A text file as UTF-8 bytes with the place of every physical line.

    Args:
        content: UTF-8 bytes without byte order mark; lines named in `bad` may hold anything.
        starts, ends: byte range of every line, without its line end; line n stands at index n - 1.
        bad: line number → why the line cannot be read as text.
        bom: whether the file began with a byte order mark.
        encoding: what the bytes were decoded from.
    """

    content: bytes
    starts: Int64Array
    ends: Int64Array
    bad: dict[int, str] = field(default_factory=dict)
    bom: bool = False
    encoding: str = "utf-8"

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, number: int) -> str:
        """Line `number` (from 1) as text; what is not UTF-8 becomes U+FFFD, NUL becomes U+2400."""
        return self._decoded(int(self.starts[number - 1]), int(self.ends[number - 1]))

    def _decoded(self, start: int, end: int) -> str:
        return self.content[start:end].decode("utf-8", errors="replace").replace("\x00", "\u2400")

    def size_bytes(self, number: int) -> int:
        """Length of line `number`."""
        return int(self.ends[number - 1] - self.starts[number - 1])

    def shown(self, number: int) -> str:
        """Line `number` as it is kept with a refusal."""
        start, size = int(self.starts[number - 1]), self.size_bytes(number)
        if size <= RAW_TEXT_LIMIT:
            return self._decoded(start, start + size)
        return f"{self._decoded(start, start + RAW_TEXT_LIMIT)}… ({size} bytes)"

    def head(self, count: int) -> list[tuple[int, str]]:
        """The first `count` lines that are neither blank nor too long, each with its number."""
        found: list[tuple[int, str]] = []
        for number in range(1, len(self) + 1):
            if self.size_bytes(number) > LINE_LIMIT_BYTES:
                continue
            text = self.text(number)
            if text.strip():
                found.append((number, text))
                if len(found) == count:
                    break
        return found


def split_lines(content: bytes, encoding: str = "utf-8") -> Lines:
    """Find the lines of a file.

    Args:
        content: the whole file.
        encoding: encoding where no byte order mark says otherwise.

    Raises:
        UnreadableFile: the file is empty, or is not text in the encoding at all.
    """
    bom = False
    for mark, marked in _BOMS:
        if content.startswith(mark):
            content, encoding, bom = content[len(mark) :], marked, True
            break
    if not content.strip():
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
    buffer = np.frombuffer(content, dtype=np.uint8)
    breaks = np.flatnonzero(buffer == 10).astype(np.int64)
    starts = np.concatenate((np.zeros(1, np.int64), breaks + 1))
    ends = np.concatenate((breaks, np.array([len(content)], np.int64)))
    if starts[-1] >= len(content):
        starts, ends = starts[:-1], ends[:-1]
    # Some programs write \r\r\n.
    while (returns := (ends > starts) & (buffer[np.maximum(ends - 1, 0)] == 13)).any():
        ends = ends - returns
    lines = Lines(content, starts, ends, bom=bom, encoding=encoding)
    if int((ends - starts).min()) > LINE_LIMIT_BYTES:
        raise UnreadableFile(
            f"the file is one line of {lines.size_bytes(1)} bytes; a line has at most {LINE_LIMIT_BYTES}",
            "export the file again with a row a line",
        )
    _mark_unreadable(lines, buffer)
    return lines


def _mark_unreadable(lines: Lines, buffer: npt.NDArray[np.uint8]) -> None:
    """Note the lines that hold NUL bytes or are not UTF-8; the common case is one pass each."""
    for index in np.flatnonzero(lines.ends - lines.starts > LINE_LIMIT_BYTES):
        lines.bad[int(index) + 1] = f"the line has more than {LINE_LIMIT_BYTES} bytes"
    if b"\x00" in lines.content:
        _mark(lines, np.flatnonzero(buffer == 0), "the line holds NUL bytes")
    if b"\r" in lines.content:
        returns = np.flatnonzero(buffer == 13)
        inside = returns < lines.ends[np.searchsorted(lines.starts, returns, side="right") - 1]
        _mark(lines, returns[inside], "the line holds a carriage return: two rows, or a cell over two lines")
    try:
        # Arrow checks in place, where bytes.decode would copy the file.
        offsets = pa.py_buffer(np.array([0, len(lines.content)], np.int64))
        whole = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(lines.content)])
        whole.cast(pa.large_string())
    except pa.ArrowInvalid:
        for number in range(1, len(lines) + 1):
            try:
                lines.content[lines.starts[number - 1] : lines.ends[number - 1]].decode("utf-8")
            except UnicodeDecodeError as error:
                lines.bad.setdefault(number, f"the line is not UTF-8 text ({error.reason})")


def _mark(lines: Lines, places: npt.NDArray[np.intp], reason: str) -> None:
    """Note the lines that hold any of these bytes."""
    for number in np.unique(np.searchsorted(lines.starts, places, side="right")):
        lines.bad.setdefault(int(number), reason)


@dataclass
class Grid:
    """Rows of text cells.

    Args:
        columns: one string array a column, all of the same length.
        line: physical line of every row.
        refused: line number → why the row has no place in the grid.
    """

    columns: list[pa.Array]
    line: Int64Array
    refused: dict[int, str]


def read_grid(lines: Lines, first: int, width: int, delimiter: str) -> Grid:
    """Read the rows from line `first` on into `width` text columns.

    Args:
        lines: the file.
        first: first data line, from 1.
        width: cells a row must have; other rows are refused with their count.
        delimiter: one character.

    Raises:
        UnreadableFile: the rows cannot be told apart.
    """
    numbers = np.arange(first, len(lines) + 1, dtype=np.int64)
    starts, ends = lines.starts[first - 1 :], lines.ends[first - 1 :]
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
    """Lines with quotes that do not enclose whole cells: their rows cannot be told apart, or `"1"2` would read as 12.

    One pass finds lines in which a quote neither opens, closes, nor doubles another; these are looked at one by one.
    """
    buffer = np.frombuffer(lines.content, dtype=np.uint8)
    quotes = np.flatnonzero(buffer == _QUOTE)
    line = np.searchsorted(lines.starts, quotes, side="right") - 1
    quotes, line = quotes[line >= first - 1], line[line >= first - 1]
    if not len(quotes):
        return {}
    _, begin, count = np.unique(line, return_index=True, return_counts=True)
    opens = (np.arange(len(quotes)) - np.repeat(begin, count)) % 2 == 0
    limits = (_QUOTE, ord(delimiter))
    before = (quotes == lines.starts[line]) | np.isin(buffer[np.maximum(quotes - 1, 0)], limits)
    after = (quotes + 1 == lines.ends[line]) | np.isin(buffer[np.minimum(quotes + 1, len(buffer) - 1)], limits)
    suspect = set((line[~np.where(opens, before, after)] + 1).tolist())
    found = {int(line[at]) + 1: "a quote is opened and not closed" for at in begin[count % 2 == 1]}
    mark = re.escape(delimiter)
    cell = rf'(?:"(?:[^"]|"")*+"|(?!")[^{mark}]*+)'
    sound = re.compile(rf"{cell}(?:{mark}{cell})*+")
    for number in suspect - found.keys():
        if sound.fullmatch(lines.text(number)) is None:
            found[number] = "quotes do not enclose a whole cell"
    return found


def split_cells(text: str, delimiter: str) -> list[str]:
    """Split one line (a header) into cells; quotes and surrounding blanks are taken off."""
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter), [])]
    except csv.Error:
        return [text]
