"""Lands hand-made rows, for tests of the writer."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from lakehouse.catalog import open_catalog
from lakehouse.contract import observations
from lakehouse.pins import pin
from lakehouse.reader import rows_of
from lakehouse.settings import Settings
from lakehouse.writing.staging import Staging
from lakehouse.writing.writer import Landed, merge

CONTRACT = observations("thing", "Observations of things.")
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)

#: (asset, signal, minute, value)
Row = tuple[str, str, int, int]


def rows(values: Sequence[Row], source_object: str = "bytes") -> pa.Table:
    """Observations from short rows; the line is the position."""
    return pa.Table.from_pylist(
        [
            {
                "asset_id": asset,
                "signal": signal,
                "ts": EPOCH + timedelta(minutes=minute),
                "interval_end": None,
                "value": float(value),
                "value_exact": Decimal(value),
                "text": None,
                "source_object": source_object,
                "line": line,
            }
            for line, (asset, signal, minute, value) in enumerate(values, start=1)
        ],
        schema=CONTRACT.arrow_schema,
    )


def land(
    settings: Settings,
    *files: Sequence[Row],
    void: Mapping[str, Sequence[str]] | None = None,
    source: str = "bytes",
) -> Landed:
    """Land files in the order given, as one commit."""
    staging = Staging(settings.temporary("land", uuid.uuid4().hex))
    for sequence, values in enumerate(files):
        staging.add(CONTRACT, sequence, rows(values, source))
    return merge(
        settings, open_catalog(settings), CONTRACT, staging, properties={"wattlake.run": "r"},
        void=void,
    )  # fmt: skip


def stored(settings: Settings) -> list[Row]:
    """What the table holds, in key order."""
    pinned = pin(open_catalog(settings), CONTRACT)
    if pinned is None:  # nothing has landed
        return []
    found = rows_of(settings, f"SELECT asset_id, signal, ts, value FROM ({pinned.select(CONTRACT)}) ORDER BY 1, 2, 3")
    return [(a, s, int((ts - EPOCH).total_seconds() // 60), int(v)) for a, s, ts, v in found]
