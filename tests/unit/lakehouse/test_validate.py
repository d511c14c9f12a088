"""Checks of rows against their contract before they land."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from lakehouse.contract import Column, Contract
from lakehouse.writing.validate import check

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


def test_the_ends_of_a_range_lie_in_it_and_what_is_beyond_is_refused_with_the_end() -> None:
    contract = Contract(
        name="bounded", description="Rows.", grain="one row", key=("ts",), mode="merge", time_column="ts",
        touch=(), sort=("ts",),
        columns=(
            Column("ts", "timestamptz", "Instant.", nullable=False),
            Column("share", "double", "Share.", minimum=0, maximum=1),
        ),
    )  # fmt: skip
    first, end = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    step = timedelta(microseconds=1)
    stamps = [first, first - step, end - step, end, *(first + timedelta(days=day) for day in range(1, 6))]
    shares = [0.5, 0.5, 0.5, 0.5, 0.0, 1.0, -1e-9, 1 + 1e-9, float("nan")]
    good, refused = check(contract, pa.table([pa.array(stamps), pa.array(shares)], schema=contract.arrow_schema))
    assert good.column("ts").to_pylist() == [stamps[0], stamps[2], stamps[4], stamps[5]]
    assert [(r.row, r.field, r.reason) for r in refused] == [
        (1, "ts", "ts lies outside of 1970 to 2100"), (3, "ts", "ts lies outside of 1970 to 2100"),
        (6, "share", "share is below 0"), (7, "share", "share is above 1"),
        (8, "share", "share is not a finite number"),
    ]  # fmt: skip
