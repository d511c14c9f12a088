"""SQL for many: one process serves the published marts read-only by DuckDB's Quack protocol, and follows every build.

Each published file is attached under a name of its own, and the marts are views over it. A new build is attached beside
the previous one, and the views change in one transaction, so a statement reads only one build.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path
from types import TracebackType

import duckdb
from filelock import FileLock, Timeout

from lakehouse.engine import identifier, load, quote
from lakehouse.errors import TerminalError
from lakehouse.serving.sql_guard import SCHEMAS, Guard
from lakehouse.settings import Settings

#: Seconds that a replaced build stays attached, for statements that began before the views changed. A statement that
#: has begun to read keeps its file in any case.
RETAIN_S = 60.0
#: Bytes of randomness in a generated token.
TOKEN_BYTES = 24


def token(settings: Settings) -> tuple[str, Path | None]:
    """The token of clients: `WATTLAKE_SQL_TOKEN`, else one that is generated once and kept in the home.

    Returns:
        The token, and the file (mode 0600) of a generated one.
    """
    if settings.sql_token:
        return settings.sql_token.get_secret_value(), None
    path = settings.root / "sql-token"
    settings.root.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(secrets.token_urlsafe(TOKEN_BYTES))
    except FileExistsError:
        path.chmod(0o600)
    return path.read_text().strip(), path


class SqlServer:
    """A running server; `follow` picks up a new build.

    Args:
        settings: of the home.
        token: that clients must show.
        host, port: where it listens.

    Raises:
        TerminalError: another server runs on this home, or the port is in use.
    """

    def __init__(self, settings: Settings, token: str, host: str, port: int) -> None:
        self.settings = settings
        self.uri = f"quack:{host}:{port}"
        self._lock = FileLock(settings.root / "serve-sql.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as busy:
            raise TerminalError(
                f"another process serves {settings.root}", "connect to that one, or stop it first"
            ) from busy
        self._folder = settings.root / "tmp" / "serve-sql"
        self._current: Path | None = None  # the attached file; it is attached under its stem
        self._retired: list[tuple[float, Path]] = []  # files and the monotonic seconds when they were replaced
        self._seen: tuple[int, int] | None = None
        self.build_id: str | None = None  #: of the build being served
        self._guard = Guard(settings.sql_statement_bytes)
        # Delete the remains of a killed server; the lock proves that none is running.
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._session = self._open()
        self._watch = self._session.cursor()
        try:
            self.follow()
            self._serve(token, loopback=host in ("127.0.0.1", "localhost", "::1"))
        except BaseException:
            self.close()
            raise

    def _open(self) -> duckdb.DuckDBPyConnection:
        """The serving session: it can open only the published files in its own folder."""
        session = duckdb.connect()
        # Quack answers through httpfs, and would try to download it.
        load(session, ("httpfs", "quack"))
        spill = self._folder / "spill"
        for statement in (
            "SET autoload_known_extensions=false",
            "SET python_enable_replacements=false",
            "SET TimeZone='UTC'",
            f"SET threads={int(self.settings.threads)}",
            f"SET memory_limit={quote(self.settings.memory_limit)}",
            f"SET temp_directory={quote(str(spill))}",
            "CREATE SCHEMA marts",
        ):
            session.execute(statement)
        session.create_function("wattlake_authorize", self._guard.authorize, ["VARCHAR", "VARCHAR"], "VARCHAR")
        session.execute("SET GLOBAL quack_authorization_function='wattlake_authorize'")
        session.execute(f"SET allowed_directories=[{quote(f'{self._folder}/')}]")
        session.execute("SET enable_external_access=false")
        session.execute("SET lock_configuration=true")
        return session

    def _serve(self, token: str, *, loopback: bool) -> None:
        try:
            self._session.execute(
                f"CALL quack_serve({quote(self.uri)}, token={quote(token)}, allow_other_hostname={not loopback}, "
                "disable_ssl=true)"
            )
        except duckdb.Error as error:
            reason = str(error).replace(token, "***")
            raise TerminalError(f"cannot serve on {self.uri}: {reason}", "choose another --port") from None

    def follow(self) -> str | None:
        """Serve the published build, if it is a new one.

        Returns:
            The build_id of a new build, else None.

        Raises:
            TerminalError: the file cannot be read; the previous build is still served, and this one is reported once.
        """
        self._drop_retired()
        try:
            state = self.settings.marts_path.stat()
        except FileNotFoundError:
            return None
        if (state.st_ino, state.st_mtime_ns) == self._seen:
            return None
        # A link of its own holds the file through later swaps, and DuckDB attaches one path only once.
        link = self._folder / f"build_{secrets.token_hex(8)}.duckdb"
        os.link(self.settings.marts_path, link)
        state = link.stat()
        self._seen = (state.st_ino, state.st_mtime_ns)
        try:
            self._session.execute(f"ATTACH {quote(str(link))} AS {link.stem} (READ_ONLY)")
            self.build_id = self._show(link.stem)
        except duckdb.Error as error:
            raise TerminalError(
                f"{self.settings.marts_path} cannot be read: {str(error).splitlines()[0]}",
                "build: it is made again from the raw tables",
            ) from error
        if self._current:
            self._retired.append((time.monotonic(), self._current))
        self._current = link
        return self.build_id

    def _show(self, name: str) -> str:
        """Point all views at an attached build, in one transaction."""
        execute = self._session.execute
        rows = execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = 'main'", [name]
        ).fetchall()
        tables = {table for (table,) in rows}
        gone = set(self._guard.tables) - {table.lower() for table in tables}
        # Names are allowed before their views exist and until after they are dropped: in between SQL reports an error.
        self._guard.tables = set(self._guard.tables) | {table.lower() for table in tables}
        execute("BEGIN")
        for schema in SCHEMAS:
            for table in tables:
                view = f"{schema}.{identifier(table)}"
                execute(f"CREATE OR REPLACE VIEW {view} AS FROM {name}.main.{identifier(table)}")
            for table in gone:
                execute(f"DROP VIEW IF EXISTS {schema}.{identifier(table)}")
        execute("COMMIT")
        self._guard.tables = {table.lower() for table in tables}
        row = execute(f"SELECT build_id FROM {name}.main.wattlake_build").fetchone()
        return str(row[0]) if row else ""

    def overdue(self) -> str | None:
        """The first characters of a statement that has run for longer than `sql_timeout_s`; None if there is none.

        Quack never ends a statement early, not even if its client is gone or `quack_stop` was called: only the end of
        the process does. So the supervisor of this server has to restart it.
        """
        row = self._watch.execute(
            "SELECT left(query, 200) FROM quack_active_connections() WHERE state = 'active' "
            "AND epoch_us(query_started_at) < ? LIMIT 1",
            [int((time.time() - self.settings.sql_timeout_s) * 1e6)],
        ).fetchone()
        return " ".join(str(row[0]).split()) if row else None

    def _drop_retired(self) -> None:
        """Detach builds that were replaced long enough ago."""
        while self._retired and time.monotonic() - self._retired[0][0] > RETAIN_S:
            _, link = self._retired.pop(0)
            self._session.execute(f"DETACH {link.stem}")
            link.unlink()

    def close(self) -> None:
        """Stop listening and close every file."""
        listening = self._session.execute("SELECT count(*) FROM quack_server_list()").fetchone()
        if listening and listening[0]:
            # Running statements end with an error at their client.
            self._session.execute(f"CALL quack_stop({quote(self.uri)})")
        self._session.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.release()

    def __enter__(self) -> SqlServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
