"""What every shape of file is brought into before it becomes observations: rows with stamps, and blocks of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.layouts.engine.signal_rule import SignalRule
from ingest.text.refusals import Refusals

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass
class Rows:
    """The rows of a file.

    Args:
        line: physical line of every row.
        stamp: microseconds since 1970, UTC where `instant`, of the wall clock elsewhere.
        ok: rows whose stamp was read.
        instant: whether stamps are UTC already.
        series: number of the row's series (asset and signal) in long files; None where rows belong to one series.
        end: end stamps where the file states them, in the same terms as `stamp`.
        field: what every row is called when refused, where several rows share a line; None means the whole line.
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
        rule: what it means.
        text: the cells as written, one a row of `at`; or their numbers (double, DECIMAL(18,6)), NULL where empty.
        at: index of every cell's row in `rows`.
        rows: the rows.
        status: quality status of every cell, where the file has one.
        factor_text: factor of every cell as written, where the file has one.
        field: what a refused cell is called: the column, or '' where the row is the cell.
        interval_s: length of the intervals, where neither rule nor layout says it.
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
    """A file brought into blocks.

    Args:
        blocks: all of them.
        refusals: what was refused on the way.
        dialect: how the file was read.
        native_ids: asset → the id in the bytes.
        raw_text: text of a record by its number, where the file has no lines.
        calendars: asset → IANA zone of its calendar, where the file states one.
    """

    blocks: list[Block]
    refusals: Refusals
    dialect: dict[str, object]
    native_ids: dict[str, str] = field(default_factory=dict)
    raw_text: Callable[[int], str | None] | None = None
    calendars: dict[str, str] = field(default_factory=dict)
