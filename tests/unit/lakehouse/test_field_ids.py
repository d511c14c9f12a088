"""Data files carry the table's field ids, whichever way they were written: engines that know no name mapping read them.

Each table is read through a copy of its metadata without the name mapping. pyiceberg and Polars refuse a file without
ids then, and DuckDB reads NULL from it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import StaticTable, Table
from pyiceberg.types import DoubleType

from lakehouse.catalog import MARTS, ensure_table, open_catalog
from lakehouse.contract import Column, Contract
from lakehouse.engine import connect
from lakehouse.marts.dbt_models import Mart
from lakehouse.marts.publish import follow
from lakehouse.settings import Settings
from lakehouse.upkeep.compaction import Compacted, compact
from lakehouse.writing import append_only, data_files
from lakehouse.writing.data_files import field_ids
from lakehouse.writing.staging import Staging
from lakehouse.writing.writer import append, replace_all
from tests.support.raw_table import CONTRACT, EPOCH, land, stored

#: Rows of a stream, in no series: they go from staged files to data files as they arrive. A column of every type.
QUOTES = Contract(
    name="quotes",
    description="Prices as they were stated.",
    grain="one price",
    columns=(
        Column("place", "string", "Place.", nullable=False),
        Column("starts", "timestamptz", "Interval.", nullable=False),
        Column("price", "decimal(18,6)", "Price."),
        Column("mw", "double", "Power."),
        Column("day", "date", "Day."),
        Column("is_final", "boolean", "Whether it is final."),
        Column("line", "long", "Line.", nullable=False, provenance=True),
    ),
    key=("place", "starts"),
    mode="append",
    time_column="starts",
    touch=("place",),
    sort=("starts", "place"),
)


def loaded(settings: Settings, name: str = CONTRACT.name, namespace: str = "raw") -> Table:
    return open_catalog(settings).load_table((namespace, name))


def compacted(settings: Settings) -> Compacted:
    return compact(settings, loaded(settings), CONTRACT.sort, properties={})


def without_name_mapping(table: Table, folder: Path) -> str:
    metadata = json.loads(Path(table.metadata_location).read_text())
    del metadata["properties"]["schema.name-mapping.default"]
    path = folder / f"{uuid.uuid4().hex}.metadata.json"
    path.write_text(json.dumps(metadata))
    return str(path)


def by_pyiceberg(metadata: str) -> pa.Table:
    return StaticTable.from_metadata(metadata).scan().to_arrow()


def by_duckdb(metadata: str) -> pa.Table:
    with connect() as connection:
        return connection.execute(f"FROM iceberg_scan('{metadata}')").to_arrow_table()


def by_polars(metadata: str) -> pa.Table:
    return pl.scan_iceberg(metadata, reader_override="native").collect().to_arrow()


def contents(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=repr)


def assert_read_by_ids(table: Table, folder: Path, expected: int) -> list[dict[str, Any]]:
    """Every file has the ids of the table's schema, and three engines that bind columns by them read the same rows."""
    for task in table.scan().plan_files():
        schema = pq.read_schema(task.file.file_path)
        assert {f.name: int((f.metadata or {})[b"PARQUET:field_id"]) for f in schema} == field_ids(table)
    metadata = without_name_mapping(table, folder)
    found = contents(by_pyiceberg(metadata))
    assert len(found) == expected
    assert contents(by_duckdb(metadata)) == found
    assert contents(by_polars(metadata)) == found
    return found


