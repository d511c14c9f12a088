"""Parsed rows of one run, staged as Parquet until the commit; observations have a row group per series and month."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.contract import Contract
from lakehouse.errors import ContractViolation

Int64Array = npt.NDArray[np.int64]

SEQUENCE = "__sequence"  # arrival order of the file inside the run
ORDINAL = "__ordinal"  # order of the row inside the file

#: Rows in a row group of staged statements, so that a commit reads wide rows a few at a time.
ROW_GROUP_ROWS = 8_192

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Piece:
    """Rows of one series inside one UTC month, in order of time: one row group of a staged file.

    Args:
        series: values of the contract's touch columns (asset, signal).
        month: months since 1970-01.
        sequence: of their file.
        path, row_group: where they are staged.
        rows: their number.
        first_us, last_us: their first and last instant, microseconds since 1970.
        days: runs of UTC days with rows, (first, last), in days since 1970.
    """

    series: tuple[str, ...]
    month: int
    sequence: int
    path: Path
    row_group: int
    rows: int
    first_us: int
    last_us: int
    days: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Staged:
    """Staged rows of one file.

    Args:
        contract: whose rows they are.
        path: the Parquet file, with `SEQUENCE` and `ORDINAL` beside the contract's columns.
        pieces: its row groups; None where the contract has no series of instants, or a key occurs twice.
    """

    contract: Contract
    path: Path
    pieces: tuple[Piece, ...] | None


class Staging:
    """The staged rows of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._staged: dict[str, list[Staged]] = {}

    def add(self, contract: Contract, sequence: int, rows: pa.Table) -> None:
        """Stage the rows of one file.

        Raises:
            ContractViolation: the columns are not those of the contract, or a required value is missing.
        """
        if rows.num_rows:
            self.keep([self.write(contract, sequence, 0, rows)])

    def write(self, contract: Contract, sequence: int, first_ordinal: int, rows: pa.Table) -> Staged:
        """Write some rows of a file, for `keep` to take; safe to call from several threads.

        Args:
            contract: whose rows they are.
            sequence: order of the file in the run.
            first_ordinal: rows of the file that came before.
            rows: at least one; text columns may be dictionary-encoded.

        Raises:
            ContractViolation: as `add`.
        """
        rows = _conforming(contract, rows)
        count = rows.num_rows
        once = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([sequence], pa.int64()))
        rows = rows.append_column(SEQUENCE, once)
        rows = rows.append_column(ORDINAL, pa.array(np.arange(first_ordinal, first_ordinal + count, dtype=np.int64)))
        path = self.folder / f"{contract.name}-{sequence:06d}-{uuid.uuid4().hex[:8]}.parquet"
        if not _has_series(contract):
            pq.write_table(rows, path, compression="lz4", row_group_size=ROW_GROUP_ROWS)
            return Staged(contract, path, None)
        return Staged(contract, path, _write_pieces(contract, sequence, rows, path))

    def keep(self, staged: list[Staged]) -> None:
        """Add what `write` returned to the run."""
        for part in staged:
            self._staged.setdefault(part.contract.name, []).append(part)

    def release(self) -> None:
        """Forget everything that was kept so far; the files stay."""
        self._staged.clear()

    @staticmethod
    def drop(staged: list[Staged]) -> None:
        """Delete files that `write` wrote and that are not kept."""
        for part in staged:
            part.path.unlink()

    def files(self, contract: Contract) -> list[Path]:
        """The Parquet files staged for a table."""
        return [part.path for part in self._staged.get(contract.name, [])]

    def pieces(self, contract: Contract) -> list[Piece] | None:
        """All row groups staged for a table; None if one of its files has no pieces."""
        found: list[Piece] = []
        for part in self._staged.get(contract.name, []):
            if part.pieces is None:
                return None
            found += part.pieces
        return found


def _has_series(contract: Contract) -> bool:
    """Whether rows are observations: keyed and sorted by series and instant."""
    series = (*contract.touch, contract.time_column)
    return contract.time_column is not None and contract.key == series and contract.sort == series


def _conforming(contract: Contract, rows: pa.Table) -> pa.Table:
    """The contract's columns in their types; text may stay dictionary-encoded."""
    try:
        rows = rows.select(contract.arrow_schema.names)
        for index, field in enumerate(contract.arrow_schema):
            kind = rows.schema.field(index).type
            if kind != field.type and not (pa.types.is_dictionary(kind) and kind.value_type == field.type):
                rows = rows.set_column(index, field.name, rows.column(index).cast(field.type))
    except (KeyError, ValueError, pa.ArrowInvalid) as error:
        raise ContractViolation(
            f"parsed rows do not fit contract {contract.name}: {error}", "this is a fault of the source's parser"
        ) from error
    broken = [c.name for c in contract.columns if not c.nullable and rows.column(c.name).null_count]
    if broken:
        raise ContractViolation(
            f"parsed rows of {contract.name} have no value in {', '.join(broken)}",
            "this is a fault of the source's parser: refused rows belong in its rejects",
        )
    return rows


