"""Contradictions inside a document: rows of one key with different numbers do not land, because none is known as right.

Equal rows count as one; rows that differ are refused together, each by its line, with the key and all stated values.
Repetitions are known only at the end of a document, which is read in pieces: if there are any, it is read again. Two
documents that differ are a correction: their statements have keys of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contract import Contract
from lakehouse.source import REJECTS_SCHEMA, Parsed

UInt64Array = npt.NDArray[np.uint64]

#: Number of rows of one key, and of differing columns, that a reason shows; a row may be repeated a thousand times.
SHOWN_ROWS, SHOWN_COLUMNS = 4, 3
_KEY = "__key"
#: Increment and multipliers of splitmix64, which spreads numbers evenly over 64 bits.
_STEP, _FIRST, _SECOND = (np.uint64(value) for value in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


@dataclass(frozen=True)
class _Refusal:
    """The reason why a row does not land; `field` distinguishes prices of one line."""

    field: str
    reason: str


#: File in the archive, line and table number of a row's key → the reason why it does not land.
_Refusals = dict[tuple[str | None, int, int], _Refusal]


def without_contradictions(contracts: Sequence[Contract], read: Callable[[], Iterator[Parsed]]) -> Iterator[Parsed]:
    """The pieces of a document; if rows contradict each other, all pieces once more without these rows.

    Args:
        contracts: of the tables that are looked at, each with the column `line`, and `member` where a document holds
            several files; rows of others pass.
        read: reads the document from its start, the same each time.
    """
    keys = _Keys(contracts)
    seen: dict[str, list[UInt64Array]] = defaultdict(list)
    for piece in read():
        for name, rows in keys.looked_at(piece):
            seen[name].append(keys.of(name, rows))
        yield piece
    repeated = {name: _twice(np.concatenate(parts)) for name, parts in seen.items()}
    if not any(len(numbers) for numbers in repeated.values()):
        return
    refused = _refusals(keys, repeated, read())
    if not refused:
        return
    doubted = np.unique(np.array([key for *_, key in refused], np.uint64))
    for number, piece in enumerate(read()):
        yield replace(_without(piece, keys, doubted, refused), restarts=number == 0)


class _Keys:
    """Numbers rows by their keys, the same number for the same key in every piece of a document."""

    def __init__(self, contracts: Sequence[Contract]) -> None:
        self.contracts = {contract.name: contract for contract in contracts}
        self._texts: dict[str | None, int] = {}

    def looked_at(self, piece: Parsed) -> list[tuple[str, pa.Table]]:
        """The tables of a piece whose rows are numbered."""
        return [(name, rows) for name, rows in piece.tables.items() if name in self.contracts]

    def of(self, name: str, rows: pa.Table) -> UInt64Array:
        """A number for every row, from its key without the bytes, which are the same for the whole document."""
        mixed = np.zeros(rows.num_rows, np.uint64)
        for column in self.contracts[name].key:
            if column != "source_object":
                mixed = _mix(mixed + self._numbered(rows.column(column)))
        return mixed

    def _numbered(self, cells: pa.ChunkedArray) -> UInt64Array:
        if pa.types.is_dictionary(cells.type) or pa.types.is_string(cells.type):
            encoded = cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
            parts = [
                np.array(
                    [self._texts.setdefault(text, len(self._texts)) for text in (*chunk.dictionary.to_pylist(), None)]
                )[pc.fill_null(chunk.indices, len(chunk.dictionary)).to_numpy(zero_copy_only=False)]
                for chunk in encoded.chunks
                if len(chunk)
            ]
            return np.concatenate(parts).astype(np.uint64) if parts else np.zeros(0, np.uint64)
        wide = pa.int32() if pa.types.is_date(cells.type) else pa.int64()
        numbers = np.asarray(pc.fill_null(cells.cast(wide), 0).to_numpy(), dtype=np.int64)
        return numbers.view(np.uint64)


def _mix(values: UInt64Array) -> UInt64Array:
    values = values + _STEP
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))


def _twice(numbers: UInt64Array) -> UInt64Array:
    ordered = np.sort(numbers)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _refusals(keys: _Keys, repeated: Mapping[str, UInt64Array], pieces: Iterator[Parsed]) -> _Refusals:
    """The rows of repeated keys that contradict each other."""
    held: dict[str, list[pa.Table]] = defaultdict(list)
    for piece in pieces:
        for name, rows in keys.looked_at(piece):
            numbers = keys.of(name, rows)
            mine = np.isin(numbers, repeated[name])
            if mine.any():
                plain = rows.filter(pa.array(mine)).cast(keys.contracts[name].arrow_schema)
                held[name].append(plain.append_column(_KEY, pa.array(numbers[mine])))
    refused: _Refusals = {}
    for name, parts in held.items():
        contract, rows = keys.contracts[name], pa.concat_tables(parts)
        for column in contract.compared:
            if pa.types.is_floating(rows.column(column).type):  # -0.0 equals 0.0
                at = rows.column_names.index(column)
                rows = rows.set_column(at, column, pc.add(rows.column(column), 0.0))
        counts = rows.group_by(_KEY).aggregate(
            [(column, "count_distinct", pc.CountOptions(mode="all")) for column in contract.compared]
        )
        differ = {column: np.asarray(counts.column(f"{column}_count_distinct")) > 1 for column in contract.compared}
        at_odds = np.logical_or.reduce(list(differ.values()))
        columns_of = {
            int(key): [column for column, mask in differ.items() if mask[place]]
            for place, key in enumerate(counts.column(_KEY).to_pylist())
            if at_odds[place]
        }
        of_key: dict[int, list[dict[str, object]]] = defaultdict(list)
        for row in rows.filter(pc.is_in(rows.column(_KEY), pa.array(list(columns_of), pa.uint64()))).to_pylist():
            of_key[row[_KEY]].append(row)
        for key, statements in of_key.items():
            columns = columns_of[key]
            why = _Refusal(str(statements[0].get("product") or columns[0]), _reason(contract, columns, statements))
            for row in statements:
                refused[_member(row), int(str(row["line"])), key] = why
    return refused


def _reason(contract: Contract, columns: Sequence[str], statements: Sequence[Mapping[str, object]]) -> str:
    """The key of some rows, and the values of each."""
    one = len({_member(row) for row in statements}) == 1
    values = "; ".join(
        f"line {row['line']}{'' if one else f' of {_member(row)}'} states "
        + ", ".join(f"{column} {_shown(row[column])}" for column in columns[:SHOWN_COLUMNS])
        for row in statements[:SHOWN_ROWS]
    )
    more = f"; and {len(statements) - SHOWN_ROWS} more lines" if len(statements) > SHOWN_ROWS else ""
    key = ", ".join(
        f"{name} {_shown(statements[0][name])}"
        for name in contract.key
        if name not in contract.statement and statements[0][name] != ""
    )
    return f"the document contradicts itself: {values}{more} (of {key})"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _member(row: Mapping[str, object]) -> str | None:
    name = row.get("member")
    return None if name is None else str(name)


def _without(piece: Parsed, keys: _Keys, doubted: UInt64Array, refused: _Refusals) -> Parsed:
    """A piece without the refused rows, which are added to its rejects."""
    tables, rejects = dict(piece.tables), []
    for name, rows in keys.looked_at(piece):
        numbers = keys.of(name, rows)
        suspects = np.flatnonzero(np.isin(numbers, doubted))
        keep = np.ones(rows.num_rows, np.bool_)
        places = rows.select([name for name in ("member", "line") if name in rows.column_names])
        for at in suspects.tolist():
            (place,) = places.slice(at, 1).to_pylist()
            member, line = _member(place), place["line"]
            if why := refused.get((member, line, int(numbers[at]))):
                keep[at] = False
                field = f"{member}: {why.field}" if member else why.field
                text = piece.shown(line) if piece.shown else None
                rejects.append({"line": line, "field": field, "reason": why.reason, "raw_text": text})
        tables[name] = rows if keep.all() else rows.filter(pa.array(keep))
    if not rejects:
        return piece
    found = pa.concat_tables([piece.rejects, pa.Table.from_pylist(rejects, schema=REJECTS_SCHEMA)])
    return replace(piece, tables=tables, rejects=found)
