"""Promises of the other two write modes: a slice is replaced whole, a stream's batch lands once."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence
from datetime import timedelta

import pytest

from lakehouse.catalog import open_catalog
from lakehouse.contract import Slice
from lakehouse.errors import ContractViolation
from lakehouse.pins import pin, touched_since
from lakehouse.reader import rows_of
from lakehouse.settings import Settings
from lakehouse.writing.staging import Staging
from lakehouse.writing.writer import Landed, append, merge, offsets, replace
from tests.support.raw_table import CONTRACT, EPOCH, Row, rows

STATED = dataclasses.replace(CONTRACT, name="stated", mode="replace")
STREAMED = dataclasses.replace(CONTRACT, name="streamed", mode="append")
FIRST_HOUR = Slice("ts", EPOCH, EPOCH + timedelta(hours=1), {"asset_id": "a"})


def staged(settings: Settings, contract: object, values: Sequence[Row]) -> Staging:
    staging = Staging(settings.temporary("land", uuid.uuid4().hex))
    staging.add(contract, 0, rows(values))
    return staging


def state(settings: Settings, values: Sequence[Row], stated: Slice = FIRST_HOUR) -> Landed:
    staging = staged(settings, STATED, values)
    return replace(settings, open_catalog(settings), STATED, staging, {0: [stated]}, properties={})


def stream(settings: Settings, values: Sequence[Row], *offset: int) -> Landed:
    staging = staged(settings, STREAMED, values)
    return append(settings, open_catalog(settings), STREAMED, staging, "probe", offset, properties={})


def stored(settings: Settings, name: str) -> list[Row]:
    pinned = pin(open_catalog(settings), dataclasses.replace(CONTRACT, name=name))
    assert pinned is not None
    found = rows_of(settings, f"SELECT asset_id, signal, ts, value FROM ({pinned.select(CONTRACT)}) ORDER BY 1, 2, 3")
    return [(a, s, int((ts - EPOCH).total_seconds() // 60), int(v)) for a, s, ts, v in found]


def test_a_slice_is_replaced_whole_and_rows_outside_it_stay(settings: Settings) -> None:
    other_hour = Slice("ts", EPOCH + timedelta(hours=1), EPOCH + timedelta(hours=2), {"asset_id": "a"})
    other_asset = Slice("ts", EPOCH, EPOCH + timedelta(hours=1), {"asset_id": "b"})
    state(settings, [("a", "p", 0, 1), ("a", "p", 30, 1)])
    state(settings, [("a", "p", 90, 1)], other_hour)
    state(settings, [("b", "p", 0, 1)], other_asset)
    landed = state(settings, [("a", "p", 0, 2), ("a", "p", 10, 2)])
    assert landed.superseded == 1
    assert stored(settings, "stated") == [("a", "p", 0, 2), ("a", "p", 10, 2), ("a", "p", 90, 1), ("b", "p", 0, 1)]


def test_stating_the_same_slice_again_commits_nothing(settings: Settings) -> None:
    values = [("a", "p", 0, 1), ("a", "p", 30, 1)]
    assert state(settings, values).snapshot_id is not None
    assert state(settings, values).snapshot_id is None


def test_an_empty_statement_empties_the_slice(settings: Settings) -> None:
    state(settings, [("a", "p", 0, 1)])
    state(settings, [])
    assert stored(settings, "stated") == []


@pytest.mark.parametrize("row", [("a", "p", 60, 1), ("a", "p", -1, 1), ("b", "p", 0, 1)])
def test_a_row_outside_the_stated_slice_is_refused_and_nothing_changes(settings: Settings, row: Row) -> None:
    state(settings, [("a", "p", 0, 1)])
    with pytest.raises(ContractViolation, match="1 rows for stated lie outside the slice"):
        state(settings, [("a", "p", 0, 5), row])
    assert stored(settings, "stated") == [("a", "p", 0, 1)]


def test_a_batch_and_its_offset_are_one_commit_and_the_same_batch_does_not_land_twice(settings: Settings) -> None:
    stream(settings, [("a", "p", 0, 1)], 100, 0)
    stream(settings, [("a", "p", 1, 1)], 100, 1)
    for stale in ((100, 1), (100, 0), (99, 7)):
        with pytest.raises(ContractViolation, match="is not ahead"):
            stream(settings, [("a", "p", 1, 1)], *stale)
    assert stored(settings, "streamed") == [("a", "p", 0, 1), ("a", "p", 1, 1)]
    table = open_catalog(settings).load_table(("raw", "streamed"))
    assert offsets(table) == {"probe": [100, 1]}
    assert len(list(touched_since(table, None) or [])) == 2


def test_a_table_takes_rows_by_its_own_mode_only(settings: Settings) -> None:
    with pytest.raises(ContractViolation, match="land in the mode replace, not merge"):
        merge(settings, open_catalog(settings), STATED, staged(settings, STATED, []), properties={})
