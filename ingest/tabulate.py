"""Text files into blocks: a column a signal, a row a value, or a row a day."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.assemble import stamp_zone
from ingest.blocks import Block, Refusals, Rows, Tabulated
from ingest.headers import clock, is_nameless, numbered, signal_name, unit_in, unnumbered
from ingest.layout import Layout
from ingest.layout_tables import TEXT_KINDS, SignalRule
from ingest.lines import Grid, Lines, read_grid, split_cells
from ingest.numbers import detect_decimal
from ingest.pieces import Progress
from ingest.recognise import Found
from ingest.source import LandOptions, RawFile
from ingest.stamps import Stamps, is_instant, parse_ends, parse_stamps, read_stamps, split_spans
from ingest.typed import read_typed, reads_typed
from ingest.workbook import ROUNDED_ID, written
from lakehouse.errors import UnreadableFile

Int64Array = npt.NDArray[np.int64]

#: Series (asset and signal) a file: each costs 0.5 ms and 13 kB, so that this many take half a minute and 0.7 GB.
SERIES_LIMIT = 50_000


def tabulate(found: Found, file: RawFile, lines: Lines, options: LandOptions, progress: Progress) -> Tabulated:
    """Bring a recognised text file, or a piece of one, into blocks.

    Raises:
        UnreadableFile: it has no rows, no declared column, or no stamp that can be read.
    """
    return _Tabulator(found, file, lines, options, progress).run()


def one_asset_only(options: LandOptions, natives: Sequence[str]) -> None:
    """Refuse to give several meters of one file the same asset_id: their values would overwrite each other.

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
    """Refuse a file of more series than fit the time and memory of one.

    Raises:
        UnreadableFile: it has more than `SERIES_LIMIT`.
    """
    if series > SERIES_LIMIT:
        raise UnreadableFile(
            f"the file holds {series} series (meter and signal); at most {SERIES_LIMIT} are read from one",
            "split it by meter",
        )