@pytest.fixture(autouse=True)
def _planner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")  # Polars warns that its own is not installed


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the functions that have written data files."""
    called: list[str] = []
    for module, name in ((append_only, "_write_file"), (append_only, "write_in_order"), (data_files, "write_file")):
        original = getattr(module, name)

        def noted(*args: Any, original: Callable[..., Any] = original, name: str = name) -> Any:
            called.append(name)
            return original(*args)

        monkeypatch.setattr(module, name, noted)
    return called


def test_rows_that_only_add_that_change_others_and_that_were_merged_are_bound_by_id(
    settings: Settings, tmp_path: Path, written: list[str]
) -> None:
    land(settings, [("a", "p", minute, minute) for minute in range(3)])
    assert_read_by_ids(loaded(settings), tmp_path, 3)
    land(settings, [("a", "p", 1, 7)])
    assert written == ["_write_file", "write_file"]
    land(settings, [("b", "p", 1, 8)])
    assert [row["value"] for row in assert_read_by_ids(loaded(settings), tmp_path, 4)] == [0.0, 7.0, 2.0, 8.0]
    assert compacted(settings).outcome == "compacted"
    found = assert_read_by_ids(loaded(settings), tmp_path, 4)
    assert [(row["asset_id"], row["ts"].minute, row["value_exact"]) for row in found] == [
        ("a", 0, Decimal(0)), ("a", 1, Decimal(7)), ("a", 2, Decimal(2)), ("b", 1, Decimal(8)),
    ]  # fmt: skip


def test_rows_that_came_in_order_and_those_of_a_replay_are_bound_by_id(
    settings: Settings, tmp_path: Path, written: list[str]
) -> None:
    catalog, statements = open_catalog(settings), []
    for hour in range(3):
        stated = {"place": "hub", "starts": EPOCH + timedelta(hours=hour), "price": Decimal(hour), "mw": hour / 3}
        statements.append({**stated, "day": EPOCH.date(), "is_final": hour > 1, "line": hour + 1})
    staging = Staging(settings.temporary("land", uuid.uuid4().hex))
    staging.add(QUOTES, 0, pa.Table.from_pylist(statements, schema=QUOTES.arrow_schema))
    append(settings, catalog, QUOTES, staging, "probe", [1], properties={})
    assert written == ["write_in_order"]
    table = loaded(settings, QUOTES.name)
    assert assert_read_by_ids(table, tmp_path, 3) == statements

    catalog.create_namespace("shadow")
    target = ensure_table(catalog, QUOTES, "shadow")
    with target.update_schema() as update:  # ids are the table's own: not those of the table that the rows come from
        update.delete_column("mw")
    with target.update_schema() as update:
        update.add_column("mw", DoubleType())
    assert field_ids(target.refresh()) != field_ids(table)
    replace_all(settings, target, QUOTES, replayed=table, properties={"wattlake.run": "r"}, landed={})
    assert written == ["write_in_order", "write_file"]
    assert assert_read_by_ids(target.refresh(), tmp_path, 3) == contents(pa.Table.from_pylist(
        [{"place": row["place"], "starts": row["starts"], "price": row["price"], "day": row["day"],
          "is_final": row["is_final"], "line": row["line"], "mw": row["mw"]} for row in statements],
        schema=by_pyiceberg(without_name_mapping(target, tmp_path)).schema,
    ))  # fmt: skip


def test_published_marts_are_bound_by_id(settings: Settings, tmp_path: Path) -> None:
    settings.root.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.marts_path)) as file:
        file.execute(
            """CREATE TABLE energy AS SELECT 'm' || i AS asset_id, i::INTEGER AS samples, i::HUGEINT * 3 AS ticks,
            1.5::DECIMAL(18, 6) * i AS kwh, DATE '2026-01-31' + i::INTEGER AS local_date, i / 4 AS coverage,
            TIMESTAMPTZ '2026-01-31 12:00:00+00' + i * INTERVAL 1 DAY AS interval_start, i = 1 AS is_whole
            FROM range(3) AS t(i)"""
        )
    follow(settings, open_catalog(settings), [Mart("energy", "", ("asset_id",), "interval_start", {})], "one", None)
    table = loaded(settings, "energy", MARTS)
    assert len(list(table.scan().plan_files())) == 2  # one a month
    found = assert_read_by_ids(table, tmp_path, 3)
    assert [(row["asset_id"], row["samples"], row["ticks"], row["kwh"], row["is_whole"]) for row in found] == [
        ("m0", 0, 0, 0, False), ("m1", 1, 3, Decimal("1.5"), True), ("m2", 2, 6, 3, False),
    ]  # fmt: skip


def test_files_without_ids_stay_readable_and_compaction_gives_them_ids(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        bound = append_only._stored_schema
        patched.setattr(append_only, "_stored_schema", lambda *a: pa.schema([f.remove_metadata() for f in bound(*a)]))
        land(settings, [("a", "p", minute, minute) for minute in range(3)])
    land(settings, [("a", "p", 45 * 24 * 60, 9)])  # a month with one file, which has ids
    table = loaded(settings)
    with pytest.raises(ValueError, match="field-ids"):
        by_pyiceberg(without_name_mapping(table, tmp_path))
    with pytest.raises(pl.exceptions.SchemaFieldNotFoundError):
        by_polars(without_name_mapping(table, tmp_path))
    before = stored(settings)
    assert before == [("a", "p", 0, 0), ("a", "p", 1, 1), ("a", "p", 2, 2), ("a", "p", 45 * 24 * 60, 9)]
    assert contents(table.scan().to_arrow()) == contents(by_polars(table.metadata_location))
    done = compacted(settings)
    assert (done.outcome, done.files_before, done.files_after, done.rows) == ("compacted", 2, 2, 3)
    assert stored(settings) == before
    assert_read_by_ids(table.refresh(), tmp_path, 4)
    assert compacted(settings).outcome == "nothing to do"
