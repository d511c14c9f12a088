"""What a reader gets."""

from __future__ import annotations

from typing import Any

from ingest.registry import registry
from lakehouse.reader import open_session
from lakehouse.settings import Settings


def query(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query over raw.*, marts.* and ops.*, in a session of its own."""
    session = open_session(settings, registry().contracts)
    try:
        return session.execute(sql).fetchall()
    finally:
        session.close()
