"""Which instants and values a contract takes: its limits themselves are on the right side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from lakehouse.contract import Column, Contract
from lakehouse.writing.validate import check

STEP = timedelta(microseconds=1)
READINGS = Contract(
    name="readings",
    description="",
    grain="",
    columns=(
        Column("ts", "timestamptz", "", nullable=False),
        Column("value", "double", "", minimum=-5.0, maximum=7.0),
    ),
    key=("ts",),
    mode="merge",
    time_column="ts",
    touch=(),
    sort=("ts",),
)


def kept(at: datetime, value: float) -> bool:
    rows = pa.Table.from_pylist([{"ts": at, "value": value}], schema=READINGS.arrow_schema)
    good, refusals = check(READINGS, rows)
    assert good.num_rows + len(refusals) == 1
    return bool(good.num_rows)


@pytest.mark.parametrize(
    ("at", "lands"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC) - STEP, False),
        (datetime(1970, 1, 1, tzinfo=UTC), True),
        (datetime(2100, 1, 1, tzinfo=UTC) - STEP, True),
        (datetime(2100, 1, 1, tzinfo=UTC), False),
    ],
)
def test_instants_land_from_the_first_of_1970_to_the_last_before_2100(at: datetime, lands: bool) -> None:
    assert kept(at, 0.0) == lands


@pytest.mark.parametrize(("value", "lands"), [(-5.000001, False), (-5.0, True), (7.0, True), (7.000001, False)])
def test_a_value_equal_to_a_limit_is_within_it(value: float, lands: bool) -> None:
    assert kept(datetime(2024, 6, 1, tzinfo=UTC), value) == lands
