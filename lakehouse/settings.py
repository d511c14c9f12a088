"""Every setting, read in one place from `WATTLAKE_*` environment variables."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lakehouse.errors import TerminalError

#: The dbt project belongs to the checkout that this package runs from.
DBT_PROJECT = Path(__file__).resolve().parents[1] / "dbt"


class Settings(BaseSettings):
    """Where things are and how much of the machine they may use.

    The embedded default needs nothing but `home`: an SQLite catalog, the warehouse and the archive lie in it.
    """

    model_config = SettingsConfigDict(env_prefix="WATTLAKE_", frozen=True)

    home: Path = Field(default=Path(".wattlake"), description="folder of the embedded warehouse")
    layouts: Path | None = Field(default=None, description="folder with layout files of your own")
    threads: int = Field(default_factory=lambda: os.cpu_count() or 2, ge=1, description="threads for DuckDB and dbt")
    memory_limit: str = Field(
        default="4GB", pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$", description="DuckDB memory limit; it spills to disk beyond"
    )

    @field_validator("home")
    @classmethod
    def _plain(cls, value: Path) -> Path:
        if set("*?[]") & set(str(value.expanduser().resolve())):
            raise ValueError("a path with *, ?, [ or ] is read as a pattern by DuckDB; use another folder")
        return value

    @cached_property
    def root(self) -> Path:
        """`home`, absolute."""
        return self.home.expanduser().resolve()

    @property
    def catalog_uri(self) -> str:
        """SQLAlchemy URI of the database that holds the Iceberg catalog and the ops tables."""
        return f"sqlite:///{self.root / 'catalog.db'}"

    @property
    def warehouse(self) -> str:
        """Where Iceberg keeps data and metadata files."""
        return str(self.root / "warehouse")

    @property
    def archive_path(self) -> Path:
        """Folder of the raw archive."""
        return self.root / "archive"

    @property
    def marts_path(self) -> Path:
        """The published marts. The file's name is the name readers attach it by."""
        return self.root / "marts.duckdb"

    @property
    def layout_dirs(self) -> tuple[Path, ...]:
        """Folders with the user's own layouts, searched before the shipped ones."""
        return (*([self.layouts.resolve()] if self.layouts else []), self.root / "layouts")

    def temporary(self, kind: str, name: str) -> Path:
        """A folder for work in progress of one run, created empty on the warehouse's disk."""
        path = self.root / "tmp" / kind / name
        path.mkdir(parents=True, exist_ok=False)
        return path


def claim_home(settings: Settings, simulated: bool) -> None:
    """Mark the home as holding real or simulated assets; refuse to mix the two.

    Raises:
        TerminalError: the home holds the other kind.
    """
    marker = settings.root / "home.json"
    settings.root.mkdir(parents=True, exist_ok=True)
    kind = "simulated" if simulated else "real"
    try:
        with marker.open("x") as handle:
            json.dump({"assets": kind}, handle)
    except FileExistsError:
        held = json.loads(marker.read_text())["assets"]
        if held != kind:
            raise TerminalError(
                f"{settings.root} holds {held} assets and cannot take {kind} ones",
                "use another home: set WATTLAKE_HOME to a folder of its own",
            ) from None
