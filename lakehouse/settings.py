"""Every setting, read in one place from `WATTLAKE_*` environment variables.

Plain dataclasses: pydantic takes longer to import than a query of a mart takes to run.
"""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lakehouse.errors import TerminalError
from lakehouse.secret import Secret

#: The dbt project of the checkout that this package runs from.
DBT_PROJECT = Path(__file__).resolve().parents[1] / "dbt"

#: Paths inside a home are up to 300 bytes longer; Linux takes 4,096 bytes, SQLite and dbt fewer.
LONGEST_HOME_BYTES = 400
S3_KEYS = "set WATTLAKE_S3_ACCESS_KEY_ID and WATTLAKE_S3_SECRET_ACCESS_KEY"
#: What the URI of a database begins with, and that of a REST catalog.
SQL_SCHEMES = ("sqlite:///", "postgresql://")
REST_SCHEMES = ("http://", "https://")
#: Characters of a token.
SHORTEST_TOKEN = 16
PREFIX = "WATTLAKE_"
#: A setting that the caller does not give: the environment or the default decides.
UNSET: Any = object()


@dataclass(frozen=True)
class S3Settings:
    """Access to S3.

    Args:
        endpoint: URL of the server; None is AWS itself.
        access_key_id, secret_access_key: the key.
        region: of the buckets.
    """

    endpoint: str | None
    access_key_id: str
    secret_access_key: Secret
    region: str


def _absolute(path: Path) -> Path:
    whole = path.expanduser().resolve()
    if set("*?[]") & set(str(whole)):
        raise ValueError("a path with *, ?, [ or ] is read as a pattern by DuckDB; use another folder")
    return whole


def _refuse_no_server(uri: str) -> None:
    """Refuse a URI that is not of a server; the message shows nothing of it, because it may hold a password."""
    try:
        host, port = _server_of(uri)
    except ValueError:
        raise ValueError("is not the URI of a server: scheme://host:port/…, with a number for the port") from None
    if not host or (port is not None and not 0 < port < 2**16):
        raise ValueError("has no host, or a wrong port: scheme://host:port/…")


def _server_of(uri: str) -> tuple[str, int | None]:
    """Host and port; for a Postgres URI without a host libpq has a default.

    Raises:
        ValueError: it is not a URI.
    """
    if not uri.startswith("postgresql"):
        parts = urlsplit(uri)
        return parts.hostname or "", parts.port
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return "any", make_url(uri).port
    except ArgumentError as error:
        raise ValueError from error


def _home(value: Path | str) -> Path:
    whole = _absolute(Path(value))
    if len(os.fsencode(whole)) > LONGEST_HOME_BYTES:
        raise ValueError(f"is longer than {LONGEST_HOME_BYTES} bytes, so paths inside it would be too long")
    try:
        there = next(path for path in (whole, *whole.parents) if path.exists())
        if not there.is_dir():
            raise ValueError(f"{there} is not a folder")
    except OSError as error:
        raise ValueError(f"{error.strerror}: use another folder") from None
    return Path(value)


def _database(*schemes: str) -> Callable[[Secret | str], Secret]:
    """Takes the URI of a database: an SQLite file, or a server."""

    def read(value: Secret | str) -> Secret:
        uri = _secret(value)
        text = uri.get_secret_value()
        if not text.startswith(schemes):
            raise ValueError(f"must begin with {', '.join(schemes)}")
        if text == "sqlite:///":
            raise ValueError("has no path: sqlite:///path")
        if not text.startswith("sqlite:///"):
            _refuse_no_server(text)
        return uri

    return read


