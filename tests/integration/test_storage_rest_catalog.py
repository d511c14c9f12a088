"""A house whose catalog is an Iceberg REST server."""

from __future__ import annotations

from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog

from ingest.registry import registry
from lakehouse.reader import open_session
from lakehouse.secret import Secret
from lakehouse.settings import Settings
from tests.support.device_files import minutes, write_signal
from tests.support.house import land_meter, replay
from tests.support.servers.rest_catalog import rest_catalog


def test_landing_reading_and_replay_through_a_rest_catalog(tmp_path: Path) -> None:
    behind = SqlCatalog(
        "rest", uri=f"sqlite:///{tmp_path}/rest.db", warehouse=f"{tmp_path}/warehouse", init_catalog_tables="true"
    )
    stamps = minutes("2024-06-01", 8)
    with rest_catalog(behind) as uri:
        settings = Settings(
            home=tmp_path / "home", threads=2, catalog_uri=Secret(uri), warehouse=behind.properties["warehouse"]
        )
        land_meter(settings, write_signal(tmp_path / "a", "m1", "com_ap", [(s, 1) for s in stamps[:6]]))
        land_meter(settings, write_signal(tmp_path / "b", "m1", "com_ap", [(s, 2) for s in stamps[4:]]))
        session = open_session(settings, registry().contracts)
        try:
            values = session.execute("SELECT value FROM raw.meter_observations ORDER BY ts").fetchall()
            runs = session.execute("SELECT kind, status FROM ops.runs").fetchall()
        finally:
            session.close()
        assert values == [(1,)] * 4 + [(2,)] * 4
        assert runs == [("land", "done")] * 2
        assert {table.outcome for table in replay(settings).tables} == {"equal"}
        assert (settings.root / "ops.db").exists()
    assert ("raw", "meter_observations") in behind.list_tables("raw")
