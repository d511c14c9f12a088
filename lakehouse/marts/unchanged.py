"""Whether there is nothing to build, from a few small reads: the libraries of a build take longer to import.

It says so only where that is certain. What else there may be to do, and to say of a home that is damaged or elsewhere,
`lakehouse.marts.build` finds out.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from lakehouse.catalog import MARTS, RAW, is_elsewhere, located
from lakehouse.errors import WattlakeError
from lakehouse.marts.dbt_runner import project_digest
from lakehouse.marts.published import published
from lakehouse.pins import pin_at
from lakehouse.settings import Settings
from lakehouse.uris import is_sqlite, sqlite_path

#: The build's own row is complete, and no row is left of a build that runs or was killed.
COMPLETE = """
SELECT count(*) = 1 AND NOT EXISTS (SELECT 1 FROM runs WHERE kind = 'build' AND status IN ('running', 'interrupted'))
FROM builds WHERE id = ? AND status = 'done'
"""
#: Tables into which rows have landed.
LANDED = "SELECT DISTINCT table_name FROM slices WHERE rows_new + rows_replaced > 0"


def is_current(settings: Settings) -> bool:
    """Whether the published marts are of every landed row and of this dbt project, and nothing of them is left to do.

    Catalogs and ops tables on a server are not asked: False.
    """
    if not all(is_sqlite(uri) and sqlite_path(uri).exists() for uri in (settings.catalog_uri, settings.ops_uri)):
        return False
    try:
        build = published(settings)
        if build is None or build.held_back or build.kept_back or build.code_version != project_digest():
            return False
        tables = located(settings) or {}
        if any(is_elsewhere(settings, location) for location in tables.values()):
            return False
        if any((MARTS, mart.name) not in tables for mart in build.marts):
            return False
        raw = {name: location for (namespace, name), location in tables.items() if namespace == RAW}
        if raw.keys() != build.pins.keys():
            return False
        with closing(sqlite3.connect(sqlite_path(settings.ops_uri))) as ops:
            (complete,) = ops.execute(COMPLETE, (build.build_id,)).fetchone()
            landed = {name for (name,) in ops.execute(LANDED)}
        if not complete or not landed <= raw.keys():
            return False
        return all(pin_at(settings, name, location).snapshot_id == build.pins[name] for name, location in raw.items())
    except (WattlakeError, sqlite3.Error):
        return False
