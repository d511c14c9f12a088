"""Small parts of a file, put together before they are written: a bulk download has thousands of a few rows each."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from lakehouse.contract import Contract

#: Values that are worth a file of their own on the way to a commit: 50,000 prices, or 5,000 rows of a disclosure.
VALUES = 1_000_000


class Gathered:
    """Rows of one file by table, in their order.

    Args:
        enough: values that are written without waiting for more.
    """

    def __init__(self, enough: int = VALUES) -> None:
        self._enough = enough
        self._held: dict[str, tuple[Contract, list[pa.Table]]] = {}

    def add(self, contract: Contract, rows: pa.Table) -> Iterator[pa.Table]:
        """Take a part; gives what is to be written now.

        Args:
            rows: of the file, after those that were added before; parts of one schema are put together.
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
        """What is left at the end of the file."""
        for contract, held in self._held.values():
            if held:
                yield contract, pa.concat_tables(held)
