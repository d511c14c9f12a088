"""A transaction whose cost does not grow with the table's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.table import Table, Transaction
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableUpdate


def committing(table: Table) -> Transaction:
    """A transaction that computes its staged metadata once per staged update.

    pyiceberg makes a deep copy of all snapshots at every access to `Transaction.table_metadata`, 15 times a commit: at
    300 snapshots that took 0.53 s of a commit of 0.64 s.
    """
    from pyiceberg.table import Transaction

    class Committing(Transaction):
        _staged: tuple[TableMetadata, tuple[TableUpdate, ...], TableMetadata] | None = None

        @property
        def table_metadata(self) -> TableMetadata:
            base, updates = self._table.metadata, self._updates
            if not updates:
                return base
            if self._staged is None or self._staged[0] is not base or self._staged[1] is not updates:
                self._staged = (base, updates, super().table_metadata)
            return self._staged[2]

    return Committing(table)
