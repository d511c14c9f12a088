"""Bytes to lines to text columns: the only place that knows about encodings, line ends, quotes and ragged rows."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from lakehouse.errors import UnreadableFile

Int64Array = npt.NDArray[np.int64]

#: A refused row's text is kept up to this many characters; beyond it, it says so.
RAW_TEXT_LIMIT = 8000

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


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
        raw = self.content[self.starts[number - 1] : self.ends[number - 1]]
        return raw.decode("utf-8", errors="replace").replace("\x00", "\u2400")

    def shown(self, number: int) -> str:
        """Line `number` as it is kept with a refusal."""
        shown = self.text(number)
        return shown if len(shown) <= RAW_TEXT_LIMIT else f"{shown[:RAW_TEXT_LIMIT]}… ({len(shown)} characters)"

    def head(self, count: int) -> list[tuple[int, str]]:
        """The first `count` lines that are not blank, each with its number."""
        found: list[tuple[int, str]] = []
        for number in range(1, len(self) + 1):
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
    filled = ends > starts
    ends = ends - (filled & (buffer[np.maximum(ends - 1, 0)] == 13))
    lines = Lines(content, starts, ends, bom=bom, encoding=encoding)
    _mark_unreadable(lines, buffer)
    return lines


def _mark_unreadable(lines: Lines, buffer: npt.NDArray[np.uint8]) -> None:
    """Note the lines that hold NUL bytes or are not UTF-8; the common case is one pass each."""
    if b"\x00" in lines.content:
        nul = np.flatnonzero(buffer == 0)
        for index in np.unique(np.searchsorted(lines.starts, nul, side="right")):
            lines.bad[int(index)] = "the line holds NUL bytes"
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
        refused.update(_unbalanced_quotes(lines, first))
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


def _unbalanced_quotes(lines: Lines, first: int) -> dict[int, str]:
    quotes = np.flatnonzero(np.frombuffer(lines.content, dtype=np.uint8) == ord('"'))
    counts = np.bincount(np.searchsorted(lines.starts, quotes, side="right"), minlength=len(lines) + 1)
    odd = np.flatnonzero(counts % 2)
    return {int(number): "a quote is opened and not closed" for number in odd if number >= first}


def split_cells(text: str, delimiter: str) -> list[str]:
    """Split one line (a header) into cells; quotes and surrounding blanks are taken off."""
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter), [])]
    except csv.Error:
        return [text]
