"""The doctor: examines settings, disk, database and storage, and says how to mend each problem."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from functools import partial

import sqlalchemy as sa

from lakehouse.engine import connect, extension_path, only_signed_from_here, quote
from lakehouse.errors import WattlakeError
from lakehouse.outages import explain
from lakehouse.settings import Settings
from lakehouse.storage import is_s3, make_folder, storage_at
from lakehouse.upkeep import doctor_house
from lakehouse.upkeep.finding import Check, Finding
from lakehouse.uris import shown

#: Free space below which the next landing may not fit: one staged file of 2 million rows takes about 100 MB.
LEAST_FREE_BYTES = 2**30
EXTENSIONS = ("avro", "iceberg", "httpfs", "sqlite_scanner", "postgres_scanner", "quack")


def examine(
    settings: Settings, more: Mapping[str, Check] | None = None, also_known: Collection[str] = ()
) -> list[Finding]:
    """Run all checks; a check that raises becomes a finding, and the others go on. Leaves no files behind.

    Args:
        settings: settings to examine.
        more: checks of domains, which run after ours.
        also_known: environment variables that domains read.
    """
    findings: list[Finding] = []
    checks: dict[str, Check] = {**CHECKS, "variables": partial(_variables, also_known), **(more or {})}
    for name, check in checks.items():
        try:
            findings += check(settings)
        except Exception as error:  # noqa: BLE001  the doctor reports whatever is wrong
            ours = explain(error) or error
            step = ours.next_step if isinstance(ours, WattlakeError) else "see the message"
            text = ours.message if isinstance(ours, WattlakeError) else f"{type(ours).__name__}: {ours}"
            findings.append(Finding(name, "problem", _masked(settings, text), step))
    return findings


def _masked(settings: Settings, text: str) -> str:
    """Text with the secrets of the settings masked, wherever a library may have put them."""
    passwords = [sa.make_url(uri.get_secret_value()).password for uri in (settings.catalog_uri, settings.ops_uri)]
    key = settings.s3_secret_access_key.get_secret_value() if settings.s3_secret_access_key else None
    for secret in (*passwords, key):
        if secret:
            text = text.replace(str(secret), "***")
    return text


def _settings(settings: Settings) -> Iterator[Finding]:
    yield Finding("home", "ok", str(settings.root))
    catalog, ops = shown(settings.catalog_uri), shown(settings.ops_uri)
    yield Finding("catalog", "ok", catalog)
    if ops != catalog:
        yield Finding("ops", "ok", ops)
    s3 = f" at {settings.s3_endpoint or 'AWS'}, region {settings.s3_region}"
    for name, location in (("warehouse", settings.warehouse), ("archive", settings.archive)):
        yield Finding(name, "ok", location + (s3 if is_s3(location) else ""))


def _variables(also_known: Collection[str], settings: Settings) -> Iterator[Finding]:
    known = {f"WATTLAKE_{name.upper()}" for name in (field.name for field in fields(Settings))} | set(also_known)
    for name in sorted(name for name in os.environ if name.startswith("WATTLAKE_") and name not in known):
        yield Finding("settings", "warning", f"{name} is set and is not a setting", "mend its name, or unset it")


def _disk(settings: Settings) -> Iterator[Finding]:
    existing = next(path for path in (settings.root, *settings.root.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        yield Finding("disk", "problem", f"{existing} cannot be written", "set WATTLAKE_HOME to a folder of your own")
        return
    free = shutil.disk_usage(existing).free
    marts = settings.marts_path.stat().st_size if settings.marts_path.exists() else 0
    needed = LEAST_FREE_BYTES + marts
    says = f"{free / 2**30:.1f} GiB free; a build writes a copy of the marts ({marts / 2**30:.2f} GiB)"
    mend = "make room, or set WATTLAKE_HOME to a larger disk"
    yield Finding("disk", "problem", says, mend) if free < needed else Finding("disk", "ok", says)


def _extensions(settings: Settings) -> Iterator[Finding]:
    connection = connect(extensions=())
    try:
        only_signed_from_here(connection)
        for name in EXTENSIONS:
            connection.execute(f"LOAD {quote(str(extension_path(name)))}")
    finally:
        connection.close()
    duckdb = importlib.metadata.version("duckdb")
    yield Finding("DuckDB", "ok", f"{duckdb}; extensions load from their wheels: {', '.join(EXTENSIONS)}")


def _warehouse(settings: Settings) -> Iterator[Finding]:
    yield from _writable(settings, "warehouse files", settings.warehouse)


def _archive(settings: Settings) -> Iterator[Finding]:
    yield from _writable(settings, "archive files", settings.archive)


def _writable(settings: Settings, name: str, location: str) -> Iterator[Finding]:
    """Write a probe, read it with DuckDB as builds do, and delete it."""
    if not is_s3(location) and not settings.root.exists():
        yield Finding(name, "ok", "no home yet; the first landing makes it")
        return
    storage, probe = storage_at(settings, location), f"{location}/.doctor-{uuid.uuid4().hex}"
    make_folder(location)
    storage.write(probe, b"wattlake")
    try:
        connection = connect(settings=settings, extensions=())
        try:
            row = connection.execute(f"SELECT content FROM read_text({quote(probe)})").fetchone()
        finally:
            connection.close()
    finally:
        storage.delete([probe])
    if row != ("wattlake",):
        yield Finding(name, "problem", "the bytes read differ from those written", "check the disk or the S3 server")
    else:
        yield Finding(name, "ok", "written, read by DuckDB, deleted")


CHECKS: dict[str, Check] = {
    "settings": _settings,
    "disk": _disk,
    "DuckDB": _extensions,
    "warehouse files": _warehouse,
    "archive files": _archive,
    **doctor_house.CHECKS,
}
