"""`ops.*` in SQL leaves the database of the catalog alone, whoever writes to it meanwhile."""

from __future__ import annotations

import subprocess
import sys

from ingest.registry import registry
from lakehouse.ops import RUNS, Ops
from lakehouse.reader import open_session
from lakehouse.settings import Settings

#: Another process that records runs, enough to move the write-ahead log, and ends.
WRITER = """
import sys
from lakehouse.ops import Ops, RUNS
from lakehouse.settings import Settings
ops = Ops(Settings(home=sys.argv[1]))
for number in range(50):
    ops.start(RUNS, kind="y" * 2000, request="{}", attempt=1)
"""


def test_a_session_that_closes_does_not_pull_the_database_from_under_open_connections(settings: Settings) -> None:
    ops = Ops(settings)
    for number in range(2):
        ops.start(RUNS, kind="x", request="{}", attempt=1)
        session = open_session(settings, registry().contracts)
        assert session.execute("SELECT count(*) FROM ops.runs").fetchall() == [(51 * number + 1,)]
        session.close()
        subprocess.run([sys.executable, "-c", WRITER, str(settings.root)], check=True)
        assert len(ops.query(RUNS.select())) == 51 * (number + 1)
    assert ops.query(RUNS.select().where(RUNS.c.kind == "x"))
    with ops.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").fetchall() == [("ok",)]
