"""Promises of the route for rows that only add: taken where each row has a key of its own, and only there."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.catalog import ensure_table, open_catalog
from lakehouse.engine import connect
from lakehouse.settings import Settings
from lakehouse.writing import append_only
from lakehouse.writing.staging import Staging, month_stretches
from tests.support.raw_table import CONTRACT, Row, land, rows, stored

MONTH = 31 * 1440
DAY_2024_01_01 = 19_723


def proven(settings: Settings, *files: Sequence[Row]) -> list[append_only.Piece] | None:
    staging = Staging(settings.temporary("land", uuid.uuid4().hex))
    for sequence, values in enumerate(files):
        staging.add(CONTRACT, sequence, rows(values))
    connection = connect()
    try:
        return append_only.only_adding(connection, ensure_table(open_catalog(settings), CONTRACT), CONTRACT, staging)
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("files", "adds"),
    [
        ([[("a", "p", 1, 0), ("a", "p", 2, 0)]], True),
        ([[("a", "p", 2, 0), ("a", "p", 1, 0)]], True),  # newest first
        ([[("a", "p", 1, 0), ("b", "p", 1, 0), ("a", "p", 2, 0)]], True),  # series in turns
        ([[("a", "p", 1, 0), ("a", "p", 1, 0)]], False),
        ([[("a", "p", 1, 0)], [("a", "p", 2, 0)]], True),
        ([[("a", "p", 2, 0)], [("a", "p", 1, 0)]], True),  # files in any order
        ([[("a", "p", 1, 0)], [("a", "p", 1, 0)]], False),
        ([[("a", "p", 1, 0), ("a", "p", 9, 0)], [("a", "p", 5, 0)]], False),  # between: bounds cannot tell
    ],
)
def test_rows_only_add_where_no_two_of_them_share_a_series_and_instant(
    settings: Settings, files: list[list[Row]], adds: bool
) -> None:
    assert (proven(settings, *files) is not None) == adds


def test_a_stored_row_between_those_that_come_takes_the_general_route(settings: Settings) -> None:
    land(settings, [("a", "p", 5, 1)])
    assert proven(settings, [("a", "p", 4, 0)], [("a", "p", 6, 0)]) is None
    assert proven(settings, [("a", "p", 5, 0)]) is None
    assert proven(settings, [("a", "p", 6, 0), ("b", "p", 5, 0), ("a", "q", 5, 0)]) is not None


def test_a_piece_is_a_row_group_of_one_series_and_month_and_knows_its_days(settings: Settings) -> None:
    pieces = proven(settings, [("b", "p", 5, 1), ("a", "p", 4 * 1440, 1), ("a", "p", 3, 1), ("a", "p", MONTH, 1)])
    assert pieces is not None
    assert [(piece.series, piece.month - 54 * 12, piece.rows) for piece in pieces] == [
        (("a", "p"), 0, 2),
        (("a", "p"), 1, 1),
        (("b", "p"), 0, 1),
    ]
    assert pieces[0].days == ((DAY_2024_01_01, DAY_2024_01_01), (DAY_2024_01_01 + 4, DAY_2024_01_01 + 4))
    for piece in pieces:
        group = pq.ParquetFile(piece.path).read_row_group(piece.row_group)
        assert set(zip(group["asset_id"].to_pylist(), group["signal"].to_pylist(), strict=True)) == {piece.series}
        assert group.num_rows == piece.rows


def test_files_split_at_the_limit_and_keep_every_row(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append_only, "ROWS_PER_FILE", 3)
    monkeypatch.setattr(append_only, "ROW_GROUP_ROWS", 2)
    values: list[Row] = [(asset, "p", minute, minute) for asset in "abcd" for minute in (0, 1, MONTH)]
    land(settings, values)
    table = open_catalog(settings).load_table(("raw", CONTRACT.name))
    assert sorted(task.file.record_count for task in table.scan().plan_files()) == [1, 2, 2, 2, 2, 3]
    assert stored(settings) == values


@given(st.lists(st.integers(-(10**15), 4 * 10**15), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_rows_in_order_of_months_are_cut_at_months_in_whatever_order_they_are_inside(
    instants: list[int], chance: Random
) -> None:
    moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value) for value in instants]
    chance.shuffle(moments)
    moments.sort(key=lambda moment: (moment.year, moment.month))
    expected = [
        ((year - 1970) * 12 + month - 1, len(list(inside)))
        for (year, month), inside in groupby(moments, key=lambda moment: (moment.year, moment.month))
    ]
    rows = np.array([moment.replace(tzinfo=None) for moment in moments], "datetime64[us]").astype(np.int64)
    found = month_stretches(rows)
    assert [(month, last - first) for month, first, last in found] == expected
    assert [first for _, first, _ in found] == [0, *(last for _, _, last in found[:-1])]
