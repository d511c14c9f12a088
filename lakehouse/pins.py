"""Pins: the snapshot of every table that a build or a query reads."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.catalog import RAW, located, open_catalog, refuse_elsewhere
from lakehouse.engine import identifier, quote
from lakehouse.errors import MEND, BrokenHome
from lakehouse.outages import explained
from lakehouse.settings import Settings
from lakehouse.storage import storage_at

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from lakehouse.contract import Contract

#: Snapshot property: the touched keys and days of the commit, packed.
TOUCHED = "wattlake.touched"
#: Snapshot property of commits that move bytes and change no row (compaction).
NO_CHANGE = "wattlake.no-change"

#: Sequence number of a table's first snapshot. A snapshot whose parent has expired has no parent either, so only this
#: number distinguishes the first snapshot from a cut history.
FIRST_SEQUENCE = 1

#: touch-key values → runs of UTC days (first, last), as days since 1970; None for tables without time.
Touched = dict[tuple[str, ...], list[tuple[int, int]] | None]


@dataclass(frozen=True)
class Pin:
    """One snapshot of one table.

    Args:
        table: name inside the namespace.
        metadata: location of a metadata file that lists the snapshot.
        snapshot_id: None for a table into which nothing has landed.
        columns: names of the table's columns.
    """

    table: str
    metadata: str
    snapshot_id: int | None
    columns: frozenset[str]

    def scan(self) -> str:
        """SQL that reads the pinned rows through DuckDB's Iceberg scan, with filters pushed down."""
        if self.snapshot_id is None:
            return f"iceberg_scan({quote(self.metadata)})"
        return f"iceberg_scan({quote(self.metadata)}, snapshot_from_id={self.snapshot_id})"

    def select(self, contract: Contract) -> str:
        """SELECT of the contract's columns in order; columns that the table does not have yet are NULL."""
        from lakehouse.contract import TYPES

        columns = ", ".join(
            identifier(c.name) if c.name in self.columns else f"NULL::{TYPES[c.type][1]} AS {identifier(c.name)}"
            for c in contract.columns
        )
        return f"SELECT {columns} FROM {self.scan()}"


def pin_all(settings: Settings, contracts: Iterable[Contract]) -> dict[str, Pin]:
    """One snapshot of every raw table that exists, by table name.

    Raises:
        BrokenHome: the catalog or a table's metadata cannot be read, or the tables lie elsewhere.
    """
    with explained():
        tables = located(settings)
    if tables is None:
        catalog = open_catalog(settings)
        return {contract.name: found for contract in contracts if (found := pin(catalog, contract))}
    refuse_elsewhere(settings, tables)
    located_raw = {contract.name: tables.get((RAW, contract.name)) for contract in contracts}
    return {name: pin_at(settings, name, location) for name, location in located_raw.items() if location}


def pin_at(settings: Settings, name: str, location: str) -> Pin:
    """The current snapshot in a metadata file of a raw table.

    Raises:
        BrokenHome: the file cannot be read.
    """
    try:
        metadata = json.loads(storage_at(settings, settings.warehouse).read(location))
        columns = _columns(metadata)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenHome(f"the metadata of raw.{name} cannot be read: {error}", MEND) from error
    current = metadata.get("current-snapshot-id")
    # In older metadata -1 means that there is no snapshot.
    return Pin(name, location, None if current == -1 else current, columns)


def _columns(metadata: dict[str, Any]) -> frozenset[str]:
    """Column names of a table, from its metadata document."""
    schemas = {schema["schema-id"]: schema for schema in metadata["schemas"]}
    return frozenset(field["name"] for field in schemas[metadata["current-schema-id"]]["fields"])


def keep(settings: Settings, pinned: Pin, folder: Path) -> Pin:
    """The same pin on a copy of its metadata file, for work that may outlive the file.

    Each commit drops the oldest metadata file of the table; the snapshot's own files stay for `snapshot_days`.
    """
    path = folder / f"{pinned.table}.metadata.json"
    path.write_bytes(storage_at(settings, settings.warehouse).read(pinned.metadata))
    return replace(pinned, metadata=str(path))


def pin(catalog: Catalog, contract: Contract, namespace: str = RAW) -> Pin | None:
    """The table's current snapshot, or None where the table does not exist."""
    from pyiceberg.exceptions import NoSuchTableError

    try:
        table = catalog.load_table((namespace, contract.name))
    except NoSuchTableError:
        return None
    return pin_of(table)


def pin_of(table: Table) -> Pin:
    """The current snapshot of a loaded table."""
    snapshot = table.current_snapshot()
    columns = frozenset(table.schema().column_names)
    return Pin(table.name()[-1], table.metadata_location, snapshot.snapshot_id if snapshot else None, columns)


def empty_select(contract: Contract) -> str:
    """A typed SELECT without rows, for tables that do not exist yet."""
    from lakehouse.contract import TYPES

    columns = ", ".join(f"NULL::{TYPES[c.type][1]} AS {identifier(c.name)}" for c in contract.columns)
    return f"SELECT {columns} WHERE false"


def pack_touched(touched: Touched) -> str:
    """Touched keys as compressed text for a snapshot property: 600 signals take about 6 kB."""
    rows = [[list(key), runs] for key, runs in sorted(touched.items())]
    return base64.b85encode(zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 9)).decode()


def unpack_touched(text: str) -> Touched:
    """The reverse of `pack_touched`."""
    rows = json.loads(zlib.decompress(base64.b85decode(text)))
    return {tuple(key): None if runs is None else [(a, b) for a, b in runs] for key, runs in rows}


def touched_since(table: Table, snapshot_id: int | None) -> Iterator[Touched] | None:
    """The touched keys and days of the commits after a pinned snapshot, newest first.

    Returns:
        None if they are unknown: the pin is no longer an ancestor, or a commit does not say what it touched.
    """
    found: list[Touched] = []
    current = table.current_snapshot()
    while current is not None and current.snapshot_id != snapshot_id:
        properties = current.summary.additional_properties if current.summary else {}
        if properties.get(NO_CHANGE) != "true":
            if TOUCHED not in properties:
                return None
            found.append(unpack_touched(properties[TOUCHED]))
        parent = current.parent_snapshot_id
        if parent is None and current.sequence_number != FIRST_SEQUENCE:
            return None  # expiry has dropped the earlier snapshots
        current = table.snapshot_by_id(parent) if parent is not None else None
        if parent is not None and current is None:
            return None
    if current is None and snapshot_id is not None:
        return None
    return iter(found)
