"""The doctor's checks of the home: database, tables, archive and marts, with the command that mends each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import duckdb
import sqlalchemy as sa

from lakehouse.archive import HASH_CHARS, open_archive, receipt_of
from lakehouse.catalog import MARTS, RAW, is_elsewhere, located, open_catalog
from lakehouse.damage import database_damage, read_a_row_group, table_damage
from lakehouse.database import is_free
from lakehouse.engine import identifier
from lakehouse.errors import MEND, TerminalError
from lakehouse.landing.holding import lock_of, tables_of
from lakehouse.marts.published import open_marts, published
from lakehouse.ops import OPEN, RUNS, Ops, now
from lakehouse.presence import MARKER, holds_a_house, kind_held
from lakehouse.settings import Settings
from lakehouse.upkeep.finding import Check, Finding
from lakehouse.uris import is_sqlite, sqlite_path

#: Age of published marts from which, if raw tables have changed since, a schedule has probably not run.
STALE_MARTS = timedelta(days=2)
#: Number and total bytes of the newest receipts whose objects are read and hashed; a replay reads all.
NEWEST = 20
HASHED_BYTES = 64 * 2**20
#: A DuckDB file begins with three headers of 4 KiB; blocks follow.
HEADER_BYTES = 3 * 4096
#: Instants further ahead of the clock than this come from a clock that was wrong.
AHEAD = timedelta(minutes=10)
#: Kind of a run → the lock of its work. Landings and replays hold tables instead.
WORK = {
    "build": "build",
    "check": "check",
    "backfill": "backfill",
    "maintain": "maintain",
}


def _house(settings: Settings) -> Iterator[Finding]:
    if not holds_a_house(settings):
        says = f"there is no Wattlake home in {settings.root}"
        yield Finding("house", "warning", says, "set WATTLAKE_HOME to a home; or land files to begin one")
        return
    marker = settings.root / MARKER
    if marker.exists() and kind_held(settings) is None:
        yield Finding("house", "problem", f"{marker} is damaged", MEND)


def _database(settings: Settings) -> Iterator[Finding]:
    """Check that the database of the catalog and of ops is sound, and not lost."""
    for uri in dict.fromkeys((settings.catalog_uri, settings.ops_uri)):
        if damage := database_damage(uri):
            yield Finding("database", "problem", damage, MEND)
            return
    if is_sqlite(settings.ops_uri) and not sqlite_path(settings.ops_uri).exists():
        if open_archive(settings).holds_receipts():
            says = f"{sqlite_path(settings.ops_uri)} is gone, and the archive {settings.archive} holds what has landed"
            yield Finding("database", "problem", says, MEND)
        elif settings.marts_path.exists():
            says = f"{sqlite_path(settings.ops_uri)} is gone and the archive {settings.archive} is empty, beside marts"
            yield Finding("database", "problem", says, "restore both from a backup, or mend the settings")
        return
    Ops(settings)  # raises if the records of landings are lost


def _tables(settings: Settings) -> Iterator[Finding]:
    """Check every table: its location, metadata and manifests, the size of its files, and a row group."""
    if database_damage(settings.catalog_uri):
        return
    places = located(settings)
    if places == {} and not holds_a_house(settings):
        yield Finding("tables", "ok", "none yet; the first landing makes them")
        return
    if away := sorted(".".join(name) for name, place in (places or {}).items() if is_elsewhere(settings, place)):
        first = next(place for place in (places or {}).values() if is_elsewhere(settings, place))
        says = f"{len(away)} tables lie outside of {settings.warehouse}, such as {first}: a moved or copied home"
        yield Finding("tables", "problem", says, f"put it back, or {MEND}; the other place stays as it is")
        return
    catalog = open_catalog(settings)
    names = [(namespace, name) for namespace in (RAW, MARTS) for _, name in sorted(catalog.list_tables(namespace))]
    damaged = False
    for name in names:
        if damage := table_damage(settings, catalog, name, read_a_row_group):
            damaged = True
            yield Finding("tables", "problem", f"{'.'.join(name)} cannot be read: {damage}", MEND)
    if is_sqlite(settings.ops_uri) and not sqlite_path(settings.ops_uri).exists():
        return
    gone = sorted(Ops(settings, mending=True).tables_with_rows() - {name for space, name in names if space == RAW})
    if gone:
        yield Finding("tables", "problem", f"the catalog has lost raw.{', raw.'.join(gone)}", MEND)
    if not damaged and not gone:
        yield Finding("tables", "ok", f"{len(names)} Iceberg tables; a row group of each was read")


def _received(settings: Settings) -> Iterator[Finding]:
    """Check that the archive has the bytes of every receipt, and that the newest ones match their hash."""
    archive = open_archive(settings)
    listing = list(archive.storage.list(archive.root))
    sidecars = sorted((file for file in listing if file.uri.endswith(".json")), key=lambda file: file.modified_at)
    objects = {file.uri.rsplit("/", 1)[-1][:HASH_CHARS] for file in listing if file.uri.endswith(".zst")}
    # The name of a sidecar has the run, the number and the hash, so that few of them need to be read.
    bare = [file for file in sidecars if file.uri.removesuffix(".json")[-HASH_CHARS:] not in objects]
    looked_at = {file.uri: file for file in (*bare, *sidecars[-NEWEST:])}
    sound, size = True, 0
    for uri, content in archive.storage.read_each(looked_at):
        try:
            receipt = receipt_of(uri, content)
        except TerminalError as error:
            sound = False
            yield Finding("received", "problem", error.message, "restore it from a backup, or land the file again")
            continue
        size += receipt.bytes
        if receipt.dropped_at or size > HASHED_BYTES or archive.is_sound(receipt.sha256):
            continue
        sound = False
        says = f"the bytes of {receipt.path} ({receipt.sha256[:HASH_CHARS]}…) are damaged or gone"
        yield Finding("received", "problem", says, "restore them from a backup, or land the original file again")
    if sound:
        yield Finding("received", "ok", f"{len(sidecars)} receipts, all bytes there; the newest match their hash")


def _ops(settings: Settings) -> Iterator[Finding]:
    uri = settings.ops_uri
    if database_damage(uri) or (is_sqlite(uri) and not sqlite_path(uri).exists()):
        return
    ops = Ops(settings, mending=True)
    started = RUNS.c.started_at
    open_runs = sa.select(RUNS.c.kind, RUNS.c.id, started, RUNS.c.request).where(RUNS.c.status.in_(OPEN))
    rows = ops.query(open_runs)
    dead = [
        (kind, run_id, at)
        for kind, run_id, at, request in rows
        if (kind in WORK and is_free(uri, WORK[kind]))
        or (kind in ("land", "replay") and all(is_free(uri, lock_of(table)) for table in tables_of(request, kind)))
    ]
    for kind, run_id, at in dead:
        says = f"{kind} {run_id[:8]} of {at:%Y-%m-%d %H:%M} UTC was interrupted"
        yield Finding("runs", "warning", says, f"nothing is lost: the next {kind} recovers it")
    latest = ops.query(sa.select(sa.func.max(RUNS.c.finished_at)))[0][0]
    if latest and latest > now() + AHEAD:
        says = f"runs are recorded up to {latest:%Y-%m-%d %H:%M} UTC, in the future: the clock is or was wrong"
        yield Finding("runs", "warning", says, "check the clock; the order of what lands is kept in either case")
    if not dead:
        yield Finding("runs", "ok", f"{len(rows)} running, none of a process that has ended")


def _marts(settings: Settings) -> Iterator[Finding]:
    path = settings.marts_path
    if not path.exists():
        yield Finding("marts", "warning", "nothing is published", "run `wattlake build`")
        return
    build = published(settings)
    if damage := "it says nothing of its build" if build is None else _marts_damage(settings):
        yield Finding("marts", "problem", f"{path} is damaged: {damage}", "run `wattlake build --full-refresh`")
    if build is None:
        return
    age = datetime.now(UTC) - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    says = f"build {build.build_id}, {age.total_seconds() / 3600:.1f} hours old"
    behind = _behind(settings, build.pins)
    if behind:
        says += f"; raw tables have moved on: {', '.join(behind)}"
    if behind and age > STALE_MARTS:
        yield Finding("marts", "warning", says, "run `wattlake build`, and look at why it has not run by itself")
    else:
        yield Finding("marts", "ok", says)


def _marts_damage(settings: Settings) -> str | None:
    """The damage that the length of the file and the first rows of each mart show; None if there is none."""
    connection = open_marts(settings)
    try:
        row = connection.execute(
            "SELECT block_size, total_blocks FROM pragma_database_size() WHERE database_name = 'marts'"
        ).fetchone()
        size, needed = settings.marts_path.stat().st_size, HEADER_BYTES + row[0] * row[1] if row else 0
        if size < needed:
            return f"it has {size:,} bytes instead of {needed:,}"
        tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'marts'").fetchall()
        for (table,) in tables:
            connection.execute(f"FROM marts.{identifier(table)} LIMIT 1").fetchall()
    except duckdb.Error as error:
        return str(error).splitlines()[0]
    finally:
        connection.close()
    return None


def _behind(settings: Settings, pins: Mapping[str, int | None]) -> list[str]:
    """Raw tables that have changed since the marts were built; none if the catalog cannot be read."""
    try:
        catalog = open_catalog(settings)
        found = {name: catalog.load_table((RAW, name)).current_snapshot() for name in pins}
    except Exception:  # noqa: BLE001  whatever is wrong with a table is a finding about tables
        return []
    current = {name: snapshot.snapshot_id if snapshot else None for name, snapshot in found.items()}
    return sorted(name for name, pinned in pins.items() if current[name] != pinned)


CHECKS: dict[str, Check] = {
    "house": _house,
    "database": _database,
    "tables": _tables,
    "runs": _ops,
    "received": _received,
    "marts": _marts,
}
