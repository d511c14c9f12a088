"""The cells of a file of lines, or of a piece of one: columns by header cell, stamps, and refusals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Int64Array, mask
from ingest.layouts.engine.assemble import stamp_zone
from ingest.layouts.engine.blocks import Rows
from ingest.layouts.engine.layout import Layout
from ingest.layouts.engine.progress import Progress
from ingest.layouts.engine.recognise import Found
from ingest.layouts.engine.typed import read_typed, reads_typed
from ingest.layouts.engine.workbook import ROUNDED_ID, written
from ingest.text.headers import is_nameless, numbered, signal_name
from ingest.text.lines import Grid, Lines, read_grid, split_cells
from ingest.text.refusals import Refusals
from ingest.time.stamps import Stamps, is_instant, parse_ends, parse_stamps, read_stamps, split_spans
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, RawFile

#: Largest number of series (asset and signal) in a file: each costs 0.5 ms and 13 kB, so these take half a minute and
#: 0.7 GB.
SERIES_LIMIT = 50_000


def one_asset_only(options: LandOptions, natives: Sequence[str]) -> None:
    """Refuse to give several meters of one file the same asset_id, because their values would overwrite each other.

    Raises:
        UnreadableFile: `--asset` was given and the file holds more than one meter.
    """
    if options.asset is not None and len(set(natives)) > 1:
        raise UnreadableFile(
            f"--asset {options.asset} names one asset, and the file holds {len(set(natives))}: "
            + ", ".join(sorted(set(natives))[:5]),
            "land it without --asset; --site puts a name before their ids",
        )


def few_enough(series: int) -> None:
    """Refuse a file with too many series.

    Raises:
        UnreadableFile: the file has more than `SERIES_LIMIT`.
    """
    if series > SERIES_LIMIT:
        raise UnreadableFile(
            f"the file holds {series} series (meter and signal); at most {SERIES_LIMIT} are read from one",
            "split it by meter",
        )


class Table:
    """A recognised file, read into cells.

    Args:
        found: its layout, and where its header is.
        file: for the file's and the folder's name.
        lines: its text, or a piece of it.
        options: land options.
        progress: decisions of earlier pieces.

    Raises:
        UnreadableFile: the file has no readable row.
    """

    def __init__(self, found: Found, file: RawFile, lines: Lines, options: LandOptions, progress: Progress) -> None:
        self.found, self.file, self.lines, self.options, self.progress = found, file, lines, options, progress
        self.layout: Layout = found.layout
        self.refusals = Refusals()
        self.dialect: dict[str, object] = {
            "encoding": lines.encoding,
            "bom": lines.bom,
            "delimiter": found.delimiter,
            "header_line": found.header_line,
        }
        self.native: dict[str, str] = {}
        self.zone = stamp_zone(self.layout, options)
        self.ends: pa.Array | None = None
        self._read()

    def _read(self) -> None:
        dialect = self.layout.dialect
        first = max(self.found.header_line + dialect.rows_after_header, self.lines.base) + 1
        trailing = dialect.trailing_cell and self._has_trailing_cell(first)
        self.progress.decide("number of cells a row", len(self.found.cells) + int(trailing))
        width = len(self.found.cells) + int(trailing)
        cells = numbered(self.found.cells)
        self.index = {cell: number for number, cell in enumerate(cells)}
        typed = self._typed(first, width)
        self.grid = typed or read_grid(self.lines, first, width, self.found.delimiter)
        for line, reason in self.grid.refused.items():
            self.refusals.add(line, "", reason)
        if not len(self.grid.line):
            if self.grid.refused:
                line, reason = next(iter(self.grid.refused.items()))
                raise UnreadableFile(f"no row can be read; line {line}: {reason}", "check that the file is complete")
            raise UnreadableFile("the file has a header and no rows", "fetch it again when it has rows")
        if dialect.excel_text:
            self.grid.columns = [
                pc.replace_substring_regex(column, r'^="(.*)"$', r"\1") if _holds(column, '="') else column
                for column in self.grid.columns
            ]
        if self.found.sheet is not None:
            self._as_written()

    def _as_written(self) -> None:
        """Bring the cells of a sheet into the form of a CSV file's."""
        text = [number for number, column in enumerate(self.grid.columns) if pa.types.is_string(column.type)]
        for number in text:
            self.grid.columns[number] = written(self.grid.columns[number], self.layout.dialect.decimal)
        names = (self.layout.asset.column, self.layout.shape.signal_column)
        for number in {self.index[self.cell_named(name)] for name in names if name is not None}:
            rounded = pc.match_substring_regex(self.grid.columns[number], ROUNDED_ID)
            at = np.flatnonzero(mask(rounded))
            self.refusals.add_rows(self.grid.line[at], "", "the id is a number that has lost its last digits")
            self.grid.columns[number] = pc.if_else(rounded, "", self.grid.columns[number])

    def _typed(self, first: int, width: int) -> Grid | None:
        """The rows read straight as stamps and numbers; None if the layout or any row does not allow it."""
        layout, dialect, stamps = self.layout, self.layout.dialect, self.layout.stamps
        if (
            layout.shape.kind != "wide"
            or layout.asset.column is not None
            or layout.shape.status_column is not None
            or len(stamps.columns) > 1
            or stamps.has_ends
            or not ("detect" in stamps.format or stamps.format[0] == "iso")
            or (dialect.decimal == "detect" and self.found.delimiter != ",")
            or dialect.thousands
            or dialect.excel_text
            or any(is_nameless(cell) for cell in self.index)
        ):
            return None
        asset = self.asset()
        rules = {index: layout.rule(self.signal_of(cell), asset) for cell, index in self.others(())}
        declared = {index: rule for index, rule in rules.items() if rule is not None}
        if not all(reads_typed(rule) for rule in declared.values()):
            return None
        stamp = self.index[self.cell_named(stamps.columns[0])]
        return read_typed(self.lines, first, width, self.found.delimiter, dialect, stamp, declared)

    def _has_trailing_cell(self, first: int) -> bool:
        """Whether the first row ends with a delimiter that the header does not have."""
        row = next((line for line in range(first, self.lines.last + 1) if self.lines.text(line).strip()), None)
        return row is not None and len(split_cells(self.lines.text(row), self.found.delimiter)) > len(self.found.cells)

    def signal_of(self, cell: str) -> str:
        shape = self.layout.shape
        return self.file.path.stem if shape.signal_from == "stem" else signal_name(cell, shape.unit_brackets)

    def cell_named(self, name: str) -> str:
        """The header cell for a layout's name, by text or as a pattern."""
        if name in self.index:
            return name
        try:
            fitting = next((cell for cell in self.index if re.fullmatch(name, cell)), None)
        except re.error:
            fitting = None  # a name with brackets, and no such column
        if fitting is None:
            raise UnreadableFile(f"there is no column {name!r}", "choose another layout, or correct this one")
        return fitting

    def column(self, name: str) -> pa.Array:
        return self.grid.columns[self.index[self.cell_named(name)]]

    def others(self, used: tuple[str | None, ...]) -> list[tuple[str, int]]:
        """Columns that are not stamps, not used otherwise, not ignored, and not blank."""
        stamps = self.layout.stamps
        taken = {self.cell_named(name) for name in (*stamps.columns, *stamps.end_columns)}
        taken |= {self.cell_named(name) for name in used if name is not None}
        return [
            (cell, index)
            for cell, index in self.index.items()
            if cell not in taken
            and not self.layout.ignores(cell)
            and not (is_nameless(cell) and not filled(self.grid.columns[index]))
        ]

    def asset(self) -> str:
        """asset_id for a whole file."""
        rule, path = self.layout.asset, self.file.path
        if self.progress.is_first:
            hits = (re.search(rule.native_match, text) for _, text in self.lines.head(20)) if rule.native_match else ()
            self.progress.decided["native id"] = next((hit.group(1) for hit in hits if hit), None)
        native = cast("str | None", self.progress.decided["native id"])
        placed = path.parent.name if rule.source == "folder" else path.stem
        asset = self.options.asset or (native if native and rule.native_first else placed)
        if native:
            self.native[asset] = native
        return asset

    def read_stamps(self) -> Stamps:
        """Read the stamps of the rows, for `rows`; unreadable ones are refused."""
        rule = self.layout.stamps
        text = self._joined(rule.columns)
        if rule.separator is not None:
            text, self.ends = split_spans(text, rule.separator)
        stamps = self.parsed(text)
        self.refusals.add_rows(self.grid.line[~stamps.ok], "", f"the stamp does not read as {stamps.format}")
        self.stamps = stamps
        return stamps

    def _joined(self, columns: tuple[str, ...]) -> pa.Array:
        """A column of stamps, or the columns of date and time joined."""
        text = self.column(columns[0])
        return pc.binary_join_element_wise(text, self.column(columns[1]), " ") if len(columns) == 2 else text

    def parsed(self, text: pa.Array) -> Stamps:
        typed = pa.types.is_timestamp(text.type)
        stamps = read_stamps(text) if typed else parse_stamps(text, self._stamp_formats(), self.zone)
        self.dialect["stamp_format"] = stamps.format
        return stamps

    def _stamp_formats(self) -> tuple[str, ...]:
        """Formats of stamps; a cell of a sheet may hold a date, whatever the layout says about text."""
        declared = self.layout.stamps.format
        if self.found.sheet is None or is_instant(declared[0]):
            return declared
        return (*declared, "iso", "excel_serial")

    def rows(self) -> Rows:
        rows = Rows(self.grid.line, self.stamps.micros, self.stamps.ok, self.stamps.instant)
        rule = self.layout.stamps
        text = self._joined(rule.end_columns) if rule.end_columns else self.ends
        if text is not None:
            end = parse_ends(text, rule.end_format, self.stamps, self.zone)
            self.refusals.add_rows(self.grid.line[~end.ok], "", f"the end does not read as {end.format}")
            rows.end, rows.ok = end.micros, rows.ok & end.ok
        return rows

    def trimmed(self, column: str | None, count: int, otherwise: str) -> list[str]:
        """Cells of a column without surrounding blanks, or one text for every row if there is no column."""
        if column is None:
            return [otherwise] * count
        return [str(cell) for cell in pc.utf8_trim_whitespace(self.column(column)).to_pylist()]

    def refuse_column(self, cell: str) -> None:
        self.refuse_cell(cell, f"column {cell!r} is not declared in layout {self.layout.name}")

    def refuse_cell(self, cell: str, reason: str) -> None:
        """Refuse a whole column, once per file."""
        if cell not in self.progress.refused_columns:
            self.progress.refused_columns.add(cell)
            self.refusals.add(max(self.found.header_line, 1), cell, reason)

    def drop(self, rows: Rows, at: Int64Array, reason: str) -> None:
        self.refusals.add_rows(rows.line[at], "", reason)
        rows.ok[at] = False


def filled(text: pa.Array) -> bool:
    """Whether a column has a cell that is not blank."""
    return bool(pc.any(pc.not_equal(pc.utf8_trim_whitespace(text), "")).as_py())


def _holds(text: pa.Array, part: str) -> bool:
    return bool(pc.any(pc.match_substring(text, part)).as_py())
