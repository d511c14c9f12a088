"""Columns straight from bytes to stamps and numbers, if every row of a piece allows it.

The result equals that of reading text cell by cell, in a tenth of the time; if any cell is not a plain ISO stamp or a
plain number, there is no result and the piece is read as text.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingest.layouts.engine.layout_tables import Dialect
from ingest.layouts.engine.signal_rule import EXACT_KINDS, TEXT_KINDS, SignalRule
from ingest.text.lines import Grid, Lines
from ingest.text.numbers import EXACT_LIMIT, EXACT_TYPE

STAMP_TYPE = pa.timestamp("us")
#: Size of Arrow's blocks; one that stays in the cache is quickest.
BLOCK_BYTES = 1 << 20


def reads_typed(rule: SignalRule) -> bool:
    """Whether the cells of a signal may be read straight as numbers."""
    return rule.kind not in (*TEXT_KINDS, "alarm")


def read_typed(
    lines: Lines, first: int, width: int, delimiter: str, dialect: Dialect, stamp: int, values: Mapping[int, SignalRule]
) -> Grid | None:
    """Read the rows from line `first` on; columns that are neither stamp nor values are NULL.

    Args:
        lines: the file, or a piece.
        first: first data line.
        width: cells of a row.
        delimiter: one character.
        dialect: with a declared decimal sign, or a comma as delimiter (unquoted numbers then hold none).
        stamp: index of the column of ISO stamps.
        values: index of every column of numbers → its rule.

    Returns:
        None if a row, a stamp or a number is not plain.
    """
    body = _body(lines, first)
    # Quotes, and exponents (Arrow takes longer ones than we do), are left to the reading as text.
    if not body or any(mark in body for mark in (b'"', b"e", b"E", b"\x00")):
        return None
    if b"\r" in body and body.count(b"\r") != body.count(b"\r\n"):
        return None
    rows = lines.last - first + 1
    names = [f"c{index}" for index in range(width)]
    kinds = {names[stamp]: STAMP_TYPE}
    for index, rule in values.items():
        kinds[names[index]] = EXACT_TYPE if rule.kind in EXACT_KINDS else pa.float64()
    try:
        table = pacsv.read_csv(
            pa.BufferReader(body),
            read_options=pacsv.ReadOptions(use_threads=False, column_names=names, block_size=BLOCK_BYTES),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, quote_char=False),
            convert_options=pacsv.ConvertOptions(
                column_types=kinds,
                include_columns=list(kinds),
                null_values=["", *dialect.nulls],
                decimal_point="," if dialect.decimal == "," else ".",
                timestamp_parsers=[pacsv.ISO8601],
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != rows or table[names[stamp]].null_count:
        return None
    columns = [pa.nulls(0, pa.null())] * width
    for index in (stamp, *values):
        columns[index] = _plain(table[names[index]].combine_chunks())
        if columns[index] is None:
            return None
    return Grid(columns, np.arange(first, first + rows, dtype=np.int64), {})


def _body(lines: Lines, first: int) -> bytes:
    start = 0
    for _ in range(first - 1 - lines.base):
        start = lines.content.find(b"\n", start) + 1
        if not start:
            return b""
    return lines.content[start:] if start else lines.content


def _plain(column: pa.Array) -> pa.Array | None:
    """The column, unless it holds inf, nan, or more digits than DECIMAL(18,6) has."""
    if pa.types.is_floating(column.type):
        return column if pc.all(pc.is_finite(column)).as_py() is not False else None
    if pa.types.is_decimal(column.type):
        words = np.frombuffer(column.buffers()[1], dtype=np.int64).reshape(-1, 2)[: len(column)]
        fits = (words[:, 1] == words[:, 0] >> 63) & (words[:, 0] < EXACT_LIMIT) & (words[:, 0] > -EXACT_LIMIT)
        return column if (fits | np.asarray(column.is_null().to_numpy(zero_copy_only=False))).all() else None
    return column
