"""DuckDB connections with extensions from their wheels: nothing is downloaded at run time."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb

from lakehouse.errors import TerminalError
from lakehouse.settings import S3Settings, Settings

#: avro comes first, because iceberg needs it.
EXTENSIONS = ("avro", "iceberg")
#: Five attempts for each request, like botocore: waits of 0.2, 0.6, 1.8 and 5.4 s. An answer may take 30 s to begin.
HTTP_SETTINGS = {"http_retries": 4, "http_retry_wait_ms": 200, "http_retry_backoff": 3, "http_timeout": 30}


def extension_path(name: str) -> Path:
    """The extension's file inside its wheel.

    Raises:
        TerminalError: the wheel is not installed, or is for another DuckDB version.
    """
    package = f"duckdb_extension_{name}"
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise TerminalError(f"the package {package} is not installed", "install Wattlake from its lock file: uv sync")
    folder = Path(next(iter(spec.submodule_search_locations)))
    path = folder / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not path.exists():
        raise TerminalError(
            f"{package} has no extension for DuckDB {duckdb.__version__}",
            f"install {package.replace('_', '-')}=={duckdb.__version__}",
        )
    return path


def load(connection: duckdb.DuckDBPyConnection, names: tuple[str, ...] = EXTENSIONS) -> None:
    """Load extensions by path, with auto-install off."""
    connection.execute("SET autoinstall_known_extensions=false")
    for name in names:
        connection.execute(f"LOAD '{extension_path(name)}'")


def connect(
    path: Path | str = ":memory:",
    *,
    settings: Settings | None = None,
    temporary: Path | None = None,
    extensions: tuple[str, ...] = EXTENSIONS,
) -> duckdb.DuckDBPyConnection:
    """A connection in UTC with the extensions loaded, for our own statements; see `only_signed_from_here`.

    Args:
        path: database file, in memory by default.
        settings: limits, and the key for S3 where files lie there; DuckDB's defaults where None.
        temporary: folder for spilled data.
        extensions: extensions to load.
    """
    # DuckDB would check the signatures for each connection: 60 MB to hash, 0.3 s of CPU. The hashes of the wheels were
    # checked against the lock file at installation, and `wattlake doctor` lets DuckDB check the signatures.
    connection = duckdb.connect(str(path), config={"allow_unsigned_extensions": "true"})
    load(connection, extensions)
    connection.execute("SET TimeZone='UTC'")
    if settings:
        # Literals, not parameters: for a parameter DuckDB imports pandas, which takes a second.
        connection.execute(f"SET threads={settings.threads}")
        connection.execute(f"SET memory_limit={quote(settings.memory_limit)}")
        reach_s3(connection, settings)
    if temporary:
        connection.execute(f"SET temp_directory={quote(str(temporary))}")
    return connection


#: What an instance of `reading` is of: threads, limit of memory, and where S3 is.
_Limits = tuple[int, str, S3Settings | None]
_instances: dict[_Limits, duckdb.DuckDBPyConnection] = {}
_lock = threading.Lock()


@contextlib.contextmanager
def reading(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session that reads files and Iceberg tables, with the extensions loaded; what it makes must be temporary.

    Sessions are of one instance of DuckDB that this process keeps, and share its limits: to make one takes 20 ms of CPU
    time, which is more than most of what a session is asked. After an error the next session has a new instance: DuckDB
    gives up one in which an internal error has happened.
    """
    limits = (settings.threads, settings.memory_limit, settings.s3 if settings.uses_s3 else None)
    with _lock:
        instance = _instances.get(limits)
        if instance is None:
            instance = _instances[limits] = connect(settings=settings)
            instance.execute("SET GLOBAL TimeZone='UTC'")
            # A file that is written anew under its name within a moment must not be read as it was.
            instance.execute("SET enable_external_file_cache=false")
        session = instance.cursor()
    try:
        yield session
    except BaseException:
        with _lock:
            if _instances.get(limits) is instance:
                del _instances[limits]
        raise
    finally:
        session.close()


def _forget_instances() -> None:
    """In a fork: its parent's instances have threads that are not here, so that to end one would wait for ever."""
    global _lock
    _lock = threading.Lock()
    for instance in _instances.values():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(instance))
    _instances.clear()


os.register_at_fork(after_in_child=_forget_instances)


def only_signed_from_here(connection: duckdb.DuckDBPyConnection) -> None:
    """Call before statements of users: DuckDB loads only signed extensions from then on, irrevocably."""
    connection.execute("SET allow_unsigned_extensions=false")


def reach_s3(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Give a connection the key for S3, if the settings name a location there; the key lives as long as the session."""
    if not settings.uses_s3:
        return
    load(connection, ("httpfs",))
    s3 = settings.s3
    options = {"KEY_ID": s3.access_key_id, "SECRET": s3.secret_access_key.get_secret_value(), "REGION": s3.region}
    listed = "".join(f", {name} {quote(value)}" for name, value in options.items())
    if s3.endpoint:
        scheme, _, host = s3.endpoint.partition("://")
        secure = "true" if scheme == "https" else "false"
        listed += f", ENDPOINT {quote(host.rstrip('/'))}, URL_STYLE 'path', USE_SSL {secure}"
    connection.execute(f"CREATE OR REPLACE TEMPORARY SECRET wattlake_s3 (TYPE s3{listed})")
    for name, value in HTTP_SETTINGS.items():
        connection.execute(f"SET {name}={value}")


def quote(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
