"""Checks of rows against their contract before they land."""

from __future__ import annotations

import json

import pyarrow as pa

from lakehouse.contract import Column, Contract
from lakehouse.intake import check

CONTRACT = Contract(
    name="checked",
    description="Rows that are checked.",
    grain="one row",
    columns=(
        Column("name", "string", "Name.", nullable=False), Column("price", "decimal(18,6)", "Price.", nullable=False),
    ),
    key=("name",),
    mode="merge",
    time_column=None,
    touch=(),
    sort=("name",),
)  # fmt: skip


def test_a_missing_value_is_refused_although_the_rows_claim_to_have_none_missing() -> None:
    rows = pa.table(
        [pa.array(["a", "b", None]), pa.array([1, None, 2], pa.decimal128(18, 6))], schema=CONTRACT.arrow_schema
    )
    good, refused = check(CONTRACT, rows)
    assert good.column("name").to_pylist() == ["a"]
    assert [(r.row, r.field, r.reason) for r in refused] == [
        (1, "price", "price must have a value"), (2, "name", "name must have a value"),
    ]  # fmt: skip
    assert json.loads(refused[0].raw_text) == {"name": "b", "price": None}
