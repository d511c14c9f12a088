"""What is published as Iceberg tables: marts with rows of their own, in the partitions that they declare."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from lakehouse.catalog import MARTS, open_catalog
from lakehouse.dbt_runner import Mart, marts
from lakehouse.publish import follow
from lakehouse.settings import Settings


def test_views_are_no_marts_of_their_own(tmp_path: Path) -> None:
    def node(name: str, materialized: str) -> dict[str, object]:
        config = {"materialized": materialized, "meta": {"key": ["a"], "time": None}}
        return {
            "resource_type": "model", "fqn": ["wattlake", "marts", "iso", name], "name": name, "description": "",
            "config": config,
        }  # fmt: skip

    nodes = {"a": node("iso_prices", "incremental"), "b": node("nyiso_lbmps", "view")}
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    assert [mart.name for mart in marts(tmp_path)] == ["iso_prices"]


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
