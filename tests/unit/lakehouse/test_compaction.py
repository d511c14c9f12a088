"""Promises of compaction: fewer files, the same rows to the bit, and no landing undone."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Sequence

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.types import StringType

from lakehouse.catalog import open_catalog
from lakehouse.errors import TerminalError
from lakehouse.pins import pin, touched_since
from lakehouse.reader import rows_of
from lakehouse.settings import Settings
from lakehouse.upkeep import compaction
from lakehouse.upkeep.compaction import Compacted, compact
from lakehouse.writing import data_files
from lakehouse.writing.staging import Staging
from lakehouse.writing.writer import append, merge, offsets
from tests.support.raw_table import CONTRACT, Row, land, rows, stored

MONTH_MINUTES = 31 * 24 * 60


def compacted(settings: Settings, name: str = CONTRACT.name, dry_run: bool = False) -> Compacted:
    table = open_catalog(settings).load_table(("raw", name))
    return compact(settings, table, CONTRACT.sort, properties={"wattlake.run": "m"}, dry_run=dry_run)


def files(settings: Settings) -> int:
    return len(list(open_catalog(settings).load_table(("raw", CONTRACT.name)).scan().plan_files()))


def test_small_files_become_one_a_month_and_a_second_compaction_does_nothing(settings: Settings) -> None:
    for number in range(3):
        land(settings, [("b", "p", number, number), ("a", "p", MONTH_MINUTES + number, number)])
    before, pinned = stored(settings), pin(open_catalog(settings), CONTRACT)
    assert pinned is not None
    assert compacted(settings, dry_run=True).outcome == "would compact"
    assert files(settings) == 6
    done = compacted(settings)
    assert (done.files_before, done.files_after, done.rows, done.outcome) == (6, 2, 6, "compacted")
    assert stored(settings) == before
    table = open_catalog(settings).load_table(("raw", CONTRACT.name))
    touched = touched_since(table, pinned.snapshot_id)
    assert touched is not None
    assert list(touched) == []  # so a build after it does nothing
    again = compacted(settings)
    assert (again.files_after, again.outcome, again.snapshot_id) == (2, "nothing to do", None)


def test_every_bit_of_every_column_stays(settings: Settings) -> None:
    odd = rows([("a", "p", minute, minute) for minute in range(6)])
    values = pa.array([-0.0, 0.0, 5e-324, float("inf"), None, 0.1 + 0.2])
    odd = odd.set_column(odd.schema.get_field_index("value"), "value", values)
    odd = odd.set_column(odd.schema.get_field_index("text"), "text", pa.array(["", None, "ü\n", "'", '"', "\0"]))
    for half in (0, 3):
        staging = Staging(settings.temporary("land", uuid.uuid4().hex))
        staging.add(CONTRACT, 0, odd.slice(half, 3))
        merge(settings, open_catalog(settings), CONTRACT, staging, properties={})
    table = open_catalog(settings).load_table(("raw", CONTRACT.name))
    before = sorted(map(repr, table.scan().to_arrow().to_pylist()))
    assert compacted(settings).files_after == 1
    assert sorted(map(repr, table.refresh().scan().to_arrow().to_pylist())) == before


def test_merged_files_are_sorted(settings: Settings) -> None:
    for asset in "ba":
        land(settings, [(asset, "q", 1, 1), (asset, "p", 2, 1), (asset, "p", 1, 1)])
    compacted(settings)
    (task,) = open_catalog(settings).load_table(("raw", CONTRACT.name)).scan().plan_files()
    found = rows_of(settings, f"SELECT asset_id, signal, ts FROM read_parquet('{task.file.file_path}')")
    assert found == sorted(found)


def test_offsets_of_streams_are_carried_over(settings: Settings) -> None:
    streamed = dataclasses.replace(CONTRACT, name="streamed", mode="append")
    for number in range(2):
        staging = Staging(settings.temporary("land", uuid.uuid4().hex))
        staging.add(streamed, 0, rows([("a", "p", number, 1)]))
        append(settings, open_catalog(settings), streamed, staging, "probe", [number, 0], properties={})
    assert compacted(settings, "streamed").outcome == "compacted"
    assert offsets(open_catalog(settings).load_table(("raw", "streamed"))) == {"probe": [1, 0]}


def test_columns_added_since_are_empty_in_old_rows(settings: Settings) -> None:
    land(settings, [("a", "p", 1, 1)])
    land(settings, [("a", "p", 2, 2)])
    table = open_catalog(settings).load_table(("raw", CONTRACT.name))
    with table.update_schema() as update:
        update.add_column("note", StringType())
    assert compacted(settings).outcome == "compacted"
    assert table.refresh().scan().to_arrow().column("note").to_pylist() == [None, None]


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Do something after the merged files are written and before they are committed."""

    def arrange(work: Callable[[], object]) -> None:
        real = compaction._commit

        def commit(*args: object) -> int:
            work()
            return real(*args)

        monkeypatch.setattr(compaction, "_commit", commit)

    return arrange


def test_a_landing_that_comes_between_stays(
    settings: Settings, between: Callable[[Callable[[], object]], None]
) -> None:
    expected: list[Row] = [("a", "p", minute, 1) for minute in range(4)]
    for row in expected[:3]:
        land(settings, [row])
    between(lambda: land(settings, [expected[3]]))
    assert compacted(settings).outcome == "compacted"
    assert stored(settings) == expected
    assert files(settings) == 2


def test_a_landing_that_rewrites_a_merged_file_wins_and_nothing_is_left_behind(
    settings: Settings, between: Callable[[Callable[[], object]], None]
) -> None:
    for minute in range(3):
        land(settings, [("a", "p", minute, 1)])
    table = open_catalog(settings).load_table(("raw", CONTRACT.name))
    between(lambda: land(settings, [("a", "p", 1, 9)]))
    done = compacted(settings)
    assert done.outcome.startswith("given up: another commit")
    assert stored(settings) == [("a", "p", 0, 1), ("a", "p", 1, 9), ("a", "p", 2, 1)]
    named = {task.file.file_path for snapshot in table.refresh().metadata.snapshots
             for task in table.scan(snapshot_id=snapshot.snapshot_id).plan_files()}  # fmt: skip
    on_disk = {str(path) for path in (settings.root / "warehouse").rglob("*.parquet")}
    assert on_disk == named


def test_rows_that_would_change_are_never_committed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for minute in range(3):
        land(settings, [("a", "p", minute, minute)])
    before = stored(settings)
    harms = (
        "DELETE FROM sorted WHERE rowid = 1",
        "INSERT INTO sorted SELECT * FROM sorted LIMIT 1",
        "CREATE OR REPLACE TABLE sorted AS SELECT * REPLACE (if(value = 0, value * -1, value) AS value) FROM sorted",
        "UPDATE sorted SET line = line + 1 WHERE rowid = 2",
    )
    for harm in harms:

        def write(connection: duckdb.DuckDBPyConnection, *args: str, harm: str = harm) -> Sequence[str]:
            connection.execute(harm)
            return data_files.write_files(connection, *args)

        monkeypatch.setattr(compaction, "write_files", write)
        with pytest.raises(TerminalError, match="would change rows"):
            compacted(settings)
        assert stored(settings) == before
        assert len(list((settings.root / "warehouse").rglob("*.parquet"))) == 3