def _endpoint(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    _refuse_no_server(value)
    return value


def _location(value: str) -> str:
    """Without a slash at the end; a folder as an absolute path, for every Iceberg manifest holds it."""
    if value.startswith("s3://"):
        if not value.removeprefix("s3://").strip("/"):
            raise ValueError("has no bucket: s3://bucket/prefix")
        return value.rstrip("/")
    if "://" in value:
        raise ValueError("must be a folder or s3://bucket/prefix")
    return str(_absolute(Path(value)))


def _secret(value: Secret | str) -> Secret:
    return Secret(value) if isinstance(value, str) else value


def _token(value: Secret | str) -> Secret:
    if len(_secret(value).get_secret_value()) < SHORTEST_TOKEN:
        raise ValueError(f"must have at least {SHORTEST_TOKEN} characters")
    return _secret(value)


def _whole(least: int) -> Callable[[int | str], int]:
    def read(value: int | str) -> int:
        if not str(value).strip().isdecimal() or int(value) < least:
            raise ValueError(f"must be a whole number, {least} or more")
        return int(value)

    return read


def _number(least: float, *, itself: bool = True) -> Callable[[float | str], float]:
    """Takes a number from `least` on, or above it if it may not be `least` itself."""

    def read(value: float | str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and (number >= least if itself else number > least)):
            raise ValueError(f"must be a number, {least:g} or more" if itself else f"must be a number above {least:g}")
        return number

    return read


def _memory(value: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)? ?[KMGT]i?B", value):
        raise ValueError("must be an amount of memory, such as 4GB")
    return value


def _by(read: Callable[[Any], Any], default: Callable[[Settings], Any] = lambda _: None) -> dict[str, Any]:
    """How a setting is made: `read` takes a value and raises ValueError; `default` sees the settings above it.

    A default of None means that there is none, and is not read.
    """
    return {"read": read, "default": default}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Locations, and limits on the use of the machine.

    A setting that is not given is read from `WATTLAKE_<NAME>`. The embedded default needs only `home`: the SQLite
    catalog, the warehouse and the archive are in it. The published marts and work in progress always are.

    Raises:
        TerminalError: a setting is wrong; the error names its variable and never shows its value.
    """

    #: Folder of the embedded warehouse.
    home: Path = field(default=UNSET, metadata=_by(_home, lambda _: Path(".wattlake")))
    #: The Iceberg catalog: sqlite:///…, postgresql://…, or http(s)://… of a REST catalog.
    catalog_uri: Secret = field(
        default=UNSET,
        metadata=_by(_database(*SQL_SCHEMES, *REST_SCHEMES), lambda at: at._database_in_home("catalog")),
    )
    #: Database of the ops tables: the catalog's if that is SQL, else SQLite in the home.
    ops_uri: Secret = field(default=UNSET, metadata=_by(_database(*SQL_SCHEMES), lambda at: at._database_of_ops()))
    #: Where Iceberg keeps data and metadata files: a folder or s3://bucket/prefix.
    warehouse: str = field(default=UNSET, metadata=_by(_location, lambda at: str(at.root / "warehouse")))
    #: Where received bytes are kept: a folder or s3://bucket/prefix.
    archive: str = field(default=UNSET, metadata=_by(_location, lambda at: str(at.root / "archive")))
    #: URL of the S3 server; AWS by default.
    s3_endpoint: str | None = field(default=UNSET, metadata=_by(_endpoint))
    s3_access_key_id: str | None = field(default=UNSET, metadata=_by(str))
    s3_secret_access_key: Secret | None = field(default=UNSET, metadata=_by(_secret))
    s3_region: str = field(default=UNSET, metadata=_by(str, lambda _: "us-east-1"))
    #: Folder with layout files of your own.
    layouts: Path | None = field(default=UNSET, metadata=_by(Path))
    #: Watched folder for files; by default `inbox` in the home.
    inbox: Path | None = field(default=UNSET, metadata=_by(Path))
    #: Threads for DuckDB and dbt.
    threads: int = field(default=UNSET, metadata=_by(_whole(1), lambda _: os.cpu_count() or 2))
    #: Folder for caches, which homes may share; by default `tmp` in the home.
    cache: Path | None = field(default=UNSET, metadata=_by(Path))
    #: DuckDB's memory limit; it spills to disk beyond.
    memory_limit: str = field(default=UNSET, metadata=_by(_memory, lambda _: "4GB"))
    #: Days for which snapshots are kept after another has replaced them.
    snapshot_days: float = field(default=UNSET, metadata=_by(_number(0), lambda _: 1.0))
    #: Number of newest snapshots of a table that always stay.
    snapshots_kept: int = field(default=UNSET, metadata=_by(_whole(1), lambda _: 10))
    #: Hours for which files that nothing names are kept.
    orphan_hours: float = field(default=UNSET, metadata=_by(_number(1), lambda _: 24.0))
    #: Days after which landed bytes are dropped from the archive; never by default.
    archive_days: float | None = field(default=UNSET, metadata=_by(_number(1)))
    #: Token of `wattlake serve sql`; generated if it is not set.
    sql_token: Secret | None = field(default=UNSET, metadata=_by(_token))
    #: Seconds that a statement of `wattlake serve sql` may run.
    sql_timeout_s: float = field(default=UNSET, metadata=_by(_number(0, itself=False), lambda _: 600.0))
    #: Longest statement that `wattlake serve sql` takes, in bytes.
    sql_statement_bytes: int = field(default=UNSET, metadata=_by(_whole(1000), lambda _: 100_000))

    def __post_init__(self) -> None:
        """Read what was not given from the environment, and check everything."""
        problems: list[str] = []
        for setting in fields(self):
            variable = f"{PREFIX}{setting.name.upper()}"
            value = getattr(self, setting.name)
            if value is UNSET:
                value = os.environ.get(variable, UNSET)
            if value is UNSET:
                if problems:
                    continue  # it may derive from a wrong setting
                value = setting.metadata["default"](self)
            try:
                # Frozen for everybody else.
                object.__setattr__(self, setting.name, None if value is None else setting.metadata["read"](value))
            except ValueError as error:
                problems.append(f"{variable}: {error}")
        if not problems and self.uses_s3 and None in (self.s3_access_key_id, self.s3_secret_access_key):
            problems.append(f"a location is in S3 and no key is set: {S3_KEYS}")
        if problems:
            raise TerminalError(f"a setting is wrong: {'; '.join(problems)}", "mend the environment variable")

    def _database_of_ops(self) -> Secret:
        is_sql = self.catalog_uri.get_secret_value().startswith(SQL_SCHEMES)
        return self.catalog_uri if is_sql else self._database_in_home("ops")

    def _database_in_home(self, name: str) -> Secret:
        return Secret(f"sqlite:///{self.root / name}.db")

    @classmethod
    def embedded(cls, home: Path) -> Settings:
        """Settings with everything in a home, whatever locations the environment names."""
        return cls(
            home=home,
            catalog_uri=Secret(f"sqlite:///{_absolute(home) / 'catalog.db'}"),
            ops_uri=Secret(f"sqlite:///{_absolute(home) / 'catalog.db'}"),
            warehouse=str(_absolute(home) / "warehouse"),
            archive=str(_absolute(home) / "archive"),
        )

    @cached_property
    def root(self) -> Path:
        """`home`, absolute."""
        return _absolute(self.home)

    @property
    def home_name(self) -> str:
        """The home's name among those of all machines that share a catalog."""
        return f"{platform.node()}:{self.root}"

    @property
    def s3(self) -> S3Settings:
        """Access to S3; only if the warehouse or the archive is there."""
        if self.s3_access_key_id is None or self.s3_secret_access_key is None:
            raise TerminalError("no key for S3 is set", S3_KEYS)
        return S3Settings(self.s3_endpoint, self.s3_access_key_id, self.s3_secret_access_key, self.s3_region)

    @property
    def uses_s3(self) -> bool:
        """Whether the warehouse or the archive is in S3."""
        return any(location.startswith("s3://") for location in (self.warehouse, self.archive))

    def s3_environment(self) -> dict[str, str]:
        """The S3 settings as environment variables for a child process, so that they are on no command line."""
        if not self.uses_s3:
            return {}
        given = {
            "WAREHOUSE": self.warehouse,
            "S3_ENDPOINT": self.s3_endpoint,
            "S3_ACCESS_KEY_ID": self.s3.access_key_id,
            "S3_SECRET_ACCESS_KEY": self.s3.secret_access_key.get_secret_value(),
            "S3_REGION": self.s3_region,
        }
        return {f"WATTLAKE_{name}": value for name, value in given.items() if value is not None}

    @property
    def inbox_path(self) -> Path:
        """The watched folder: files in `<inbox>/<source>/…` wait until a run takes them."""
        return self.inbox.expanduser().resolve() if self.inbox else self.root / "inbox"

    @property
    def marts_path(self) -> Path:
        """The file of the published marts. Its name is the name under which readers attach it."""
        return self.root / "marts.duckdb"

    @property
    def parsed_project(self) -> Path:
        """Where dbt's parsed project is kept between runs."""
        return (self.cache.expanduser().resolve() if self.cache else self.root / "tmp") / "partial_parse.msgpack"

    @property
    def layout_dirs(self) -> tuple[Path, ...]:
        """Folders with the user's own layouts, searched before the shipped ones."""
        return (*([self.layouts.resolve()] if self.layouts else []), self.root / "layouts")

    def temporary(self, kind: str, name: str) -> Path:
        """A new empty folder for the work in progress of one run, on the warehouse's disk."""
        path = self.root / "tmp" / kind / name
        path.mkdir(parents=True, exist_ok=False)
        return path
