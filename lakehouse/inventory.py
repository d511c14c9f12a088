"""The inventory: every table with rows, bytes, span, freshness and snapshot, read from Iceberg metadata alone.

The contract says how old the newest row may be, and only this module compares: `wattlake catalog` and the hourly
freshness check agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lakehouse.catalog import MARTS, RAW, open_catalog
from lakehouse.contract import Contract
from lakehouse.ops import BUILDS, SLICES, TABLES, Ops
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyiceberg.table import Table

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TableState:
    """One table as it is.

    Args:
        table: with its schema.
        rows, bytes: totals; bytes are None for ops tables.
        first, last: its earliest and latest instant, if it has time.
        written_at: time of the last landing or build that changed it, from ops.
        freshness: 'fresh', 'stale', or '-' where no contract says how old it may be.
        snapshot_id: current Iceberg snapshot.
        description: one sentence.
    """

    table: str
    rows: int
    bytes: int | None
    first: datetime | None
    last: datetime | None
    written_at: datetime | None
    freshness: str
    snapshot_id: int | None
    description: str


@dataclass(frozen=True)
class Freshness:
    """The age of the newest row of a raw table.

    Args:
        contract: of the table; it says how old the newest row may be.
        newest: instant of the newest row, UTC.
        age: time from then to now; negative for rows of the future.
    """

    contract: Contract
    newest: datetime
    age: timedelta

    @property
    def stale(self) -> bool:
        """Whether the newest row is older than the contract allows."""
        return self.age > timedelta(hours=self.contract.fresh_within_hours or 0)

    def __str__(self) -> str:
        name, hours = f"raw.{self.contract.name}", self.age.total_seconds() / 3600
        allowed = f"its contract allows {self.contract.fresh_within_hours:g}"
        return f"{name}: the newest row is of {self.newest:%Y-%m-%d %H:%M} UTC, {hours:,.1f} hours old; {allowed}"


def freshness(settings: Settings, contracts: Sequence[Contract]) -> list[Freshness]:
    """The freshness of the raw tables whose contracts limit it; tables without rows are left out."""
    catalog = open_catalog(settings)
    existing = {name for _, name in catalog.list_tables(RAW)}
    found = []
    for contract in sorted(contracts, key=lambda contract: contract.name):
        if contract.fresh_within_hours and contract.name in existing:
            _, newest = _span(catalog.load_table((RAW, contract.name)))
            if newest:
                found.append(_freshness(contract, newest))
    return found


def _freshness(contract: Contract, newest: datetime) -> Freshness:
    return Freshness(contract, newest, datetime.now(UTC) - newest)


def inventory(settings: Settings, contracts: Sequence[Contract]) -> list[TableState]:
    """State of all raw, marts and ops tables."""
    catalog = open_catalog(settings)
    ops = Ops(settings)
    written = _written(ops)
    by_name = {contract.name: contract for contract in contracts}
    states = []
    for namespace in (RAW, MARTS):
        for _, name in sorted(catalog.list_tables(namespace)):
            contract = by_name.get(name) if namespace == RAW else None
            at = written.get(name if namespace == RAW else "")
            states.append(_state(catalog.load_table((namespace, name)), f"{namespace}.{name}", contract, at))
    for table in TABLES:
        row = ops.query(sa.select(sa.func.count(), sa.func.min(table.c.started_at), sa.func.max(table.c.started_at)))[0]
        first, last = (_utc(value) for value in row[1:])
        states.append(TableState(f"ops.{table.name}", row[0], None, first, last, last, "-", None, ""))
    return states


def _utc(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value else None


def _written(ops: Ops) -> dict[str, datetime]:
    """Raw table → time of the last slice that changed it; '' → time of the last published build."""
    slices, builds = SLICES.c, BUILDS.c
    landed = sa.select(slices.table_name, sa.func.max(slices.finished_at)).where(slices.snapshot_id.is_not(None))
    rows = [tuple(row) for row in ops.query(landed.group_by(slices.table_name))]
    rows += [
        ("", row[0]) for row in ops.query(sa.select(sa.func.max(builds.finished_at)).where(builds.status == "done"))
    ]
    return {name: at.replace(tzinfo=UTC) for name, at in rows if at}


def _state(table: Table, name: str, contract: Contract | None, written_at: datetime | None) -> TableState:
    snapshot = table.current_snapshot()
    description = contract.description if contract else ""
    if snapshot is None or snapshot.summary is None:
        return TableState(name, 0, 0, None, None, None, "-", None, description)
    properties = snapshot.summary.additional_properties
    first, last = _span(table)
    written = written_at or EPOCH + timedelta(milliseconds=snapshot.timestamp_ms)
    word = "-"
    if contract and contract.fresh_within_hours and last:
        word = "stale" if _freshness(contract, last).stale else "fresh"
    rows = int(properties.get("total-records", 0))
    size = int(properties.get("total-files-size", 0))
    return TableState(name, rows, size, first, last, written, word, snapshot.snapshot_id, description)


def _span(table: Table) -> tuple[datetime | None, datetime | None]:
    """Earliest and latest instant of the partition column, from the bounds of the data files."""
    from pyiceberg.conversions import from_bytes
    from pyiceberg.types import TimestamptzType

    fields = table.spec().fields
    if not fields:
        return None, None
    source_id, instant = fields[0].source_id, TimestamptzType()
    files = [task.file for task in table.scan().plan_files()]
    lows = [from_bytes(instant, f.lower_bounds[source_id]) for f in files if source_id in f.lower_bounds]
    highs = [from_bytes(instant, f.upper_bounds[source_id]) for f in files if source_id in f.upper_bounds]
    if not lows or not highs:
        return None, None
    return EPOCH + timedelta(microseconds=int(min(lows))), EPOCH + timedelta(microseconds=int(max(highs)))
