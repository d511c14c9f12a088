"""A buffer for the small pieces of a file: a bulk download has thousands, of a few rows each."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from lakehouse.contract import Contract

#: Values that are worth a staged file of their own: 50,000 prices, or 5,000 rows of a disclosure.
VALUES = 1_000_000


class Buffer:
    """Rows of one file, by table and in their order.

    Args:
        enough: number of values from which on rows are written.
    """

    def __init__(self, enough: int = VALUES) -> None:
        self._enough = enough
        self._held: dict[str, tuple[Contract, list[pa.Table]]] = {}

    def add(self, contract: Contract, rows: pa.Table) -> Iterator[pa.Table]:
        """Take a piece; yields the rows to write now.

        Args:
            rows: of the file, after those that were added before; neighbours of one schema are concatenated.
        """
        if not rows.num_rows:
            return
        held = self._held.setdefault(contract.name, (contract, []))[1]
        if held and held[0].schema != rows.schema:
            yield pa.concat_tables(held)
            held.clear()
        held.append(rows)
        if sum(part.num_rows for part in held) * rows.num_columns >= self._enough:
            yield pa.concat_tables(held)
            held.clear()

    def rest(self) -> Iterator[tuple[Contract, pa.Table]]:
        """Yield the rows that are left at the end of the file."""
        for contract, held in self._held.values():
            if held:
                yield contract, pa.concat_tables(held)
