"""Columns to a market table, with the columns about the statement, which are the same for all rows of a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from ingest.iso.market import NEVER, publication
from lakehouse.contract import TYPES, Contract
from lakehouse.source import LandOptions, RawFile


@dataclass(frozen=True)
class Statement:
    """The values that all rows of a document share.

    Args:
        published_at, published_basis: see `ingest.iso.market.publication`.
        is_simulated: whether the market is.
        source_object: SHA-256 of the bytes.
        member: file in the archive, None if the bytes are not an archive.
        received_at: when the bytes were received.
    """

    published_at: datetime
    published_basis: str
    is_simulated: bool
    source_object: str
    member: str | None
    received_at: datetime = NEVER


def statement(
    file: RawFile,
    options: LandOptions,
    member: str | None,
    stated: datetime | None = None,
    written: datetime | None = None,
) -> Statement:
    """The shared values of the rows of a document.

    Args:
        file: the bytes.
        options: land options.
        member: file in the archive.
        stated, written: see `ingest.iso.market.publication`.
    """
    at, basis = publication(file, stated, written)
    return Statement(at, basis, options.simulated, file.sha256, member, file.received_at or NEVER)


def rows_of(contract: Contract, shared: Statement, count: int, columns: Mapping[str, object]) -> pa.Table:
    """A table of a contract.

    Args:
        contract: its columns and types.
        shared: values that all rows share.
        count: rows.
        columns: name → an Arrow array, microseconds since 1970 for instants, or one value for all rows; a column that
            is neither here nor in `shared` is NULL.
    """
    values: dict[str, object] = {**vars(shared), **columns}
    arrays, fields = [], []
    for column in contract.columns:
        kind = TYPES[column.type][0]
        value = values.get(column.name)
        if isinstance(value, np.ndarray):
            array = pa.array(value, pa.int64()).cast(kind)
        elif isinstance(value, pa.Array):
            array = value
        elif column.name in ("source_object", "member") and value is not None:
            # A text of 64 characters costs four bytes a row.
            array = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([value], pa.string()))
        else:
            array = pa.repeat(pa.scalar(value, kind), count)
        arrays.append(array)
        fields.append(pa.field(column.name, array.type, nullable=column.nullable))
    return pa.table(arrays, schema=pa.schema(fields))
