"""Blocks of cells to observations: numbers, instants, intervals, and a reason for every cell that is none."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.assemble import DEFAULT_ZONE, Assembly, rejects
from ingest.blocks import Block, Refusals, Rows, Tabulated
from ingest.layout import Layout
from ingest.layout_tables import EXACT_KINDS, INTERVAL_KINDS, TEXT_KINDS
from ingest.lines import Lines
from ingest.local_time import REASONS, to_utc, to_wall, zone
from ingest.numbers import parse_numbers, plain, scale_numbers
from ingest.pieces import NotInPieces, Progress
from ingest.source import LandOptions, Parsed, RawFile
from lakehouse.contract import Contract
from lakehouse.errors import UnreadableFile

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

SECOND = 1_000_000
#: A factor as a file may write it: `Decimal` also takes digits of other scripts, and 1e999999999, which fills memory.
_FACTOR = re.compile(r"[+-]?([0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9})([eE][+-]?[0-9])?")
#: Exact values are multiplied by a ratio of 64-bit integers.
_RATIO_LIMIT = 2**62

#: Fewer steps between rows say nothing about the cadence.
_STEPS_THAT_TELL = 10
#: From this share of rows with a telling neighbour on, the order of the rows means something.
_ORDERED = 0.9
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
        self._zone = options.timezone or layout.stamps.timezone or DEFAULT_ZONE
        for name in (options.timezone, options.site_timezone):
            if name is not None:
                zone(name)
        self._instants: dict[tuple[int, int], tuple[Int64Array, npt.NDArray[np.int8]]] = {}
        self._cells = 0
        self._empty = 0

    def run(self, tabulated: Tabulated, lines: Lines | None) -> Parsed:
        """Observe all blocks.

        Args:
            tabulated: the file in blocks.
            lines: its text, for the raw text of what is refused; None where a refusal carries none.
        """
        refusals = tabulated.refusals
        already = len(refusals.found)
        refused_rows = 0
        one_shift = len({self._shift(block) for block in tabulated.blocks}) <= 1
        if not one_shift and not self.progress.is_whole:
            raise NotInPieces("mixes starts and ends of intervals")
        for rows in {id(block.rows): block.rows for block in tabulated.blocks}.values():
            shifts = {self._shift(block) for block in tabulated.blocks if block.rows is rows}
            if one_shift and shifts:
                refused_rows += self._refuse_rows(rows, shifts.pop(), refusals)
        for block in tabulated.blocks:
            self._observe(block, tabulated, refusals, one_shift)
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

    def _shift(self, block: Block) -> int:
        """Microseconds from a stamp back to the start of its interval."""
        marks = block.rule.marks or self._layout.stamps.marks
        if marks == "start" or block.rule.kind not in INTERVAL_KINDS:
            return 0
        lengths = [block.rule.interval_s] if block.rule.interval_s else list(self._layout.stamps.interval_s)
        return round((lengths[0] or 0) * SECOND)

    def _utc(self, rows: Rows, shift: int) -> tuple[Int64Array, npt.NDArray[np.int8]]:
        """Instants of the rows whose stamps, shifted back, are wall-clock readings; once for each shift."""
        key = (id(rows), shift)
        if key not in self._instants:
            stamp = rows.stamp - shift
            if rows.instant:
                self._instants[key] = (stamp, np.zeros(len(stamp), np.int8))
            else:
                utc, status = stamp.copy(), np.zeros(len(stamp), np.int8)
                good = np.flatnonzero(rows.ok)
                series = None if rows.series is None else rows.series[good]
                self.progress.follow_order(stamp[good], self._zone)
                utc[good], status[good] = to_utc(stamp[good], self._zone, series)
                self._instants[key] = (utc, status)
        return self._instants[key]

    def _refuse_rows(self, rows: Rows, shift: int, refusals: Refusals) -> int:
        """Refuse rows whose wall-clock time names no instant; a row counts once however many cells it has."""
        _, status = self._utc(rows, shift)
        count = 0
        for code, reason in REASONS.items():
            bad = rows.ok & (status == code)
            _refuse(refusals, rows, np.flatnonzero(bad), "", reason)
            count += int(bad.sum())
        return count

    def _observe(self, block: Block, tabulated: Tabulated, refusals: Refusals, rows_refused: bool) -> None:
        utc, status = self._utc(block.rows, self._shift(block))
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
        length, bad_length = self._interval(block, at, utc, status)
        if bad_length is not None:
            wrong = good & bad_length
            _refuse(refusals, block.rows, at[wrong], block.field, _BAD_INTERVAL)
            good &= ~wrong
        kept = np.flatnonzero(good)
        if len(kept) < len(text):
            text = text.take(pa.array(kept))
        value, exact, words, fits = self._values(block, text, kept, usable, at[kept], refusals, tabulated)
        kept = kept[fits]
        if not len(kept):
            return
        start = utc[at[kept]]
        end = None if length is None else start + (length if np.ndim(length) == 0 else np.asarray(length)[kept])
        self._assembly.add(block, start, end, value, exact, words, lines[kept])

    def _nulls(self, text: pa.Array) -> BoolArray:
        if not pa.types.is_string(text.type):
            return _mask(text.is_null())
        trimmed = pc.utf8_trim_whitespace(text)
        nulls = pa.array(["", *self._layout.dialect.nulls], pa.string())
        return _mask(pc.is_in(trimmed, value_set=nulls)) | _mask(text.is_null())

    def _interval(
        self, block: Block, at: Int64Array, utc: Int64Array, status: npt.NDArray[np.int8]
    ) -> tuple[int | Int64Array | None, BoolArray | None]:
        """Length of every cell's interval in microseconds (None for samples), and where the file contradicts it."""
        if block.rule.kind not in INTERVAL_KINDS:
            return None, None
        fixed = block.interval_s or block.rule.interval_s
        lengths = [fixed] if fixed else list(self._layout.stamps.interval_s)
        if len(lengths) > 1:
            length_of_row = _mixed_lengths(block.rows.stamp, [round(s * SECOND) for s in lengths])
            return length_of_row[at], length_of_row[at] == 0
        length = round((lengths[0] or 0) * SECOND)
        if not fixed:
            self._check_cadence(block, utc[at], length)
        if block.rows.end is None:
            return length, None
        # The end is a wall-clock reading too: across a change of the clocks it does not differ by the length.
        wrong = block.rows.end[at] - block.rows.stamp[at] != length
        if wrong.any() and not block.rows.instant:
            shown = to_wall(utc[at[wrong]] + length, self._zone)
            wrong[wrong] = shown != block.rows.end[at[wrong]]
        return length, wrong

    def _check_cadence(self, block: Block, utc: Int64Array, length: int) -> None:
        """Refuse a file whose rows plainly step by something else than the interval that the layout declares.

        Rows in any order and files that hold a part of the rows are fine; overlapping or far sparser rows are not.

        Raises:
            UnreadableFile: the most common step cannot be that of the interval: another resolution of the format.
        """
        steps = np.diff(np.unique(utc))
        if len(steps) < _STEPS_THAT_TELL:
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
        """Numbers, exact numbers and texts of the cells that can be kept, and which these are."""
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
        low, high = rule.minimum, rule.maximum
        if low is not None or high is not None:
            lowest, highest = (-np.inf if low is None else low), (np.inf if high is None else high)
            outside = fits & ~((value >= lowest) & (value <= highest))
            reason = f"outside {low} to {high}, which the layout declares: other units?"
            _refuse(refusals, block.rows, at[outside], block.field, reason)
            fits &= ~outside
        words = status.filter(pa.array(fits)) if status is not None else None
        return value[fits], None if micro is None else micro[fits], words, fits


def _mixed_lengths(stamp: Int64Array, lengths: list[int]) -> Int64Array:
    """Lengths in a file that mixes them: the step to the next row where it is a declared length, else from before.

    The next row is the one that follows in the file, so that exports of two resolutions of one time stay apart; where
    that says nothing, or the file has no order at all, it is the one that follows in time. 0 where neither tells.
    """

    def told(stamps: Int64Array) -> Int64Array:
        steps = np.diff(stamps, append=np.int64(-1))
        before = np.concatenate((np.zeros(1, np.int64), steps[:-1]))
        return np.where(np.isin(steps, lengths), steps, np.where(np.isin(before, lengths), before, 0))

    instants, place = np.unique(stamp, return_inverse=True)
    in_time = told(instants)[place]
    in_file = told(stamp)
    return np.where(in_file > 0, in_file, in_time) if (in_file > 0).mean() > _ORDERED else in_time


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
    """Rows by the factor that multiplies them; None where it is no number that values can be multiplied by."""
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


def _mask(values: pa.Array) -> BoolArray:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)
