"""The databases behind the catalog and ops: how they are reached, and locks that hold on every machine."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout
from pydantic import SecretStr

from lakehouse.errors import TransientError
from lakehouse.uris import is_postgres, sqlite_path, url_of

LOG = logging.getLogger(__name__)
WAITS = "another process works at %r; this one goes on when that has ended"
#: Schema of the ops tables in Postgres, where the catalog's own tables lie in the default one.
POSTGRES_SCHEMA = "ops"
#: SQLite: wait so long for another writer instead of failing.
SQLITE_BUSY_MS = 30_000


def open_engine(uri: SecretStr) -> sa.Engine:
    """An engine whose connections survive a restart of the server, on the schema of the ops tables."""
    if is_postgres(uri):
        engine = sa.create_engine(url_of(uri), pool_pre_ping=True)
        return engine.execution_options(schema_translate_map={None: POSTGRES_SCHEMA})
    sqlite_path(uri).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url_of(uri))
    # Readers (wattlake sql) and several writers at once: write-ahead log, and wait instead of failing.
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    sa.event.listen(engine, "connect", lambda c, _: c.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}"))
    return engine


def create_tables(engine: sa.Engine, metadata: sa.MetaData) -> None:
    """Make what is missing, all of it or nothing; two processes that do it at once wait for each other."""
    schema = POSTGRES_SCHEMA if engine.dialect.name == "postgresql" else None
    there = sa.inspect(engine).get_multi_columns(schema=schema)
    columns = {name: {str(column["name"]) for column in found} for (_, name), found in there.items()}
    wanted = {table.name: {column.name for column in table.columns} for table in metadata.sorted_tables}
    if all(names <= columns.get(table, set()) for table, names in wanted.items()):
        return
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_lock_key("tables"))))
            connection.execute(sa.schema.CreateSchema(POSTGRES_SCHEMA, if_not_exists=True))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # SQLite would look first and lock later
        metadata.create_all(connection)
        for table in metadata.sorted_tables:
            made = {column["name"] for column in sa.inspect(connection).get_columns(table.name, schema=schema)}
            for column in table.columns:
                if column.name not in made:  # an older version made the table
                    name = f"{schema}.{table.name}" if schema else table.name
                    kind = column.type.compile(engine.dialect)
                    connection.execute(sa.text(f"ALTER TABLE {name} ADD COLUMN {column.name} {kind}"))


@contextmanager
def exclusive(uri: SecretStr, name: str) -> Iterator[Callable[[], None]]:
    """Wait until no other process has the lock of this name, on any machine that uses the database, and hold it.

    On Postgres it is an advisory lock, which ends with its connection; on SQLite a locked file beside the database.

    Yields:
        A function that raises TransientError if the lock was lost, as when the server was restarted.
    """
    if not is_postgres(uri):
        _lock_file(uri, name).parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(_lock_file(uri, name))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            LOG.info(WAITS, name)
            lock.acquire()
        try:
            yield lambda: None
        finally:
            lock.release()
        return
    engine = sa.create_engine(url_of(uri), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_lock_key(name)))):
            LOG.info(WAITS, name)
            connection.execute(sa.select(sa.func.pg_advisory_lock(_lock_key(name))))

        def held() -> None:
            try:
                connection.execute(sa.select(1))
            except sa.exc.DBAPIError as error:
                raise TransientError(
                    f"the database was restarted and the lock on {name} is lost", "run the same command again"
                ) from error

        yield held


def is_free(uri: SecretStr, name: str) -> bool:
    """Whether nobody holds a lock now."""
    if not is_postgres(uri):
        lock = FileLock(_lock_file(uri, name))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        lock.release()
        return True
    engine = sa.create_engine(url_of(uri), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # Released with the connection.
        return bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_lock_key(name)))))


def _lock_file(uri: SecretStr, name: str) -> Path:
    return sqlite_path(uri).parent / f"{name}.lock"


def _lock_key(name: str) -> int:
    """Postgres numbers its advisory locks: 63 bits of a hash keep ours apart from those of others."""
    return int.from_bytes(hashlib.sha256(f"wattlake {name}".encode()).digest()[:8], "big") >> 1