class _Tabulator:
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

    def run(self) -> Tabulated:
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
        if self.layout.shape.kind == "signal_rows":
            blocks = self._signal_rows()
        else:
            self.stamps = self._stamps()
            blocks = {"wide": self._wide, "long": self._long, "day_rows": self._day_rows}[self.layout.shape.kind]()
        if not blocks:
            raise self._nothing_declared()
        self._decide_decimal(blocks)
        return Tabulated(blocks, self.refusals, self.dialect, self.native)

    def _as_written(self) -> None:
        """Bring the cells of a sheet into the form of a CSV file's."""
        text = [number for number, column in enumerate(self.grid.columns) if pa.types.is_string(column.type)]
        for number in text:
            self.grid.columns[number] = written(self.grid.columns[number], self.layout.dialect.decimal)
        names = (self.layout.asset.column, self.layout.shape.signal_column)
        for number in {self.index[self._cell(name)] for name in names if name is not None}:
            rounded = pc.match_substring_regex(self.grid.columns[number], ROUNDED_ID)
            at = np.flatnonzero(_mask(rounded))
            self.refusals.add_rows(self.grid.line[at], "", "the id is a number that has lost its last digits")
            self.grid.columns[number] = pc.if_else(rounded, "", self.grid.columns[number])

    def _typed(self, first: int, width: int) -> Grid | None:
        """The rows read straight as stamps and numbers, where the layout and all of them allow it."""
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
        asset = self._asset()
        rules = {index: layout.rule(self._signal(cell), asset) for cell, index in self._others(())}
        declared = {index: rule for index, rule in rules.items() if rule is not None}
        if not all(reads_typed(rule) for rule in declared.values()):
            return None
        stamp = self.index[self._cell(stamps.columns[0])]
        return read_typed(self.lines, first, width, self.found.delimiter, dialect, stamp, declared)

    def _signal(self, cell: str) -> str:
        shape = self.layout.shape
        return self.file.path.stem if shape.signal_from == "stem" else signal_name(cell, shape.unit_brackets)

    def _nothing_declared(self) -> UnreadableFile:
        columns = sorted({field for _, field in self.refusals.found if field})
        reasons = list(dict.fromkeys(self.refusals.found.values()))
        what = f"the columns {', '.join(columns[:8])}" if columns else f"the rows: {'; '.join(reasons[:3])}"
        return UnreadableFile(
            f"layout {self.layout.name} can use none of {what}",
            "declare them in a layout file with kind and unit (docs/layouts.md)",
        )

    def _has_trailing_cell(self, first: int) -> bool:
        """Whether the first row ends with a delimiter that the header does not have."""
        row = next((line for line in range(first, self.lines.last + 1) if self.lines.text(line).strip()), None)
        return row is not None and len(split_cells(self.lines.text(row), self.found.delimiter)) > len(self.found.cells)

    def _cell(self, name: str) -> str:
        """The header cell a layout means, by its text or as a pattern."""
        if name in self.index:
            return name
        try:
            fitting = next((cell for cell in self.index if re.fullmatch(name, cell)), None)
        except re.error:
            fitting = None  # a name with brackets, and no such column
        if fitting is None:
            raise UnreadableFile(f"there is no column {name!r}", "choose another layout, or correct this one")
        return fitting

    def _column(self, name: str) -> pa.Array:
        return self.grid.columns[self.index[self._cell(name)]]

    def _stamps(self) -> Stamps:
        rule = self.layout.stamps
        text = self._joined(rule.columns)
        if rule.separator is not None:
            text, self.ends = split_spans(text, rule.separator)
        stamps = self._parsed(text)
        self.refusals.add_rows(self.grid.line[~stamps.ok], "", f"the stamp does not read as {stamps.format}")
        return stamps

    def _joined(self, columns: tuple[str, ...]) -> pa.Array:
        """A column of stamps, or those of date and time."""
        text = self._column(columns[0])
        return pc.binary_join_element_wise(text, self._column(columns[1]), " ") if len(columns) == 2 else text

    def _parsed(self, text: pa.Array) -> Stamps:
        typed = pa.types.is_timestamp(text.type)
        stamps = read_stamps(text) if typed else parse_stamps(text, self._stamp_formats(), self.zone)
        self.dialect["stamp_format"] = stamps.format
        return stamps

    def _stamp_formats(self) -> tuple[str, ...]:
        """Formats of stamps; a cell of a sheet may hold a date, whatever the layout says of those that hold text."""
        declared = self.layout.stamps.format
        if self.found.sheet is None or is_instant(declared[0]):
            return declared
        return (*declared, "iso", "excel_serial")

    def _asset(self) -> str:
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

    def _rows(self) -> Rows:
        rows = Rows(self.grid.line, self.stamps.micros, self.stamps.ok, self.stamps.instant)
        rule = self.layout.stamps
        text = self._joined(rule.end_columns) if rule.end_columns else self.ends
        if text is not None:
            end = parse_ends(text, rule.end_format, self.stamps, self.zone)
            self.refusals.add_rows(self.grid.line[~end.ok], "", f"the end does not read as {end.format}")
            rows.end, rows.ok = end.micros, rows.ok & end.ok
        return rows

    def _wide(self) -> list[Block]:
        shape, rows = self.layout.shape, self._rows()
        units = self._units()
        natives = self._natives(rows)
        everyone = [name for name, _ in natives]
        few_enough(len(everyone) * max(len(self.index) - 1, 1))
        blocks: list[Block] = []
        for cell, index in self._others((shape.status_column, self.layout.asset.column)):
            signal = self._signal(cell)
            rules = {name: self.layout.rule(signal, name) for name in everyone}
            if not self._declared(rules, cell, units.get(index)):
                continue
            text, status = self.grid.columns[index], self._status(cell)
            for name, at in natives:
                rule = rules[name]
                if rule is None:
                    continue
                asset = self.options.asset or name
                if len(natives) == 1 and len(at) == len(text):
                    blocks.append(Block(asset, signal, rule, text, at, rows, status, field=cell))
                else:
                    mine = pa.array(at)
                    own = None if status is None else status.take(mine)
                    blocks.append(Block(asset, signal, rule, text.take(mine), at, rows, own, field=cell))
        return blocks

    def _natives(self, rows: Rows) -> list[tuple[str, Int64Array]]:
        """The assets of a wide file, each with its rows; an id column makes every asset a series of its own."""
        column = self.layout.asset.column
        if column is None:
            return [(self._asset(), np.arange(len(self.grid.line), dtype=np.int64))]
        encoded = pc.utf8_trim_whitespace(self._column(column)).dictionary_encode()
        rows.series = _codes(encoded)
        names = encoded.dictionary.to_pylist()
        one_asset_only(self.options, [name for name in names if name])
        found: list[tuple[str, Int64Array]] = []
        for code, at in by_code(rows.series):
            name = names[code]
            if not name:
                self._drop(rows, at, "the row names no meter")
                continue
            self.native[self.options.asset or name] = name
            found.append((name, at))
        return found

    def _others(self, used: tuple[str | None, ...]) -> list[tuple[str, int]]:
        """Columns that are neither stamps, nor used otherwise, nor declared to be no signal, nor blank."""
        stamps = self.layout.stamps
        taken = {self._cell(name) for name in (*stamps.columns, *stamps.end_columns)}
        taken |= {self._cell(name) for name in used if name is not None}
        return [
            (cell, index)
            for cell, index in self.index.items()
            if cell not in taken
            and not self.layout.ignores(cell)
            and not (is_nameless(cell) and not _filled(self.grid.columns[index]))
        ]

    def _refuse_column(self, cell: str) -> None:
        self._refuse_cell(cell, f"column {cell!r} is not declared in layout {self.layout.name}")

    def _refuse_cell(self, cell: str, reason: str) -> None:
        """Refuse a whole column, once in a file."""
        if cell not in self.progress.refused_columns:
            self.progress.refused_columns.add(cell)
            self.refusals.add(max(self.found.header_line, 1), cell, reason)

    def _declared(self, rules: dict[str, SignalRule | None], cell: str, unit: str | None) -> bool:
        """Whether a column has a rule; one without, or with another unit than declared, is refused once."""
        declared = next((rule for rule in rules.values() if rule is not None), None)
        if declared is None:
            self._refuse_column(cell)
            return False
        unit = unit or unit_in(cell, self.layout.shape.unit_brackets)
        if unit and declared.unit and unit.casefold() != declared.unit.casefold():
            self._refuse_cell(cell, f"the file says {unit!r}, layout {self.layout.name} says {declared.unit!r}")
            return False
        return True

    def _units(self) -> dict[int, str]:
        """Units from a row below the header, by column."""
        row = self.layout.dialect.unit_row
        if row is None:
            return {}
        if self.progress.is_first:
            text = self.lines.text(self.found.header_line + row)
            self.progress.decided["unit row"] = text
        cells = split_cells(str(self.progress.decided["unit row"]), self.found.delimiter)
        return {index: cell.strip("[]() ") for index, cell in enumerate(cells) if cell.strip("[]() ")}

    def _status(self, cell: str) -> pa.Array | None:
        """Quality status of a wide column's cells."""
        shape = self.layout.shape
        if shape.status_column is None or shape.status_column not in self.index:
            return None
        status = self._column(shape.status_column)
        if shape.status_lists_signals is None:
            return status
        encoded = status.dictionary_encode()
        about = pa.array(
            [
                shape.status_lists_signals if cell in {name.strip() for name in written.split("|")} else ""
                for written in encoded.dictionary.to_pylist()
            ],
            pa.string(),
        )
        return about.take(encoded.indices)

    def _long(self) -> list[Block]:
        shape, layout = self.layout.shape, self.layout
        count = len(self.grid.line)
        signals = (
            pc.utf8_trim_whitespace(self._column(shape.signal_column))
            if shape.signal_column
            else pa.repeat(pa.scalar(signal_name(shape.value_column or "", shape.unit_brackets)), count)
        )
        units = self._column(shape.unit_column) if shape.unit_column else None
        if units is not None:
            units = pc.replace_substring(pc.utf8_trim_whitespace(units), "³", "3")
            if shape.unit_in_signal:
                signals = pc.binary_join_element_wise(signals, " [", units, "]", "")
        fixed = self._asset() if layout.asset.column is None else None
        if layout.asset.column is not None:
            natives = pc.utf8_trim_whitespace(self._column(layout.asset.column))
        else:
            natives = pa.repeat(pa.scalar(fixed), count)
        first, second = natives.dictionary_encode(), signals.dictionary_encode()
        names, kinds = first.dictionary.to_pylist(), second.dictionary.to_pylist()
        one_asset_only(self.options, [name for name in names if name])
        series = _codes(first) * len(kinds) + _codes(second)
        few_enough(len(pc.unique(pa.array(series))))
        rows = self._rows()
        rows.series = series
        columns = (shape.signal_column, shape.value_column, shape.unit_column, shape.factor_column, shape.status_column)
        for cell, _ in self._others((*columns, layout.asset.column)):
            self._refuse_column(cell)
        values = self._column(shape.value_column or "")
        factors = self._column(shape.factor_column) if shape.factor_column else None
        status = self._column(shape.status_column) if shape.status_column else None
        blocks: list[Block] = []
        for code, at in by_code(series):
            native, signal = names[code // len(kinds)], kinds[code % len(kinds)]
            asset = self.options.asset or native
            if layout.ignores(signal):
                rows.ok[at] = False
                continue
            rule = layout.rule(signal, native) if native else None
            if rule is None:
                reason = f"{signal!r} is not declared in layout {layout.name}" if native else "the row names no meter"
                self._drop(rows, at, reason)
                continue
            if units is not None and rule.unit:
                written = pc.utf8_lower(units.take(pa.array(at)))
                other = ~_mask(pc.equal(written, rule.unit.lower()))
                self._drop(rows, at[other], f"the row's unit is not {rule.unit}, as layout {layout.name} declares")
                at = at[~other]
            if len(at):
                taken = pa.array(at)
                blocks.append(
                    Block(
                        asset,
                        signal,
                        rule,
                        values.take(taken),
                        at,
                        rows,
                        None if status is None else status.take(taken),
                        None if factors is None else factors.take(taken),
                    )
                )
                if fixed is None:
                    self.native[asset] = native
        return blocks

    def _drop(self, rows: Rows, at: Int64Array, reason: str) -> None:
        self.refusals.add_rows(rows.line[at], "", reason)
        rows.ok[at] = False

    def _day_rows(self) -> list[Block]:
        """A row a day, a column an interval: cells become rows of their own, each with its own stamp."""
        shape, asset = self.layout.shape, self._asset()
        rule = self.layout.rule(shape.signal or "", asset)
        if rule is None:
            raise UnreadableFile(f"layout {self.layout.name} declares no rule for {shape.signal}", "mend the layout")
        pattern = re.compile(shape.value_pattern or "")
        columns: list[str] = []
        starts: list[int] = []
        for cell, _ in self._others(()):
            hit = pattern.fullmatch(unnumbered(cell))
            start = None if hit is None else clock(hit["start"] or "")
            if start is not None:
                columns.append(cell)
                starts.append(start)
            elif hit is not None:
                self._refuse_cell(cell, f"column {cell!r} begins at no time of day")
            else:
                self._refuse_column(cell)
        days, width = len(self.grid.line), len(columns)
        if not width:
            return []
        offsets = np.array(starts, np.int64)
        rows = Rows(
            line=np.repeat(self.grid.line, width),
            stamp=(self.stamps.micros[:, None] + offsets[None, :]).ravel(),
            ok=np.repeat(self.stamps.ok, width),
            instant=self.stamps.instant,
            field=np.tile(np.array(columns, object), days),
        )
        stacked = pa.concat_arrays([self.grid.columns[self.index[cell]] for cell in columns])
        by_day = np.arange(width * days, dtype=np.int64).reshape(width, days).T.ravel()
        text = stacked.take(pa.array(by_day))
        at = np.arange(days * width, dtype=np.int64)
        return [Block(asset, shape.signal or "", rule, text, at, rows)]

    def _signal_rows(self) -> list[Block]:
        """A row a signal, a column an instant: the header's cells are the stamps of every row."""
        layout, shape, grid = self.layout, self.layout.shape, self.grid
        pattern = re.compile(layout.stamps.columns[0])
        columns = [cell for cell in self.index if pattern.fullmatch(unnumbered(cell))]
        named = [name for name in (shape.signal_column, shape.unit_column, layout.asset.column) if name is not None]
        used = {*columns, *(self._cell(name) for name in named)}
        for cell, index in self.index.items():
            blank = is_nameless(cell) and not _filled(grid.columns[index])
            if cell not in used and not layout.ignores(cell) and not blank:
                self._refuse_column(cell)
        if not columns:
            raise UnreadableFile(
                f"no header cell is a stamp as {layout.stamps.columns[0]!r} says", "choose another --layout"
            )
        count, width = len(grid.line), len(columns)
        few_enough(count)
        stamps = self._parsed(pa.array([unnumbered(cell) for cell in columns], pa.string()))
        for place in np.flatnonzero(~stamps.ok):
            self._refuse_cell(columns[place], f"the column's stamp does not read as {stamps.format}")
        rows = Rows(
            line=np.repeat(grid.line, width),
            stamp=np.tile(stamps.micros, count),
            ok=np.tile(stamps.ok, count),
            instant=stamps.instant,
            series=np.repeat(np.arange(count, dtype=np.int64), width),
            field=np.tile(np.array(columns, object), count),
        )
        stacked = pa.concat_arrays([grid.columns[self.index[cell]] for cell in columns])
        signals = self._trimmed(shape.signal_column, count, "")
        assets = self._trimmed(layout.asset.column, count, "" if layout.asset.column else self._asset())
        units = self._trimmed(shape.unit_column, count, "")
        one_asset_only(self.options, [name for name in assets if name])
        blocks: list[Block] = []
        for row, (signal, native, unit) in enumerate(zip(signals, assets, units, strict=True)):
            at = np.arange(row * width, (row + 1) * width, dtype=np.int64)
            if layout.ignores(signal):
                rows.ok[at] = False
                continue
            rule = layout.rule(signal, native) if native else None
            if rule is None:
                reason = f"{signal!r} is not declared in layout {layout.name}" if native else "the row names no meter"
            elif unit and rule.unit and unit.casefold() != rule.unit.casefold():
                reason = f"the row's unit is not {rule.unit}, as layout {layout.name} declares"
            else:
                asset = self.options.asset or native
                text = stacked.take(pa.array(np.arange(width, dtype=np.int64) * count + row))
                blocks.append(Block(asset, signal, rule, text, at, rows))
                if layout.asset.column is not None:
                    self.native[asset] = native
                continue
            self.refusals.add(int(grid.line[row]), "", reason)
            rows.ok[at] = False
        return blocks

    def _trimmed(self, column: str | None, count: int, otherwise: str) -> list[str]:
        """Cells of a column without blanks around them, or one text for every row where there is none."""
        if column is None:
            return [otherwise] * count
        return [str(cell) for cell in pc.utf8_trim_whitespace(self._column(column)).to_pylist()]

    def _decide_decimal(self, blocks: list[Block]) -> None:
        """Decide the decimal sign once, over every numeric cell of the file."""
        declared = self.layout.dialect.decimal
        self.dialect["thousands"] = self.layout.dialect.thousands
        if declared != "detect":
            self.dialect["decimal"] = declared
            return
        texts = [b.text for b in blocks if b.rule.kind not in TEXT_KINDS and pa.types.is_string(b.text.type)]
        sign, thousands = detect_decimal(texts, self.found.delimiter)
        self.dialect["decimal"], self.dialect["thousands"] = sign, thousands or self.layout.dialect.thousands


def _filled(text: pa.Array) -> bool:
    return bool(pc.any(pc.not_equal(pc.utf8_trim_whitespace(text), "")).as_py())


def _codes(encoded: pa.DictionaryArray) -> Int64Array:
    return np.asarray(encoded.indices.to_numpy(), dtype=np.int64)


def _holds(text: pa.Array, part: str) -> bool:
    return bool(pc.any(pc.match_substring(text, part)).as_py())


def _mask(values: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)


def by_code(codes: Int64Array) -> Iterator[tuple[int, Int64Array]]:
    """Every code with its rows in file order, in one sort however many there are."""
    order = np.argsort(codes, kind="stable").astype(np.int64)
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if len(rows):
            yield int(codes[rows[0]]), rows
