"""Extensions come from their wheels; sessions that run a user's SQL load no other that is not signed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.registry import registry
from lakehouse import engine
from lakehouse.reader import open_marts_session, open_session
from lakehouse.settings import Settings
from lakehouse.upkeep import doctor


def test_sessions_that_read_share_an_instance_and_nothing_that_they_make(settings: Settings) -> None:
    with engine.reading(settings) as first, engine.reading(settings) as second:
        first.execute("CREATE TEMPORARY VIEW mine AS SELECT 1 AS n")
        with pytest.raises(duckdb.CatalogException, match="mine"):
            second.execute("FROM mine")
        assert first.execute("SELECT n, current_setting('TimeZone') FROM mine").fetchall() == [(1, "UTC")]
    with engine.reading(settings) as third, pytest.raises(duckdb.CatalogException):
        third.execute("FROM mine")
    instance = engine._instances[settings.threads, settings.memory_limit, None]  # other tests have theirs
    with pytest.raises(duckdb.Error), engine.reading(settings) as broken:
        broken.execute("SELECT no_such_column")
    with engine.reading(settings) as after:
        assert after.execute("SELECT 2").fetchall() == [(2,)]
    assert instance not in engine._instances.values()
    other = replace(settings, threads=1)
    with engine.reading(settings) as two, engine.reading(other) as one:
        threads = "SELECT current_setting('threads')"
        assert [session.execute(threads).fetchall() for session in (two, one)] == [[(2,)], [(1,)]]


def test_a_file_that_is_written_anew_is_read_as_it_is(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "n.parquet"
    for n in range(20):  # of one size, within the time that a file system tells apart
        pq.write_table(pa.table({"n": [n] * 1000}), path)
        with engine.reading(settings) as session:
            assert session.execute(f"SELECT DISTINCT n FROM read_parquet('{path}')").fetchall() == [(n,)]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems start processes anew")
def test_a_fork_reads_in_an_instance_of_its_own_and_ends(settings: Settings) -> None:
    code = f"""
import os, sys
from lakehouse import engine
from lakehouse.settings import Settings
settings = Settings(home={str(settings.root)!r}, threads=2)
with engine.reading(settings) as session:
    session.execute("SELECT sum(i) FROM range(1000000) t(i)").fetchall()
child = os.fork()
with engine.reading(settings) as session:
    assert session.execute("SELECT count(*) FROM range(1000000)").fetchall() == [(1000000,)]
sys.exit(0 if child == 0 else os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.fixture
def tampered(tmp_path: Path) -> Path:
    """An extension of which one byte is another."""
    path = tmp_path / "httpfs.duckdb_extension"
    content = bytearray(engine.extension_path("httpfs").read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "opened",
    [open_marts_session, lambda settings: open_session(settings, registry().contracts)],
    ids=["marts", "everything"],
)
def test_a_users_query_loads_no_extension_whose_signature_is_wrong(
    settings: Settings, tampered: Path, opened: Callable[[Settings], duckdb.DuckDBPyConnection]
) -> None:
    session = opened(settings)
    try:
        with pytest.raises(duckdb.Error, match="signature"):
            session.execute(f"LOAD '{tampered}'")
        with pytest.raises(duckdb.Error, match="annot change"):
            session.execute("SET allow_unsigned_extensions=true")
    finally:
        session.close()


def test_the_doctor_finds_an_extension_whose_signature_is_wrong(
    settings: Settings, tampered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "extension_path", lambda name: tampered)
    (finding,) = [found for found in doctor.examine(settings) if found.name == "DuckDB"]
    assert finding.status == "problem" and "signature" in finding.says
