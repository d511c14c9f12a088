"""LMPs and their components, which are rows in any order, to one row per node and interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from ingest.arrays import BoolArray, Int64Array
from ingest.iso.sheet import Price

#: Types of rows, the price first → our column.
TYPES = {
    "LMP": "lmp_usd_mwh",
    "MCE": "energy_usd_mwh",
    "MCC": "congestion_usd_mwh",
    "MCL": "loss_usd_mwh",
    "MGHG": "ghg_usd_mwh",
}
#: Rows that a reason shows.
_SHOWN_ROWS = 4


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
        null: whether the file states no value.
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
        components: type of row → its values; NULL without a row of it.
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
        The prices by node and time, and for unusable rows: number of the file and line → the reason. A repeated row is
        left out; of rows that contradict each other none is used.
    """
    cells = Cells(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})
    faults: dict[tuple[int, int], str] = {}
    order = np.lexsort((cells.line, cells.member, cells.type, cells.start, cells.node))
    interval = _starts_anew(cells.node[order], cells.start[order])
    cell = interval | _starts_anew(cells.type[order])
    place_of = np.cumsum(cell) - 1
    first = order[cell][place_of] if len(order) else order
    differs = (cells.micro[order] != cells.micro[first]) | (cells.null[order] != cells.null[first])
    at_odds = np.isin(place_of, place_of[differs])
    for alike in np.split(order[at_odds], np.flatnonzero(np.diff(place_of[at_odds])) + 1) if at_odds.any() else ():
        faults |= _contradiction(cells, alike)
    usable = cell & ~at_odds
    order, group = order[usable], np.cumsum(interval)[usable] - 1
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


def _contradiction(cells: Cells, rows: Int64Array) -> dict[tuple[int, int], str]:
    """Rows with different values for one component of one price → the reason, with these values."""
    statements = "; ".join(
        f"line {cells.line[row]} states "
        + ("nothing" if cells.null[row] else f"{Decimal(int(cells.micro[row])).scaleb(-6).normalize():f}")
        for row in rows[:_SHOWN_ROWS].tolist()
    )
    more = f"; and {len(rows) - _SHOWN_ROWS} more lines" if len(rows) > _SHOWN_ROWS else ""
    reason = f"the document contradicts itself: {statements}{more} (of one node, interval and type)"
    return {(int(cells.member[row]), int(cells.line[row])): reason for row in rows.tolist()}


def _starts_anew(*sorted_columns: Int64Array) -> BoolArray:
    anew = np.ones(len(sorted_columns[0]), np.bool_)
    anew[1:] = False
    for column in sorted_columns:
        anew[1:] |= column[1:] != column[:-1]
    return anew
