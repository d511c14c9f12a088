"""What `wattlake sql` runs: queries that read, and which of them go without the raw tables."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from lakehouse.errors import WrongUsage
from lakehouse.serving.queries import names_only_marts, readable, refuse_in_home
from lakehouse.settings import Settings


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


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "SELECT 1; COPY (SELECT 1) TO '/tmp/x.csv'",
        "/* SELECT */ DROP TABLE marts.lod_1d",
        "ATTACH 'marts.duckdb' AS own",
        "DETACH marts",
        "EXPORT DATABASE '/tmp/x'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE t AS SELECT 1",
        "CREATE SECRET (TYPE http)",
        "CREATE TYPE t AS ENUM ('a')",
        "DELETE FROM marts.lod_1d",
        "CALL enable_logging('QueryLog', storage='file', storage_path='/tmp/x')",
        "FROM enable_logging('QueryLog', storage='file', storage_path='/tmp/x')",
        'WITH a AS (FROM (FROM "Enable_Logging"())) FROM a',
        "PIVOT enable_logging('QueryLog') ON a",
        "SELECT * FROM (PIVOT enable_logging('QueryLog') ON a)",
        "FROM set_iceberg_table_properties('raw.assets', {'a': 'b'})",
        "FROM postgres_execute('ops_database', 'DROP TABLE runs')",
        "FROM query('FROM checkpoint()')",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/x.csv'",
        "EXPLAIN /* */ ANALYZE SELECT 1",
        "PREPARE p AS COPY (SELECT 1) TO '/tmp/x.csv'",
        "CHECKPOINT marts",
        "SELECT 1) TO '/tmp/x.csv' --",
        "SELECT 1 /*",
        "",
        "-- nothing",
    ],
)
def test_what_would_do_more_than_read_is_refused(query: str) -> None:
    with pytest.raises((WrongUsage, duckdb.Error)):
        readable(query)


@pytest.mark.parametrize(
    ("query", "gives_rows"),
    [
        ("SELECT 1 ; -- done\n", [True]),
        ("SET TimeZone='Europe/Berlin'; FROM marts.lod_1d", [False, True]),
        ("FROM read_csv('prices.csv') JOIN marts.assets USING (asset_id)", [True]),
        ("DESCRIBE marts.lod_1d", [True]),
        ("SHOW ALL TABLES", [True]),
        ("SUMMARIZE marts.lod_1d", [True]),
        ("PIVOT marts.lod_1d ON signal USING sum(mean)", [True]),
        ("FROM (PIVOT marts.lod_1d ON signal IN ('a') USING sum(mean))", [True]),
        ("VALUES (1), (2)", [True]),
        ("PRAGMA table_info('marts.lod_1d')", [True]),
        ("EXPLAIN ANALYZE SELECT 1", [False]),
        ("EXPLAIN (FORMAT json) FROM marts.lod_1d", [False]),
        ("SELECT 'COPY; DROP TABLE x', $$;$$; SELECT 2", [True, True]),
    ],
)
def test_what_reads_is_run(query: str, gives_rows: list[bool]) -> None:
    assert [statement.gives_rows for statement in readable(query)] == gives_rows


def test_results_are_written_beside_the_home_and_never_into_it(settings: Settings, tmp_path: Path) -> None:
    settings.root.mkdir()
    (tmp_path / "link").symlink_to(settings.root)
    refuse_in_home(settings, tmp_path / "rows.csv")
    refuse_in_home(settings, tmp_path / "home.csv")
    for inside in ("home/marts.duckdb", "home/new/rows.csv", "link/rows.csv", "other/../home/rows.csv", "home"):
        with pytest.raises(WrongUsage, match="the house keeps"):
            refuse_in_home(settings, tmp_path / inside)
    moved = Settings(home=settings.home, warehouse=str(tmp_path / "lake"), archive=str(tmp_path / "kept"))
    for inside in ("lake/rows.csv", "kept/rows.csv", "home/catalog.db"):
        with pytest.raises(WrongUsage, match="the house keeps"):
            refuse_in_home(moved, tmp_path / inside)


DOCS = Path(__file__).resolve().parents[3] / "docs"


def queries_of_the_docs() -> list[str]:
    """Every SQL block of the docs but those for clients of their own (docs/connect.md)."""
    pages = (page for page in sorted(DOCS.glob("*.md")) if page.name != "connect.md")
    return [
        block
        for page in pages
        for block in re.findall(r"^```sql\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    ]


@pytest.mark.parametrize("query", queries_of_the_docs())
def test_what_the_docs_ask_may_be_asked(query: str) -> None:
    assert readable(query)


@pytest.mark.parametrize("name", ["enable_logging", "marts_.enable_logging", "main.enable_logging", "query"])
def test_a_function_that_is_not_of_the_marts_is_not_taken_for_a_macro_of_theirs(name: str) -> None:
    with pytest.raises(WrongUsage):
        readable(f"SELECT * FROM {name}('x')")
