"""Extensions come from their wheels; sessions that run a user's SQL load no other that is not signed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from ingest.registry import registry
from lakehouse import engine
from lakehouse.reader import open_marts_session, open_session
from lakehouse.settings import Settings
from lakehouse.upkeep import doctor


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
