"""Blocks of cells to observations: numbers, instants, intervals, and a reason for every refused cell."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import BoolArray, Int64Array, mask
from ingest.layouts.engine.assemble import Assembly, calendar_zone, stamp_zone
from ingest.layouts.engine.blocks import Block, Rows, Tabulated
from ingest.layouts.engine.intervals import Interval, Places
from ingest.layouts.engine.layout import Layout
from ingest.layouts.engine.progress import NotInPieces, Progress
from ingest.layouts.engine.ranges import NO_VALUE, limits, without_value
from ingest.layouts.engine.signal_rule import EXACT_KINDS, INTERVAL_KINDS, TEXT_KINDS
from ingest.text.lines import Lines
from ingest.text.numbers import parse_numbers, plain, scale_numbers
from ingest.text.refusals import Refusals, rejects
from ingest.time.local_time import REASONS
from lakehouse.contract import Contract
from lakehouse.errors import UnreadableFile, is_name
from lakehouse.source import LandOptions, Parsed, RawFile
from lakehouse.zones import zone

SECOND = 1_000_000
#: Allowed texts of a factor: `Decimal` also takes digits of other scripts, and 1e999999999, which fills memory.
_FACTOR = re.compile(r"[+-]?([0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9})([eE][+-]?[0-9])?")
#: Exact values are multiplied by a ratio of 64-bit integers.
_RATIO_LIMIT = 2**62

#: Least number of steps between rows that show the cadence.
_STEPS_THAT_TELL = 10
#: So many rows this many intervals apart are no part of a split series but another resolution: hours read as quarters.
_STEPS_THAT_SHOW_SPARSE = 500
_SPARSE = 4
_BAD_INTERVAL = "the interval's length cannot be told, or its end does not follow its start"
_TRUTH = {"true": "1", "false": "0", "True": "1", "False": "0"}


class Observer:
    """Turns the blocks of one file, or a piece of it, into the tables of `Parsed`."""

    def __init__(
        self,
        file: RawFile,
        layout: Layout,
        options: LandOptions,
        contract: Contract,
        progress: Progress | None = None,
    ) -> None:
        self.progress = progress or Progress()
        self._layout = layout
        self._assembly = Assembly(file, layout, options, contract)
        self._zone = stamp_zone(layout, options)
        for name in (options.timezone, options.site_timezone):
            if name is not None:
                zone(name)
        self._places = Places(self._zone, calendar_zone(layout, options), self.progress)
        self._cells = 0
        self._empty = 0

    def run(self, tabulated: Tabulated, lines: Lines | None) -> Parsed:
        """Observe all blocks.

        Args:
            tabulated: the file in blocks.
            lines: its text, for the raw text of refusals; None if refusals have none.
        """
        refusals = tabulated.refusals
        self._refuse_names(tabulated)
        already = len(refusals.found)
        refused_rows = 0
        readings = {self._reading(block) for block in tabulated.blocks}
        if len(readings) > 1 and not self.progress.is_whole:
            raise NotInPieces("mixes starts and ends of intervals")
        for reading in readings if len(readings) == 1 else ():
            for rows in {id(block.rows): block.rows for block in tabulated.blocks}.values():
                refused_rows += self._refuse_rows(rows, reading, refusals)
        for block in tabulated.blocks:
            self._observe(block, tabulated, refusals, len(readings) == 1)
        dialect: dict[str, object] = {
            **tabulated.dialect,
            "stamp_zone": "in the stamps" if all(b.rows.instant for b in tabulated.blocks) else self._zone,
        }
        for name, value in dialect.items():
            self.progress.decide(name, value)
        dialect["rounded_cells"] = self.progress.rounded_cells
        return Parsed(
            tables=self._assembly.tables(tabulated.native_ids, tabulated.calendars),
            rejects=rejects(refusals, lines, tabulated.raw_text),
            layout=self._layout.name,
            dialect=dialect,
            rows_read=self._cells + refused_rows + already,
            rows_empty=self._empty,
        )

    def _refuse_names(self, tabulated: Tabulated) -> None:
        """Refuse what would be called by a name that does not print as it is: it would show as another one.

        Raises:
            UnreadableFile: the asset of the whole file would.
        """
        named = []
        for block in tabulated.blocks:
            if not is_name(block.asset) and not self._names_assets:
                raise UnreadableFile(
                    f"its asset would be called {block.asset!r}, which is no name",
                    "rename the file or its folder, or name the asset with --asset",
                )
            if is_name(block.asset) and _prints(block.signal):
                named.append(block)
            elif not block.field or self._names_assets:
                reason = "no name: the asset's or the signal's does not print as it is"
                _refuse(tabulated.refusals, block.rows, block.at, block.field, reason)
            elif block.field not in self.progress.refused_columns:
                self.progress.refused_columns.add(block.field)
                first = int(block.rows.line[block.at[0]]) if len(block.at) else 1
                line = int(str(tabulated.dialect.get("header_line") or first))
                tabulated.refusals.add(line, block.field, "the column's name does not print as it is")
        tabulated.blocks = named

    @property
    def _names_assets(self) -> bool:
        """Whether rows name their asset."""
        return self._layout.asset.column is not None or self._layout.shape.kind in ("nem12", "espi")

    def _intervals(self, block: Block) -> Interval | None:
        """The intervals of a block's cells; None for samples that are read at their stamp."""
        rule, stamps = block.rule, self._layout.stamps
        if rule.kind not in INTERVAL_KINDS and rule.read_at is None:
            return None
        if block.interval_s:
            return Interval(lengths=(round(block.interval_s * SECOND),), elapsed=True)
        marks = rule.marks or stamps.marks
        lengths, unit = stamps.interval_s, stamps.interval
        if rule.interval_s or rule.interval:
            lengths, unit = ((rule.interval_s,) if rule.interval_s else ()), rule.interval
        return Interval(marks, tuple(round(length * SECOND) for length in lengths), unit, stamps.end_clock)

    def _reading(self, block: Block) -> Interval | None:
        """Key of how a block's stamps are read: if all blocks have the same key, whole rows are refused, not cells."""
        interval = self._intervals(block)
        return interval if interval is not None and (interval.marks == "end" or interval.is_calendar) else None

    def _refuse_rows(self, rows: Rows, interval: Interval | None, refusals: Refusals) -> int:
        """Refuse rows whose wall-clock time is not an instant; a row counts once however many cells it has."""
        status = self._places.of(rows, interval).status
        count = 0
        for code, reason in REASONS.items():
            bad = rows.ok & (status == code)
            _refuse(refusals, rows, np.flatnonzero(bad), "", reason)
            count += int(bad.sum())
        return count

    def _observe(self, block: Block, tabulated: Tabulated, refusals: Refusals, rows_refused: bool) -> None:
        interval = self._intervals(block)
        placed = self._places.of(block.rows, interval)
        status = placed.status
        usable = block.rows.ok[block.at]
        if rows_refused:
            usable &= status[block.at] == 0
        at = block.at if usable.all() else block.at[usable]
        text = block.text if usable.all() else block.text.filter(pa.array(usable))
        self._cells += len(at)
        lines = block.rows.line[at]
        null = self._nulls(text)
        self._empty += int(null.sum())
        good = ~null
        if not rows_refused:
            for code, reason in REASONS.items():
                bad = good & (status[at] == code)
                _refuse(refusals, block.rows, at[bad], block.field, reason)
                good &= ~bad
        if interval is not None:
            wrong = good & placed.odd[at]
            _refuse(refusals, block.rows, at[wrong], block.field, _BAD_INTERVAL)
            good &= ~wrong
            if not (block.interval_s or block.rule.interval_s or block.rule.interval):
                self._check_cadence(block, placed.at[at], interval.shortest)
        kept = np.flatnonzero(good)
        if len(kept) < len(text):
            text = text.take(pa.array(kept))
        value, exact, words, fits = self._values(block, text, kept, usable, at[kept], refusals, tabulated)
        kept = kept[fits]
        if not len(kept):
            return
        start, end = placed.start[at[kept]], placed.end[at[kept]]
        if block.rule.kind in INTERVAL_KINDS:
            self._assembly.add(block, start, end, value, exact, words, lines[kept])
        else:
            read_at = end if block.rule.read_at == "end" else start
            self._assembly.add(block, read_at, None, value, exact, words, lines[kept])

    def _nulls(self, text: pa.Array) -> BoolArray:
        if not pa.types.is_string(text.type):
            return mask(text.is_null())
        trimmed = pc.utf8_trim_whitespace(text)
        nulls = pa.array(["", *self._layout.dialect.nulls], pa.string())
        return mask(pc.is_in(trimmed, value_set=nulls)) | mask(text.is_null())

    def _check_cadence(self, block: Block, at: Int64Array, length: int) -> None:
        """Refuse a file whose rows clearly have another step than the interval that the layout declares.

        Rows in any order and files with some of the rows are fine; overlapping or far sparser rows are not.

        Raises:
            UnreadableFile: the most common step cannot be that of the interval: another resolution of the format.
        """
        steps = np.diff(np.unique(at))
        if len(steps) < _STEPS_THAT_TELL or not length:
            return
        found, counts = np.unique(steps, return_counts=True)
        common = int(found[np.argmax(counts)])
        if not self.progress.is_whole and common != length:
            raise NotInPieces("does not step by one interval in every part")
        if common < length or (common >= _SPARSE * length and len(steps) >= _STEPS_THAT_SHOW_SPARSE):
            raise UnreadableFile(
                f"rows of {block.signal!r} are {common / SECOND:g} s apart, and layout {self._layout.name} reads "
                f"intervals of {length / SECOND:g} s",
                "write a layout file for this resolution (docs/layouts.md) and give it with --layout",
            )

    def _values(
        self,
        block: Block,
        text: pa.Array,
        kept: Int64Array,
        usable: BoolArray,
        at: Int64Array,
        refusals: Refusals,
        tabulated: Tabulated,
    ) -> tuple[npt.NDArray[np.float64] | None, Int64Array | None, pa.Array | None, BoolArray]:
        """Numbers, exact numbers and texts of the usable cells, and their indices."""
        rule = block.rule
        status = None
        if block.status is not None:
            status = block.status.filter(pa.array(usable)).take(pa.array(kept))
        if rule.kind in TEXT_KINDS:
            words = pc.utf8_trim_whitespace(text)
            if rule.kind == "category":
                return None, None, words, np.ones(len(text), np.bool_)
            words = pc.replace_substring_regex(words, r"^([+-]?\d+)\.0+$", r"\1")
            numbers = parse_numbers(words)
            return numbers.value, None, words, np.ones(len(text), np.bool_)
        sign = str(tabulated.dialect.get("decimal", "."))
        typed = not pa.types.is_string(text.type)
        if not typed:
            text = plain(text, sign, str(tabulated.dialect.get("thousands", "")))
        if rule.kind == "alarm":
            for word, digit in _TRUTH.items():
                text = pc.if_else(pc.equal(text, word), digit, text)
        exact = rule.kind in EXACT_KINDS
        fits = np.ones(len(text), np.bool_)
        value = np.full(len(text), np.nan)
        micro = np.zeros(len(text), np.int64) if exact else None
        factors = None if block.factor_text is None else block.factor_text.filter(pa.array(usable)).take(pa.array(kept))
        for rows, factor in _by_factor(len(text), factors, rule.factor, sign):
            if factor is None:
                fits[rows] = False
                _refuse(refusals, block.rows, at[rows], block.field, "the factor is not a number")
                continue
            mine = text if len(rows) == len(text) else text.take(pa.array(rows))
            numbers = scale_numbers(mine, factor) if typed else parse_numbers(mine, factor, exact)
            self.progress.rounded_cells += numbers.rounded
            for row, reason in numbers.reasons.items():
                _refuse(refusals, block.rows, at[rows[row : row + 1]], block.field, reason)
            fits[rows] = numbers.ok
            value[rows] = numbers.value
            if micro is not None and numbers.micro is not None:
                micro[rows] = numbers.micro
            if rule.kind != "counter":
                absent = numbers.ok & without_value(numbers.value, factor)
                _refuse(refusals, block.rows, at[rows[absent]], block.field, NO_VALUE)
                fits[rows[absent]] = False
        if (bound := limits(rule)) is not None:
            outside = fits & ~((value >= bound.low) & (value <= bound.high))
            _refuse(refusals, block.rows, at[outside], block.field, bound.reason)
            fits &= ~outside
        words = status.filter(pa.array(fits)) if status is not None else None
        return value[fits], None if micro is None else micro[fits], words, fits


