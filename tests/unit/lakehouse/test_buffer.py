"""Parts of a file are put together in their order, whatever their sizes, and nothing is lost."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.iso.contracts import AS_PRICES, PRICES
from lakehouse.landing.buffer import Buffer


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 15), st.booleans()), max_size=12))
def test_rows_come_out_once_and_in_order_in_parts_that_are_large_or_the_last(
    parts: list[tuple[bool, int, bool]],
) -> None:
    sent: dict[str, list[int]] = {PRICES.name: [], AS_PRICES.name: []}
    found: dict[str, list[pa.Table]] = {PRICES.name: [], AS_PRICES.name: []}
    unit = Buffer(enough=10)
    count = 0
    for is_price, size, is_wide in parts:
        contract = PRICES if is_price else AS_PRICES
        numbers = pa.array(range(count, count + size), pa.int64() if is_wide else pa.int32())
        count += size
        sent[contract.name] += numbers.to_pylist()
        found[contract.name] += unit.add(contract, pa.table({"n": numbers}))
    for contract, rows in unit.rest():
        found[contract.name].append(rows)
    for name, tables in found.items():
        assert [value for table in tables for value in table["n"].to_pylist()] == sent[name]
        assert all(table.num_rows for table in tables)


def test_a_thousand_small_documents_are_written_together() -> None:
    unit = Buffer()
    assert [part for _ in range(1_000) for part in unit.add(PRICES, pa.table({"n": [1, 2, 3]}))] == []
    assert [(contract, rows.num_rows) for contract, rows in unit.rest()] == [(PRICES, 3_000)]
