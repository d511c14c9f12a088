"""The published file: what it says of its build, and the steps that make it. One rename puts it in place."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from lakehouse.engine import identifier, quote
from lakehouse.errors import TerminalError
from lakehouse.marts.dbt_models import Mart, Model
from lakehouse.reader import attach_marts
from lakehouse.settings import Settings

#: ioctl that clones a file's extents (btrfs, xfs); elsewhere the bytes are copied.
FICLONE = 0x40049409


@dataclass(frozen=True)
class Made:
    """The state of a mart in a published file.

    Args:
        build_id: the last build after which its rows were those of the pins; None if there was none.
        digest: of the code that made its rows, see `dbt_models.Model`; None if a build has kept it back since.
        kept_back: the reason why its rows stay as they were, or None.
    """

    build_id: str | None
    digest: str | None
    kept_back: str | None = None


@dataclass(frozen=True)
class Published:
    """The record of its build that a marts file holds.

    Args:
        build_id: the build that made the file.
        pins: table → snapshot id that the file was built from.
        code_version: digest of the dbt project that built it.
        marts: the dbt project's declarations of its tables with something to say.
        held_back: asset → the reason why its rows are not those of the pins; see `lakehouse.marts.held_back`.
        made: mart → its state.
    """

    build_id: str
    pins: dict[str, int | None]
    code_version: str
    marts: list[Mart]
    held_back: dict[str, str] = field(default_factory=dict)
    made: dict[str, Made] = field(default_factory=dict)

    @property
    def digests(self) -> dict[str, str]:
        """Mart → digest of the code that made its rows."""
        return {name: made.digest for name, made in self.made.items() if made.digest}

    @property
    def kept_back(self) -> dict[str, str]:
        """Mart → the reason why it is kept back."""
        return {name: made.kept_back for name, made in self.made.items() if made.kept_back}


def published(settings: Settings) -> Published | None:
    """The published build, or None. The file decides: the rename that published it is the commit point.

    An unreadable file counts as nothing published: the next build makes it again.

    Raises:
        TerminalError: there is a folder in place of the file.
    """
    if not settings.marts_path.exists():
        return None
    try:
        connection = open_marts(settings)
    except TerminalError:
        if settings.marts_path.is_dir():
            raise
        return None
    try:
        cursor = connection.execute("FROM marts.wattlake_build")  # rows, because an Arrow table would load pandas
        names, values = [column[0] for column in cursor.description or ()], cursor.fetchone()
        made = connection.execute("SELECT mart, build_id, digest, kept_back FROM marts.wattlake_marts").fetchall()
    except duckdb.Error:
        return None
    finally:
        connection.close()
    row = dict(zip(names, values or (), strict=False))
    if not {"build_id", "pins", "code_version", "marts", "held_back"} <= row.keys():
        return None
    declared = [Mart.from_json(mart) for mart in json.loads(row["marts"])]
    states = {name: Made(*state) for name, *state in made}
    held_back = json.loads(row["held_back"])
    return Published(row["build_id"], json.loads(row["pins"]), row["code_version"], declared, held_back, states)


def open_marts(settings: Settings) -> duckdb.DuckDBPyConnection:
    """The published file as `marts`, read-only.

    It is attached, not connected to: DuckDB has one instance per path and process, so a reader that is still open on an
    earlier build would share its stale file.
    """
    connection = duckdb.connect()
    try:
        attach_marts(connection, settings)
    except TerminalError:
        connection.close()
        raise
    return connection


def sign(build_file: Path, build: Published, built_at: datetime) -> None:
    """Write the record of its build into a build file, and flush it."""
    connection = duckdb.connect(str(build_file))
    try:
        connection.execute(
            "CREATE OR REPLACE TABLE wattlake_build "
            "(build_id VARCHAR, pins VARCHAR, code_version VARCHAR, marts VARCHAR, built_at TIMESTAMPTZ, "
            "held_back VARCHAR)"
        )
        connection.execute(
            "INSERT INTO wattlake_build VALUES (?, ?, ?, ?, ?, ?)",
            [
                build.build_id,
                json.dumps(build.pins),
                build.code_version,
                json.dumps([asdict(mart) for mart in build.marts]),
                built_at,
                json.dumps(build.held_back),
            ],
        )
        connection.execute(
            "CREATE OR REPLACE TABLE wattlake_marts (mart VARCHAR, build_id VARCHAR, digest VARCHAR, kept_back VARCHAR)"
        )
        states = [[name, made.build_id, made.digest, made.kept_back] for name, made in sorted(build.made.items())]
        if states:
            connection.executemany("INSERT INTO wattlake_marts VALUES (?, ?, ?, ?)", states)
        connection.execute("CHECKPOINT")
    finally:
        connection.close()


def write_comments(build_file: Path, marts: Sequence[Mart]) -> None:
    """Write the descriptions of marts and their columns as comments into a build file, where they are missing.

    dbt's `persist_docs` does the same with one query per column in each of its runs: some 700 take a quarter of a
    second. A copied file keeps its comments, except on relations that were created again.
    """
    connection = duckdb.connect(str(build_file))
    try:
        connection.execute("BEGIN")
        relations = """
            SELECT table_name, 'TABLE', comment FROM duckdb_tables()
            UNION ALL SELECT view_name, 'VIEW', comment FROM duckdb_views() WHERE NOT internal
        """
        there = {name: (kind, comment) for name, kind, comment in connection.execute(relations).fetchall()}
        listed = connection.execute("SELECT table_name, column_name, comment FROM duckdb_columns()").fetchall()
        columns = {(table, column): comment for table, column, comment in listed}
        for mart in marts:
            if mart.name not in there:
                continue
            (kind, comment), name = there[mart.name], identifier(mart.name)
            if comment != mart.description:
                connection.execute(f"COMMENT ON {kind} {name} IS {quote(mart.description)}")
            for column, description in mart.columns.items():
                if columns.get((mart.name, column), description) != description:
                    connection.execute(f"COMMENT ON COLUMN {name}.{identifier(column)} IS {quote(description)}")
        connection.execute("COMMIT")
    finally:
        connection.close()


def create_empty(build_file: Path, models: Sequence[Model]) -> None:
    """Create the tables of models that have nothing to say, with the columns that their YAML declares, if it does.

    Tables that are there stay as they are.
    """
    connection = duckdb.connect(str(build_file))
    try:
        for model in (model for model in models if model.types and all(model.types.values())):
            columns = ", ".join(f"{identifier(name)} {kind}" for name, kind in model.types.items())
            connection.execute(f"CREATE TABLE IF NOT EXISTS {identifier(model.name)} ({columns})")
    finally:
        connection.close()


def carry(published: Path, build_file: Path, names: Collection[str]) -> None:
    """Copy marts that a build keeps back from the published file into a build file that has none of them."""
    connection = duckdb.connect(str(build_file))
    try:
        connection.execute(f"ATTACH {quote(str(published))} AS before (READ_ONLY)")
        there = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'before'").fetchall()
        for name in sorted({name for (name,) in there} & set(names)):
            connection.execute(f"CREATE OR REPLACE TABLE {identifier(name)} AS FROM before.{identifier(name)}")
    finally:
        connection.close()


def copy_file(source: Path, target: Path) -> None:
    """Copy a file by sharing its extents if the file system can, else byte by byte."""
    with source.open("rb") as reading, target.open("wb") as writing:
        try:
            fcntl.ioctl(writing.fileno(), FICLONE, reading.fileno())
            return
        except OSError:
            pass  # not a file system with reflinks
    shutil.copyfile(source, target)