def _write_pieces(contract: Contract, sequence: int, rows: pa.Table, path: Path) -> tuple[Piece, ...] | None:
    """Write rows series by series, each in order of time and cut at months.

    Returns:
        The row groups, or None if a series has two rows of one instant.
    """
    rows, series = _by_series(contract, rows)
    pieces: list[Piece] = []
    repeats = False
    texts = [c.name for c in contract.columns if c.type == "string" and not c.nullable]
    time = contract.time_column
    with pq.ParquetWriter(
        path, rows.schema, compression="lz4", use_dictionary=[*texts, SEQUENCE], write_statistics=[time],
        column_encoding={time: "DELTA_BINARY_PACKED", ORDINAL: "DELTA_BINARY_PACKED"},
        store_schema=False,
    ) as writer:  # fmt: skip
        for names, start, count in series:
            part = rows.slice(start, count)
            instants = micros(part.column(time))
            if not (np.diff(instants) > 0).all():
                order = np.argsort(instants, kind="stable")
                part, instants = part.take(pa.array(order)), instants[order]
                repeats |= not (np.diff(instants) > 0).all()
            for month, first, last in month_stretches(instants):
                writer.write_table(part.slice(first, last - first), row_group_size=last - first)
                inside = instants[first:last]
                span = int(inside[0]), int(inside[-1])
                pieces.append(
                    Piece(names, month, sequence, path, len(pieces), last - first, *span, _runs_of_days(inside))
                )
    return None if repeats else tuple(pieces)


def _by_series(contract: Contract, rows: pa.Table) -> tuple[pa.Table, list[tuple[tuple[str, ...], int, int]]]:
    """Rows grouped by series, each in order of arrival, and the groups: (names, start, count)."""
    codes = np.zeros(rows.num_rows, np.int64)
    values: list[list[str]] = []
    for name in contract.touch:
        column = rows.column(name)
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        merged = encoded.unify_dictionaries().combine_chunks()
        if isinstance(merged, pa.ChunkedArray):
            merged = merged.chunk(0)
        values.append(merged.dictionary.to_pylist())
        codes = codes * max(len(values[-1]), 1) + np.asarray(merged.indices.to_numpy(), dtype=np.int64)
    steps = np.flatnonzero(np.diff(codes))
    if len(steps) and len(np.unique(codes[np.append(steps, len(codes) - 1)])) <= len(steps):
        order = np.argsort(codes, kind="stable")
        rows, codes = rows.take(pa.array(order)), codes[order]
        steps = np.flatnonzero(np.diff(codes))
    starts = [0, *(steps + 1).tolist(), len(codes)]
    stretches = []
    for start, stop in pairwise(starts):
        code, names = int(codes[start]), []
        for listed in reversed(values):
            names.append(listed[code % len(listed)])
            code //= len(listed)
        stretches.append((tuple(reversed(names)), start, stop - start))
    return rows, stretches


def micros(column: pa.ChunkedArray) -> Int64Array:
    """Instants as microseconds since 1970."""
    return np.asarray(pc.cast(column, pa.int64()).to_numpy(), dtype=np.int64)


def month_stretches(instants: Int64Array) -> list[tuple[int, int, int]]:
    """Stretches of one UTC month in rows that are in order of months: (months since 1970, first row, row after)."""
    ends = instants[[0, -1]].astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    months = np.arange(ends[0], ends[1] + 2)
    # Where rows are in order of months, those before the start of one lie before it, whatever their order inside it.
    edges = np.searchsorted(instants, months.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64))
    return [
        (int(month), int(first), int(last))
        for month, first, last in zip(months[:-1], edges[:-1], edges[1:], strict=True)
        if last > first
    ]


def _runs_of_days(instants: Int64Array) -> tuple[tuple[int, int], ...]:
    """Runs of UTC days in sorted instants: (first, last)."""
    days = instants // DAY_US
    days = days[np.append(True, np.diff(days) > 0)]
    cuts = np.flatnonzero(np.diff(days) > 1)
    firsts, lasts = days[np.append(0, cuts + 1)], days[np.append(cuts, len(days) - 1)]
    return tuple(zip(firsts.tolist(), lasts.tolist(), strict=True))