def _prints(signal: str) -> bool:
    """Whether the name of a signal is printable; blanks of any width are."""
    return all(c.isprintable() or unicodedata.category(c) == "Zs" for c in signal)


def _refuse(refusals: Refusals, rows: Rows, at: Int64Array, field: str, reason: str) -> None:
    """Refuse cells by their rows, under the rows' own names where several share a line."""
    if rows.field is None:
        refusals.add_rows(rows.line[at], field, reason)
        return
    for row in at:
        refusals.add(int(rows.line[row]), str(rows.field[row]), reason)


def _by_factor(
    count: int, factors: pa.Array | None, constant: Decimal, decimal_sign: str
) -> list[tuple[Int64Array, Decimal | None]]:
    """Rows grouped by their factor; None for factors that are not usable numbers."""
    if factors is None:
        return [(np.arange(count, dtype=np.int64), constant)]
    encoded = factors.dictionary_encode()
    codes = np.asarray(encoded.indices.to_numpy(), dtype=np.int64)
    out: list[tuple[Int64Array, Decimal | None]] = []
    for code, written in enumerate(encoded.dictionary.to_pylist()):
        plain_text = str(written).strip().replace(decimal_sign, ".")
        factor = Decimal(plain_text) * constant if _FACTOR.fullmatch(plain_text) else None
        if factor is not None and max(map(abs, factor.as_integer_ratio())) >= _RATIO_LIMIT:
            factor = None
        out.append((np.flatnonzero(codes == code).astype(np.int64), factor))
    return out
