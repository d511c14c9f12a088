"""ERCOT's delimited text into typed columns, piece by piece; the header decides the columns.

Clean pieces go straight from bytes to numbers. If any cell is not clean, the piece is read as text, and the rows with
such cells are refused one by one, so that no row lands in part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingest.arrays import BoolArray, Int64Array
from ingest.text.lines import Lines, read_grid, split_cells
from ingest.text.numbers import EXACT_TYPE, exact_array, parse_numbers
from ingest.text.pieces import cut
from lakehouse.errors import UnreadableFile

Kind = Literal["double", "exact", "text"]

#: Bytes read at a time: 6,000 rows of 198 columns; 8 MiB took 70 MB more memory for a day and no less time.
PIECE_BYTES = 4 * 2**20
#: ERCOT's texts for no number: nothing, or since 2026-04-04 (notice M-B040326-01) NaN in some tables.
NULLS = ("", "NaN")
_TEXT = pa.dictionary(pa.int32(), pa.string())
#: Wider than DECIMAL(18,6), because Arrow does not check the width when it parses; a cast does.
_WIDE = pa.decimal128(34, 6)
#: A block that stays in the cache is parsed fastest.
_BLOCK_BYTES = 1 << 20


class UnusableMember(UnreadableFile):
    """A file, perhaps one of many in an archive, that cannot be used; the others may be usable."""


@dataclass(frozen=True)
class Field:
    """One column of a document.

    Args:
        header: as published, without surrounding blanks.
        column: our name.
        kind: type of its cells; text is dictionary-encoded, blank is NULL.
    """

    header: str
    column: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Layout:
    """The columns of a document, over all years: changed names are several fields of one column.

    Args:
        name: of the document.
        fields: every column that is known.
        required: columns that a complete document has.
        filled: columns without which a row is refused.
    """

    name: str
    fields: tuple[Field, ...]
    required: frozenset[str]
    filled: frozenset[str] = frozenset()

    def bind(self, header: Sequence[str]) -> list[Field]:
        """The field of every column.

        Raises:
            UnusableMember: a column is unknown, missing, or stated twice.
        """
        known = {field.header: field for field in self.fields}
        if unknown := [name for name in header if name not in known]:
            raise UnusableMember(
                f"{self.name}: unknown column{'s' * (len(unknown) > 1)} {', '.join(map(repr, unknown[:5]))}",
                "report it: the operator has changed the document, and nothing of it is guessed",
            )
        bound = [known[name] for name in header]
        columns = [field.column for field in bound]
        if doubled := sorted({column for column in columns if columns.count(column) > 1}):
            raise UnusableMember(f"{self.name}: {doubled[0]} is stated by two columns", "download the document again")
        if missing := sorted(self.required - set(columns)):
            raise UnusableMember(
                f"{self.name}: no column for {', '.join(missing)}", "land the document as it was published"
            )
        return bound


@dataclass
class Rows:
    """Some rows of a document.

    Args:
        columns: column → cells, for the columns of the document.
        line: of every row, from 1.
        shown: returns the text of a line, for refusals.
        read: number of rows that were read.
        empty: number of read rows without any value.
        refused: (line, column or '', reason) of rows that were not usable.
        rounded: numbers with more than six decimals that were rounded half to even.
    """

    columns: dict[str, pa.Array]
    line: Int64Array
    shown: Callable[[int], str]
    read: int = 0
    empty: int = 0
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    rounded: int = 0

    def __len__(self) -> int:
        return len(self.line)

    def where(self, mask: BoolArray) -> Rows:
        """The rows of a mask; counts and refusals stay with the original."""
        keep = pa.array(mask)
        return Rows({name: cells.filter(keep) for name, cells in self.columns.items()}, self.line[mask], self.shown)

    def filled(self, layout: Layout) -> Rows:
        """The rows that have all values that their layout requires."""
        reasons: dict[int, tuple[str, str]] = {}
        for column in sorted(layout.filled & set(self.columns)):
            blank = np.flatnonzero(np.asarray(self.columns[column].is_null()))
            reasons |= dict.fromkeys(blank.tolist(), (column, "there is no value"))
        return self.without(reasons)

    def without(self, reasons: Mapping[int, tuple[str, str]]) -> Rows:
        """The rows without those of these indices, which are refused with a column and a reason."""
        if not reasons:
            return self
        keep = np.ones(len(self), np.bool_)
        keep[np.fromiter(reasons, np.int64)] = False
        rest = self.where(keep)
        refused = [(int(self.line[index]), *why) for index, why in sorted(reasons.items())]
        return replace(self, columns=rest.columns, line=rest.line, refused=[*self.refused, *refused])


def read_rows(
    content: Iterable[bytes], layout_of: Callable[[list[str]], Layout], piece_bytes: int = PIECE_BYTES
) -> Iterator[Rows]:
    """Read a document; one without rows gives a piece without rows.

    Args:
        content: its bytes, in blocks.
        layout_of: returns the layout for the header's names; may raise.
        piece_bytes: approximate size of a piece in memory.

    Raises:
        UnusableMember: it has no header, or an unknown one.
        UnreadableFile: the rows cannot be separated, or the bytes are damaged.
    """
    pieces = cut(content, piece_bytes)
    lines = Lines(next(pieces, b"").removeprefix(b"\xef\xbb\xbf"))
    # Extracts by others may have lines of their own before the header.
    heads = [head for head in lines.head(20) if not head[1].startswith("#")]
    if not heads:
        raise UnusableMember("the document is empty", "download it again")
    number, text = heads[0]
    if text.startswith("<"):
        raise UnusableMember("it is XML or HTML, not CSV", "download the CSV file of the document")
    header = split_cells(text, ",")
    layout = layout_of(header)
    fields = layout.bind(header)
    begun = 0
    for _ in range(number):
        begun = lines.content.find(b"\n", begun) + 1 or len(lines.content)
    base = number
    for piece in chain([lines.content[begun:]], pieces):
        lines = Lines(piece, base=base)
        yield (_plain(lines, fields) or _careful(lines, fields)).filled(layout)
        base = lines.last


def _plain(lines: Lines, fields: Sequence[Field]) -> Rows | None:
    """All rows at once, or None if any of them is not plain."""
    body, count = lines.content, lines.last - lines.base
    if b'"' in body:
        body = _unquoted(body, count, len(fields)) or b""
    if not body or b"\x00" in body or (b"\r" in body and body.count(b"\r") != body.count(b"\r\n")):
        return None
    kinds = {"double": pa.float64(), "exact": _WIDE, "text": _TEXT}
    try:
        table = pacsv.read_csv(
            pa.BufferReader(body),
            read_options=pacsv.ReadOptions(
                use_threads=len(body) > _BLOCK_BYTES,
                column_names=[f.column for f in fields],
                block_size=_BLOCK_BYTES,
            ),
            parse_options=pacsv.ParseOptions(quote_char=False),
            convert_options=pacsv.ConvertOptions(
                column_types={f.column: kinds[f.kind] for f in fields},
                null_values=list(NULLS),
                strings_can_be_null=True,
            ),
        )
        if table.num_rows != count:
            return None
        columns = {}
        for name, cells in zip(table.column_names, table.columns, strict=True):
            if cells.type == _WIDE:
                cells = cells.cast(EXACT_TYPE)
            if cells.type == _TEXT:
                columns[name] = _trimmed(cells.unify_dictionaries().combine_chunks())
            else:
                columns[name] = cells.combine_chunks()
    except pa.ArrowInvalid:
        return None
    return Rows(columns, np.arange(lines.base + 1, lines.base + count + 1), lines.shown, count)


def _unquoted(body: bytes, rows: int, width: int) -> bytes | None:
    """The text without its quotes, where they enclose all cells and do nothing else."""
    stripped = body.rstrip(b"\r\n")
    ends = stripped.count(b'"\n"') + stripped.count(b'"\r\n"')
    enclosing = stripped.startswith(b'"') and stripped.endswith(b'"') and ends == rows - 1
    if enclosing and stripped.count(b'","') == (width - 1) * rows and stripped.count(b'"') == 2 * width * rows:
        return body.replace(b'"', b"")
    return None


def _trimmed(cells: pa.DictionaryArray | pa.ChunkedArray) -> pa.DictionaryArray:
    """Text without blanks around it; what is blank then is NULL."""
    if isinstance(cells, pa.ChunkedArray):  # of no chunk
        return pa.array([], pa.string()).dictionary_encode()
    trimmed = pc.utf8_trim_whitespace(cells.dictionary)
    if trimmed.equals(cells.dictionary):
        return cells
    text = trimmed.take(cells.indices)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text).dictionary_encode()


def _careful(lines: Lines, fields: Sequence[Field]) -> Rows:
    """Row by row where it must be: rows with cells that cannot be read are refused."""
    if lines.last == lines.base:
        return typed({f.column: pa.array([], pa.string()) for f in fields}, fields, np.array([], np.int64), str)
    grid = read_grid(lines, lines.base + 1, len(fields), ",")
    cells = {f.column: text for f, text in zip(fields, grid.columns, strict=True)}
    rows = typed(cells, fields, grid.line, lines.shown)
    rows.read += len(grid.refused)
    rows.refused = sorted([*((line, "", reason) for line, reason in grid.refused.items()), *rows.refused])
    return rows


def typed(
    cells: Mapping[str, pa.Array], fields: Sequence[Field], line: Int64Array, shown: Callable[[int], str]
) -> Rows:
    """Text cells to typed columns; rows with a cell that cannot be read are refused.

    Args:
        cells: column → strings, all equally long; NULL or blank where there is nothing.
        fields: of these columns.
        line: of every row.
        shown: gives the text of a line.
    """
    columns: dict[str, pa.Array] = {}
    reasons: dict[int, tuple[str, str]] = {}
    rounded = 0
    for f in fields:
        text = pc.utf8_trim_whitespace(pc.fill_null(cells[f.column].cast(pa.string()), ""))
        null = np.asarray(pc.is_in(text, pa.array(NULLS)))
        if f.kind == "text":
            columns[f.column] = pc.if_else(pa.array(null), pa.scalar(None, pa.string()), text).dictionary_encode()
            continue
        numbers = parse_numbers(pc.if_else(pa.array(null), "0", text), exact=f.kind == "exact")
        for index, reason in numbers.reasons.items():
            reasons.setdefault(index, (f.header, f"{reason}: {text[index].as_py()[:100]!r}"))
        rounded += numbers.rounded
        if numbers.micro is not None:
            columns[f.column] = exact_array(numbers.micro, null)
        else:
            columns[f.column] = pa.array(numbers.value, mask=null)
    return Rows(columns, line, shown, len(line), rounded=rounded).without(reasons)
