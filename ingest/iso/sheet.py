"""CSV documents with a known header: columns under our names, exact prices, refused rows by line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import BoolArray, Int64Array
from ingest.text.lines import Lines, read_grid, split_cells
from ingest.text.numbers import exact_array, parse_numbers
from ingest.text.refusals import Refusals, text_of
from ingest.text.refusals import rejects as rejects_of_lines
from ingest.time.stamps import Stamps, parse_stamps
from lakehouse.errors import UnreadableFile
from lakehouse.source import REJECTS_SCHEMA, WHOLE_FILE_BYTES


@dataclass
class Sheet:
    """Rows of a CSV file, or of a piece of it; unusable rows stay, and `refusals` names them.

    Args:
        lines: the text; None for a document that has records.
        line: physical line, or number of the record, of every row, from 1.
        cells: our column name → its cells without surrounding blanks.
        refusals: reasons of refused rows and cells.
        ok: mask of the rows that are usable so far.
        rounded: prices with more than six decimals, rounded half to even.
        record: returns the text of a record by its number, if there are no lines.
    """

    lines: Lines | None
    line: Int64Array
    cells: dict[str, pa.Array]
    refusals: Refusals = field(default_factory=Refusals)
    ok: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    rounded: int = 0
    record: Callable[[int], str | None] | None = None

    def refuse(self, rows: npt.NDArray[np.intp] | BoolArray, column: str, reason: str) -> None:
        """Refuse rows (indices or a mask)."""
        self.refusals.add_rows(self.line[rows], column, reason)
        self.ok[rows] = False

    def shown(self, line: int) -> str | None:
        """The text of a line, or of a record."""
        return text_of(line, self.lines, self.record)

    def exact(self, column: str, required: bool = False) -> Price:
        """A column of numbers in units of 10^-6, exact from the text; blank is NULL.

        Args:
            column: our name of it.
            required: refuse rows in which it is blank.
        """
        text = self.cells[column]
        blank = np.asarray(pc.equal(text, "").to_numpy(zero_copy_only=False), dtype=np.bool_)
        numbers = parse_numbers(pc.if_else(pa.array(blank), "0", text), exact=True)
        for row, reason in numbers.reasons.items():
            self.refuse(np.array([row]), column, f"{text[row].as_py()!r} is {reason}")
        if required and blank.any():
            self.refuse(blank, column, "there is no price")
        self.rounded += numbers.rounded
        assert numbers.micro is not None
        return Price(numbers.micro, blank)


@dataclass
class Price:
    """Exact numbers of a column.

    Args:
        micro: in units of 10^-6; 0 where NULL.
        null: where the file states none.
    """

    micro: Int64Array
    null: BoolArray

    def array(self, rows: npt.NDArray[np.intp] | BoolArray | slice) -> pa.Array:
        """DECIMAL(18,6) of these rows."""
        return exact_array(self.micro[rows], self.null[rows])


def whole(content: Iterable[bytes], name: str) -> bytes:
    """A member of an archive as bytes.

    Raises:
        UnreadableFile: it is too large to be read whole.
    """
    blocks, size = [], 0
    for block in content:
        blocks.append(block)
        size += len(block)
        if size > WHOLE_FILE_BYTES:
            raise UnreadableFile(f"{name} has more than {WHOLE_FILE_BYTES >> 20} MiB", "split it by day")
    return b"".join(blocks)


def is_markup(content: bytes) -> bool:
    """Whether a document is XML or HTML, by its first bytes."""
    return content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def words_of_page(content: bytes) -> str | None:
    """The text of an HTML page that a server sent instead of a document; None for anything else."""
    if not content[:1000].lstrip().lower().startswith((b"<html", b"<!doctype html")):
        return None
    return " ".join(re.sub(r"<[^>]*>", " ", content[:4000].decode("utf-8", "replace")).split())[:300]


def header(lines: Lines) -> tuple[int, list[str]]:
    """Line and cells of the first line that is not blank; a lone quote at its end is a cell cut short."""
    number, text = lines.head(1)[0]
    return number, [cell.strip().strip('"').strip() for cell in split_cells(text, ",")]


def named(
    cells: Sequence[str], known: Mapping[str, str | None], required: Iterable[str], what: str
) -> list[str | None]:
    """Our names of a header's columns, None for known columns that are not used.

    Args:
        cells: the header.
        known: column as the operator writes it → our name.
        required: our names that must be there.
        what: the kind of document, for the message.

    Raises:
        UnreadableFile: a column is unknown, doubled or missing.
    """
    names: list[str | None] = []
    if not any(cell in known for cell in cells):
        page = any(cell.lstrip().startswith("<") for cell in cells[:1])
        seen = "it is a page of HTML or XML" if page else f"none of its {len(cells)} columns is known"
        raise UnreadableFile(f"the file is not {what}: {seen}", "check what it is")
    for cell in cells:
        if cell not in known:
            raise UnreadableFile(
                f"{what} has an unknown column {cell!r}", "report it: its meaning must be declared before it is read"
            )
        name = known[cell]
        if name is not None and name in names:
            raise UnreadableFile(f"{what} states {cell!r} twice", "check the file against its sender")
        names.append(name)
    for name in required:
        if name not in names:
            written = next(cell for cell, ours in known.items() if ours == name)
            raise UnreadableFile(f"{what} has no column {written!r}", "check that it is the document it claims to be")
    return names


def read_sheet(lines: Lines, first: int, names: Sequence[str | None]) -> Sheet:
    """Read the rows from line `first` on; cells of columns without a name are left out."""
    if first > lines.last:
        nothing = {name: pa.array([], pa.string()) for name in names if name is not None}
        return Sheet(lines, np.zeros(0, np.int64), nothing)
    grid = read_grid(lines, first, len(names), ",")
    cells = {
        name: pc.utf8_trim_whitespace(column)
        for name, column in zip(names, grid.columns, strict=True)
        if name is not None
    }
    sheet = Sheet(lines, grid.line, cells, ok=np.ones(len(grid.line), np.bool_))
    for number, reason in grid.refused.items():
        sheet.refusals.add(number, "", reason)
    return sheet


def read_stamps(text: pa.Array, formats: tuple[str, ...]) -> Stamps:
    """A column of stamps; see `ingest.time.stamps.parse_stamps`.

    Raises:
        UnreadableFile: most of them are written in another way.
    """
    try:
        return parse_stamps(text, formats)
    except UnreadableFile as error:
        raise UnreadableFile(error.message, "check the document against its sender") from error


def codes(*columns: pa.Array) -> Int64Array:
    """Numbers of rows by their cells in some columns: equal cells have equal numbers."""
    number = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        encoded = column.dictionary_encode()
        cell = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
        _, number = np.unique(number * max(len(encoded.dictionary), 1) + cell, return_inverse=True)
        number = number.astype(np.int64)
    return number


def rejects(sheet: Sheet, member: str | None) -> pa.Table:
    """Refused rows as `Parsed.rejects`; for an archive, the field names the file of the line."""
    table = rejects_of_lines(sheet.refusals, sheet.lines, sheet.record)
    return table if member is None else in_member(table, member)


def in_member(table: pa.Table, member: str) -> pa.Table:
    """Name the file of an archive in the field of every refusal."""
    fields = [f"{member}: {name}" if name else member for name in table.column("field").to_pylist()]
    return table.set_column(1, REJECTS_SCHEMA.field("field"), pa.array(fields, pa.string()))


def refused_whole(member: str, reason: str) -> pa.Table:
    """An unusable file of an archive, as `Parsed.rejects`."""
    row = {"line": 0, "field": member, "reason": reason, "raw_text": None}
    return pa.Table.from_pylist([row], schema=REJECTS_SCHEMA)
