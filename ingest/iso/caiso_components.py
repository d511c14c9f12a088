"""LMPs and their components, rows of their own in any order, to one row a node and interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.iso.sheet import Price

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: Types of rows, the price first → our column.
TYPES = {
    "LMP": "lmp_usd_mwh",
    "MCE": "energy_usd_mwh",
    "MCC": "congestion_usd_mwh",
    "MCL": "loss_usd_mwh",
    "MGHG": "ghg_usd_mwh",
}


@dataclass
class Cells:
    """Rows of an answer, a few bytes each.

    Args:
        member: number of the file in the answer.
        line: line in that file, from 1.
        node: number of the node.
        start: start of the interval, microseconds since 1970 UTC.
        type: place in `TYPES`.
        micro: value in units of 10^-6.
        null: where the file states no value.
    """

    member: Int64Array
    line: Int64Array
    node: Int64Array
    start: Int64Array
    type: Int64Array
    micro: Int64Array
    null: BoolArray


@dataclass
class Prices:
    """Prices, one an entry.

    Args:
        member, line: of the row of the price itself.
        node, start: see `Cells`.
        components: type of row → its values; NULL where there is no row of it.
    """

    member: Int64Array
    line: Int64Array
    node: Int64Array
    start: Int64Array
    components: dict[str, Price]


def joined(parts: Sequence[Cells]) -> tuple[Prices, dict[tuple[int, int], str]]:
    """Join the rows of an answer.

    Args:
        parts: all of them, in their order.

    Returns:
        The prices by node and time, and for rows that cannot be used: number of the file and line → why. A row that
        repeats one is left out.
    """
    cells = Cells(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})
    faults: dict[tuple[int, int], str] = {}
    order = np.lexsort((cells.line, cells.member, cells.type, cells.start, cells.node))
    interval = _starts_anew(cells.node[order], cells.start[order])
    cell = interval | _starts_anew(cells.type[order])
    first = order[np.maximum.accumulate(np.where(cell, np.arange(len(order)), 0))] if len(order) else order
    differs = (cells.micro[order] != cells.micro[first]) | (cells.null[order] != cells.null[first])
    for row, above in zip(order[differs].tolist(), first[differs].tolist(), strict=True):
        reason = f"line {cells.line[above]} states another value for the same node, interval and type"
        faults[int(cells.member[row]), int(cells.line[row])] = reason
    order, group = order[cell], np.cumsum(interval)[cell] - 1
    kind = cells.type[order]
    priced = np.zeros(int(group[-1]) + 1 if len(group) else 0, np.bool_)
    priced[group[kind == 0]] = True
    for row in order[~priced[group]].tolist():
        faults[int(cells.member[row]), int(cells.line[row])] = "a component without its LMP"
    place, count = np.cumsum(priced) - 1, int(priced.sum())
    components = {}
    for number, name in enumerate(TYPES):
        mine = (kind == number) & priced[group]
        price = Price(np.zeros(count, np.int64), np.ones(count, np.bool_))
        at = place[group[mine]]
        price.micro[at], price.null[at] = cells.micro[order[mine]], cells.null[order[mine]]
        components[name] = price
    head = order[kind == 0]
    return Prices(cells.member[head], cells.line[head], cells.node[head], cells.start[head], components), faults


def _starts_anew(*sorted_columns: Int64Array) -> BoolArray:
    anew = np.ones(len(sorted_columns[0]), np.bool_)
    anew[1:] = False
    for column in sorted_columns:
        anew[1:] |= column[1:] != column[:-1]
    return anew
