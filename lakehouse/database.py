"""The databases behind the catalog and ops: connections, and locks that hold on every machine."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from lakehouse.errors import Busy, TransientError
from lakehouse.secret import Secret
from lakehouse.uris import is_postgres, sqlite_path, url_of

LOG = logging.getLogger(__name__)
WAITS = "%s works at %r; this one goes on when that has ended"
#: Postgres: the holder of an advisory lock, by the two halves of its number.
HOLDER = """
SELECT a.application_name, a.pid, to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND (l.classid::bigint << 32 | l.objid::bigint) = :key
"""
#: Postgres cuts longer names.
APPLICATION_NAME_CHARS = 63
#: Schema of the ops tables in Postgres, where the catalog's own tables lie in the default one.
POSTGRES_SCHEMA = "ops"
#: SQLite: milliseconds to wait for another writer before failing.
SQLITE_BUSY_MS = 30_000


def open_engine(uri: Secret) -> sa.Engine:
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
    """Create missing tables and columns in one transaction; two processes that do it at once wait for each other."""
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
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # else SQLite reads first and locks later
        metadata.create_all(connection)
        for table in metadata.sorted_tables:
            made = {column["name"] for column in sa.inspect(connection).get_columns(table.name, schema=schema)}
            for column in table.columns:
                if column.name not in made:  # an older version made the table
                    name = f"{schema}.{table.name}" if schema else table.name
                    kind = column.type.compile(engine.dialect)
                    connection.execute(sa.text(f"ALTER TABLE {name} ADD COLUMN {column.name} {kind}"))


@contextmanager
def exclusive(
    uri: Secret, *names: str, work: str = "another process", wait: bool = True
) -> Iterator[Callable[[], None]]:
    """Take named locks that hold on every machine that uses the database; waits for their holders.

    On Postgres they are advisory locks, which end with their connection; on SQLite locked files beside the database.
    Callers that take several locks name them in the same order, so that no two wait for each other.

    Args:
        uri: of the database.
        names: of the locks, taken one after the other.
        work: name of the work, for those who wait.
        wait: wait until the locks are free; else raise Busy.

    Yields:
        A function that raises TransientError if a lock was lost, for instance because the server was restarted.

    Raises:
        Busy: another process holds one of them, and `wait` is false.
    """
    locks = _advisory if is_postgres(uri) else _lock_files
    with locks(uri, names, work, wait) as held:
        yield held


@contextmanager
def _lock_files(uri: Secret, names: Sequence[str], work: str, wait: bool) -> Iterator[Callable[[], None]]:
    with ExitStack() as stack:
        for name in names:
            path = _lock_file(uri, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            lock, holder = FileLock(path), path.with_suffix(".holder")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                if not wait:
                    raise _busy(_holder(holder), name) from None
                LOG.info(WAITS, _holder(holder), name)
                lock.acquire()
            stack.callback(lock.release)
            # In a file beside the lock, because a process that tries the lock file empties it.
            note = {"work": work, "process": os.getpid(), "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"}
            holder.write_text(json.dumps(note))
            stack.callback(holder.unlink, missing_ok=True)
        yield lambda: None


@contextmanager
def _advisory(uri: Secret, names: Sequence[str], work: str, wait: bool) -> Iterator[Callable[[], None]]:
    engine = sa.create_engine(url_of(uri), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.select(sa.func.set_config("application_name", work[:APPLICATION_NAME_CHARS], False)))
        for name in names:
            if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_lock_key(name)))):
                row = connection.execute(sa.text(HOLDER), {"key": _lock_key(name)}).first()
                holder = f"{row[0]} (process {row[1]}, since {row[2]} UTC)" if row and row[0] else "another process"
                if not wait:
                    raise _busy(holder, name)
                LOG.info(WAITS, holder, name)
                connection.execute(sa.select(sa.func.pg_advisory_lock(_lock_key(name))))

        def held() -> None:
            try:
                connection.execute(sa.select(1))
            except sa.exc.DBAPIError as error:
                raise TransientError(
                    f"the database was restarted and the lock on {', '.join(names)} is lost",
                    "run the same command again",
                ) from error

        yield held


def _busy(holder: str, name: str) -> Busy:
    return Busy(f"{holder} works at {name!r}", "run the same command again when that has ended")


def _holder(path: Path) -> str:
    """The holder of a lock, from the note beside it; a killed holder leaves its note until the next one."""
    try:
        note = json.loads(path.read_text())
        os.kill(int(note["process"]), 0)
        return f"{note['work']} (process {note['process']}, since {note['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def is_free(uri: Secret, name: str) -> bool:
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


def _lock_file(uri: Secret, name: str) -> Path:
    return sqlite_path(uri).parent / f"{name}.lock"


def _lock_key(name: str) -> int:
    """The number of an advisory lock: 63 bits of a hash keep ours apart from those of other programs."""
    return int.from_bytes(hashlib.sha256(f"wattlake {name}".encode()).digest()[:8], "big") >> 1
