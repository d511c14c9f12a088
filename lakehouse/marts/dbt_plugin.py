"""dbt-duckdb plugin: gives every dbt connection the pinned snapshots and the changes of the build.

The build writes a manifest (JSON) of view name → SQL; the plugin loads the extensions and creates the views in an
in-memory database `lake`. None of it stays in the published file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from lakehouse.engine import identifier, load, reach_s3
from lakehouse.settings import Settings


class Plugin(BasePlugin):
    """Attaches `lake` with the schemas raw and build to a connection."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Remember where the manifest is."""
        self._manifest = Path(plugin_config["wattlake"]["manifest"])

    def configure_connection(self, conn: Any) -> None:
        """Create the manifest's views; a second call in the same process changes nothing."""
        manifest = json.loads(self._manifest.read_text())
        load(conn)
        reach_s3(conn, Settings())
        conn.execute("ATTACH IF NOT EXISTS ':memory:' AS lake")
        for schema, views in manifest["views"].items():
            conn.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{identifier(schema)}")
            for name, sql in views.items():
                conn.execute(f"CREATE OR REPLACE VIEW lake.{identifier(schema)}.{identifier(name)} AS {sql}")
