"""The contract's row checks before landing: a row that breaks the contract goes to quarantine with its reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contract import Column, Contract

FIRST_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
LAST_INSTANT = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Refusal:
    """One row that breaks the contract.

    Args:
        row: index in the checked table.
        field: the column at fault.
        reason: what is wrong with it.
        raw_text: the parsed row as JSON, instants in microseconds since 1970.
    """

    row: int
    field: str
    reason: str
    raw_text: str


def check(contract: Contract, rows: pa.Table) -> tuple[pa.Table, list[Refusal]]:
    """Split rows into those that satisfy the contract and refusals.

    Args:
        contract: whose nullability, ranges and closed lists are checked.
        rows: in the contract's columns.

    Returns:
        The good rows in their order, and one refusal for each bad row (its first fault).
    """
    faults: dict[int, tuple[str, str]] = {}
    for column in contract.columns:
        tests = _tests(column, rows.column(column.name))
        if column.name == contract.time_column:
            tests += _instants(column, rows.column(column.name))
        for mask, reason in tests:
            for row in pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist():
                faults.setdefault(row, (column.name, reason))
    if not faults:
        return rows, []
    plain = [f.with_type(pa.int64()) if pa.types.is_timestamp(f.type) else f for f in rows.schema]
    shown = rows.cast(pa.schema([f.with_nullable(True) for f in plain]))
    refusals = [
        Refusal(row, name, reason, json.dumps(shown.slice(row, 1).to_pylist()[0], default=str))
        for row, (name, reason) in sorted(faults.items())
    ]
    keep = pa.array([row not in faults for row in range(rows.num_rows)])
    return rows.filter(keep), refusals


def _instants(column: Column, values: pa.ChunkedArray) -> list[tuple[pa.ChunkedArray, str]]:
    """Refuse years outside of those that calendars and partitions are made for."""
    first, last = (pa.scalar(value, values.type) for value in (FIRST_INSTANT, LAST_INSTANT))
    outside = pc.or_(pc.less(values, first), pc.greater_equal(values, last))
    reason = f"{column.name} lies outside of {FIRST_INSTANT.year} to {LAST_INSTANT.year}"
    return [(outside, reason)] if pc.any(outside).as_py() else []


def _tests(column: Column, values: pa.ChunkedArray) -> list[tuple[pa.ChunkedArray, str]]:
    tests = []
    if not column.nullable and values.null_count:
        tests.append((pc.is_null(values), f"{column.name} must have a value"))
    if column.minimum is not None:
        tests.append((pc.less(values, column.minimum), f"{column.name} is below {column.minimum:g}"))
    if column.maximum is not None:
        tests.append((pc.greater(values, column.maximum), f"{column.name} is above {column.maximum:g}"))
    if column.type == "double":
        finite = pc.is_finite(values)
        if not pc.all(finite).as_py():
            tests.append((pc.invert(finite), f"{column.name} is not a finite number"))
    if column.allowed is not None:
        tests.append(
            (
                pc.invert(pc.is_in(values, pa.array(column.allowed))),
                f"{column.name} is none of {', '.join(column.allowed)}",
            )
        )
    return tests
