"""The common form of all shapes of files, from which observations are made: rows with stamps, and blocks of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.arrays import BoolArray, Int64Array
from ingest.layouts.engine.signal_rule import SignalRule
from ingest.text.refusals import Refusals


@dataclass
class Rows:
    """The rows of a file.

    Args:
        line: physical line of every row.
        stamp: microseconds since 1970: UTC if `instant`, else of the wall clock.
        ok: rows whose stamp was read.
        instant: whether stamps are UTC already.
        series: number of the row's series (asset and signal) in long files; None if all rows are of one series.
        end: end stamps in the same form as `stamp`, if the file states them.
        field: name of every row in refusals, if several rows share a line; None means the whole line.
    """

    line: Int64Array
    stamp: Int64Array
    ok: BoolArray
    instant: bool
    series: Int64Array | None = None
    end: Int64Array | None = None
    field: npt.NDArray[np.object_] | None = None


@dataclass
class Block:
    """The cells of one signal of one asset, in file order.

    Args:
        asset: asset_id without the site.
        signal: signal name.
        rule: declaration of the signal.
        text: the cells as written, one per row of `at`; or their numbers (double, DECIMAL(18,6)), NULL if empty.
        at: index of every cell's row in `rows`.
        rows: the rows.
        status: quality status of every cell, if the file has one.
        factor_text: factor of every cell as written, if the file has one.
        field: name of a refused cell: the column, or '' if a row is one cell.
        interval_s: length of the intervals, if neither rule nor layout has it.
    """

    asset: str
    signal: str
    rule: SignalRule
    text: pa.Array
    at: Int64Array
    rows: Rows
    status: pa.Array | None = None
    factor_text: pa.Array | None = None
    field: str = ""
    interval_s: float | None = None


@dataclass
class Tabulated:
    """A file in blocks.

    Args:
        blocks: all blocks.
        refusals: refused rows and cells so far.
        dialect: how the file was read.
        native_ids: asset → the id in the bytes.
        raw_text: returns the text of a record by its number, if the file has no lines.
        calendars: asset → IANA zone of its calendar, if the file states one.
    """

    blocks: list[Block]
    refusals: Refusals
    dialect: dict[str, object]
    native_ids: dict[str, str] = field(default_factory=dict)
    raw_text: Callable[[int], str | None] | None = None
    calendars: dict[str, str] = field(default_factory=dict)
