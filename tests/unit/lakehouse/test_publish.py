"""What is published as Iceberg tables: marts with rows of their own, in the partitions that they declare."""

from __future__ import annotations

import duckdb

from lakehouse.catalog import MARTS, open_catalog
from lakehouse.marts.dbt_models import Mart
from lakehouse.marts.publish import COMMENT, follow
from lakehouse.marts.published import write_comments
from lakehouse.settings import Settings


def test_a_mart_that_declares_another_partition_is_published_anew(settings: Settings) -> None:
    settings.root.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.marts_path)) as file:
        stamps = ", ".join(f"('N{month}', TIMESTAMPTZ '2026-{month:02d}-01 00:00:00+00')" for month in (1, 2, 3))
        file.execute(f"CREATE TABLE prices AS SELECT * FROM (VALUES {stamps}) t(location, starts)")
    catalog = open_catalog(settings)
    for build, time, files in (("one", "starts", 3), ("two", None, 1), ("three", "starts", 3)):
        follow(settings, catalog, [Mart("prices", "", ("location",), time, {})], build, None)
        table = catalog.load_table((MARTS, "prices"))
        assert sorted(table.scan().to_arrow()["location"].to_pylist()) == ["N1", "N2", "N3"]
        assert len(list(table.scan().plan_files())) == files


def test_descriptions_travel_into_the_file_and_into_iceberg_and_follow_when_they_change(settings: Settings) -> None:
    settings.root.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.marts_path)) as file:
        file.execute("CREATE TABLE energy AS SELECT 'm1' AS asset_id, 1.5 AS kwh")
        file.execute("CREATE VIEW shown AS FROM energy")
    catalog = open_catalog(settings)
    for said in ("energy, 'exact'", "energy of a day"):
        kwh = f"kWh: {said}"
        mart = Mart("energy", said, ("asset_id",), None, {}, {"kwh": kwh, "gone": "no such column"})
        view = Mart("shown", "a view", (), None, {}, {"kwh": "as it is"})
        write_comments(settings.marts_path, [mart, view, Mart("absent", "", (), None, {})])
        with duckdb.connect(str(settings.marts_path), read_only=True) as file:
            assert file.execute("SELECT comment FROM duckdb_tables()").fetchall() == [(said,)]
            views = file.execute("SELECT comment FROM duckdb_views() WHERE view_name = 'shown'").fetchall()
            columns = "SELECT table_name, comment FROM duckdb_columns() WHERE column_name = 'kwh' ORDER BY 1"
            assert views == [("a view",)]
            assert file.execute(columns).fetchall() == [("energy", kwh), ("shown", "as it is")]
        follow(settings, catalog, [mart], said, None)
        table = catalog.load_table((MARTS, "energy"))
        assert table.properties[COMMENT] == said
        assert [(field.name, field.doc) for field in table.schema().fields] == [("asset_id", None), ("kwh", kwh)]
        assert [(row["asset_id"], float(row["kwh"])) for row in table.scan().to_arrow().to_pylist()] == [("m1", 1.5)]


def test_each_file_holds_one_month_sorted_by_key_and_an_empty_mart_has_none(settings: Settings) -> None:
    settings.root.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.marts_path)) as file:
        file.execute("SET TimeZone='UTC'")
        file.execute("""
            CREATE TABLE levels AS
            SELECT 'm' || n % 3 AS asset_id, TIMESTAMPTZ '2023-12-30 00:00:00+00' + INTERVAL (n) HOUR AS starts, n
            FROM range(1400) t(n) ORDER BY hash(n)
        """)
        file.execute("CREATE TABLE nothing AS FROM levels WHERE false")
    catalog = open_catalog(settings)
    both = [Mart(name, "", ("asset_id", "starts"), "starts", {}) for name in ("levels", "nothing")]
    assert follow(settings, catalog, both, "one", None)["nothing"] is None
    files = [task.file for task in catalog.load_table((MARTS, "levels")).scan().plan_files()]
    found = [duckdb.sql(f"SELECT asset_id, starts, n FROM '{file.file_path}'").fetchall() for file in files]
    months = [{f"{starts:%Y-%m}" for _, starts, _ in rows} for rows in found]
    assert sorted(map(sorted, months)) == [["2023-12"], ["2024-01"], ["2024-02"]]
    assert all(rows == sorted(rows) for rows in found)
    assert sorted(n for rows in found for *_, n in rows) == list(range(1400))
