"""Which queries go without the raw tables: only those that DuckDB's parser shows to need none of them."""

from __future__ import annotations

import pytest

from flows.query import names_only_marts


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM marts.lod_1d",
        "FROM marts.main.lod_1d;",
        "WITH days AS (FROM marts.lod_1d) SELECT 'raw.assets' FROM days JOIN marts.assets USING (asset_id)",
        "SELECT 1",
    ],
)
def test_a_query_of_marts_alone_needs_no_raw_tables(query: str) -> None:
    assert names_only_marts(query)


@pytest.mark.parametrize(
    "query",
    [
        "FROM raw.assets",
        "SELECT * FROM marts.assets JOIN (FROM ops.runs) USING (id)",
        "SELECT (SELECT max(ts) FROM raw.meter_observations) FROM marts.assets",
        "SELECT * FROM marts.assets WHERE asset_id IN (SELECT asset_id FROM raw.assets)",
        "WITH days AS (FROM raw.assets) FROM days",
        "FROM marts.assets; FROM raw.assets",
        "FROM duckdb_tables()",
        "SHOW ALL TABLES",
        "DESCRIBE raw.assets",
        "FROM information_schema.tables",
        "FROM 'file.parquet'",
        "PIVOT raw.assets ON domain USING count(*)",
        "no SQL (",
    ],
)
def test_every_other_query_gets_all_tables(query: str) -> None:
    assert not names_only_marts(query)
