"""Every setting, read in one place from `WATTLAKE_*` environment variables."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lakehouse.errors import TerminalError

#: The dbt project of the checkout that this package runs from.
DBT_PROJECT = Path(__file__).resolve().parents[1] / "dbt"

#: Paths inside a home are up to 300 bytes longer; Linux takes 4,096 bytes, SQLite and dbt fewer.
LONGEST_HOME_BYTES = 400
S3_KEYS = "set WATTLAKE_S3_ACCESS_KEY_ID and WATTLAKE_S3_SECRET_ACCESS_KEY"


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
    secret_access_key: SecretStr
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


def _in_home(values: dict[str, Any], name: str) -> str:
    return str(_absolute(values["home"]) / name)


def _ops_beside(values: dict[str, Any]) -> SecretStr:
    """The catalog's database if that is SQL, else SQLite in the home."""
    catalog: SecretStr = values["catalog_uri"]
    if catalog.get_secret_value().startswith("http"):
        return SecretStr(f"sqlite:///{_in_home(values, 'ops.db')}")
    return catalog


class Settings(BaseSettings):
    """Locations, and limits on the use of the machine.

    The embedded default needs only `home`: the SQLite catalog, the warehouse and the archive are in it. The published
    marts and work in progress always are.
    """

    model_config = SettingsConfigDict(env_prefix="WATTLAKE_", frozen=True, hide_input_in_errors=True)

    home: Path = Field(default=Path(".wattlake"), description="folder of the embedded warehouse")
    catalog_uri: SecretStr = Field(
        default_factory=lambda values: SecretStr(f"sqlite:///{_in_home(values, 'catalog.db')}"),
        description="the Iceberg catalog: sqlite:///…, postgresql://…, or http(s)://… of a REST catalog",
    )
    ops_uri: SecretStr = Field(
        default_factory=lambda values: _ops_beside(values),
        description="database of the ops tables: sqlite:///… or postgresql://…",
    )
    warehouse: str = Field(
        default_factory=lambda values: _in_home(values, "warehouse"),
        description="where Iceberg keeps data and metadata files: a folder or s3://bucket/prefix",
    )
    archive: str = Field(
        default_factory=lambda values: _in_home(values, "archive"),
        description="where received bytes are kept: a folder or s3://bucket/prefix",
    )
    s3_endpoint: str | None = Field(default=None, description="URL of the S3 server; AWS by default")
    s3_access_key_id: str | None = Field(default=None, description="key for S3")
    s3_secret_access_key: SecretStr | None = Field(default=None, description="secret of the key for S3")
    s3_region: str = Field(default="us-east-1", description="region of the S3 buckets")
    layouts: Path | None = Field(default=None, description="folder with layout files of your own")
    inbox: Path | None = Field(default=None, description="watched folder for files (default: inbox in the home)")
    threads: int = Field(default_factory=lambda: os.cpu_count() or 2, ge=1, description="threads for DuckDB and dbt")
    cache: Path | None = Field(
        default=None, description="folder for caches, which homes may share (default: tmp in the home)"
    )
    memory_limit: str = Field(
        default="4GB", pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$", description="DuckDB memory limit; it spills to disk beyond"
    )

    snapshot_days: float = Field(
        default=1, ge=0, description="days for which snapshots are kept after another has replaced them"
    )
    snapshots_kept: int = Field(default=10, ge=1, description="number of newest snapshots of a table that always stay")
    orphan_hours: float = Field(default=24, ge=1, description="hours for which files that nothing names are kept")
    archive_days: float | None = Field(
        default=None, ge=1, description="days after which landed bytes are dropped from the archive; never by default"
    )
    sql_token: SecretStr | None = Field(
        default=None, min_length=16, description="token of `wattlake serve sql`; generated if it is not set"
    )
    sql_timeout_s: float = Field(
        default=600, gt=0, description="seconds that a statement of `wattlake serve sql` may run"
    )
    sql_statement_bytes: int = Field(
        default=100_000, ge=1000, description="longest statement that `wattlake serve sql` takes, in bytes"
    )

    @field_validator("home")
    @classmethod
    def _plain(cls, value: Path) -> Path:
        whole = _absolute(value)
        if len(os.fsencode(whole)) > LONGEST_HOME_BYTES:
            raise ValueError(f"is longer than {LONGEST_HOME_BYTES} bytes, so paths inside it would be too long")
        try:
            there = next(path for path in (whole, *whole.parents) if path.exists())
            if not there.is_dir():
                raise ValueError(f"{there} is not a folder")
        except OSError as error:
            raise ValueError(f"{error.strerror}: use another folder") from None
        return value

    @field_validator("catalog_uri", "ops_uri")
    @classmethod
    def _known_database(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        schemes = (
            "sqlite:///",
            "postgresql://",
            *(("http://", "https://") if info.field_name == "catalog_uri" else ()),
        )
        text = value.get_secret_value()
        if not text.startswith(schemes):
            raise ValueError(f"must begin with {', '.join(schemes)}")
        if text == "sqlite:///":
            raise ValueError("has no path: sqlite:///path")
        if not text.startswith("sqlite:///"):
            _refuse_no_server(text)
        return value

    @field_validator("s3_endpoint")
    @classmethod
    def _known_endpoint(cls, value: str | None) -> str | None:
        if value is not None:
            if not value.startswith(("http://", "https://")):
                raise ValueError("must begin with http:// or https://")
            _refuse_no_server(value)
        return value

    @field_validator("warehouse", "archive")
    @classmethod
    def _whole_location(cls, value: str) -> str:
        """Without a slash at the end; a folder as an absolute path, for every Iceberg manifest holds it."""
        if value.startswith("s3://"):
            if not value.removeprefix("s3://").strip("/"):
                raise ValueError("has no bucket: s3://bucket/prefix")
            return value.rstrip("/")
        if "://" in value:
            raise ValueError("must be a folder or s3://bucket/prefix")
        return str(_absolute(Path(value)))

    @model_validator(mode="after")
    def _has_keys(self) -> Settings:
        if self.uses_s3 and (self.s3_access_key_id is None or self.s3_secret_access_key is None):
            raise ValueError(f"a location is in S3 and no key is set: {S3_KEYS}")
        return self

    @classmethod
    def embedded(cls, home: Path) -> Settings:
        """Settings with everything in a home, whatever locations the environment names."""
        return cls(
            home=home,
            catalog_uri=SecretStr(f"sqlite:///{_absolute(home) / 'catalog.db'}"),
            ops_uri=SecretStr(f"sqlite:///{_absolute(home) / 'catalog.db'}"),
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
