"""Mending: databases and tables that cannot be read are put aside, and a replay makes them again. Nothing is deleted.

Damaged databases and the folders of damaged tables are renamed to `<name>.damaged-<instant>`. Tables that the catalog
has lost and that are whole in the warehouse are taken back. Tables in another place, such as those of a copied home,
are taken out of the catalog, and that place is not touched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.catalog import MARTS, RAW, ensure_table, is_elsewhere, located, open_catalog
from lakehouse.damage import database_damage, read_a_row_group, read_every_row, table_damage
from lakehouse.ops import Ops
from lakehouse.presence import MARKER, kind_held, mark_again
from lakehouse.settings import Settings
from lakehouse.storage import is_s3, storage_at
from lakehouse.uris import sqlite_path

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

    from lakehouse.contract import Contract

#: Files that SQLite keeps beside a database.
BESIDE = ("", "-wal", "-shm", "-journal")
#: A metadata file: its number grows with each commit.
METADATA = re.compile(r"(?P<number>\d+)-[0-9a-f-]{36}\.metadata\.json")


def put_databases_aside(settings: Settings) -> list[str]:
    """Put damaged SQLite files of the catalog and of ops aside; returns a sentence for each."""
    done = []
    for uri in (settings.catalog_uri, settings.ops_uri):
        if damage := database_damage(uri):
            path = sqlite_path(uri)
            beside = [path.with_name(f"{path.name}{end}") for end in BESIDE]
            first, *_ = [_aside(file) for file in beside if file.exists()]
            done.append(f"{damage}; it is {first.name} now")
    return done


def mend_marker(settings: Settings, simulated: bool) -> list[str]:
    """Write the marker of the home's kind of assets again if it is lost; returns what was done."""
    if kind_held(settings):
        return []
    path = settings.root / MARKER
    aside = f"; the damaged one is {_aside(path).name} now" if path.exists() else ""
    mark_again(settings, simulated)
    return [f"{path.name} is made again from the archive{aside}"]


def put_tables_aside(settings: Settings, ops: Ops, contracts: Sequence[Contract]) -> list[str]:
    """Take back tables of a lost catalog, and put aside those that cannot be read; returns a sentence for each.

    Every row of the raw tables is read: a replay compares them all.

    Raises:
        TransientError: a store did not answer, so nothing is known of its tables.
    """
    catalog = open_catalog(settings, mending=True)
    done = _drop_elsewhere(settings, catalog)
    if ops.is_lost():
        taken = [contract.name for contract in contracts if _take_back(settings, catalog, contract, done)]
        if taken:
            done.append(f"taken back from {settings.warehouse}: raw.{', raw.'.join(taken)}")
    by_name = {contract.name: contract for contract in contracts}
    for namespace, read in ((RAW, read_every_row), (MARTS, read_a_row_group)):
        for _, name in sorted(catalog.list_tables(namespace)):
            if damage := table_damage(settings, catalog, (namespace, name), read):
                contract = by_name.get(name) if namespace == RAW else None
                consequence = _let_go(settings, catalog, (namespace, name), contract)
                done.append(f"{namespace}.{name}: {damage}; {consequence}")
    return done


def _drop_elsewhere(settings: Settings, catalog: Catalog) -> list[str]:
    """Let go of tables in another place, also those of a replay that was killed there."""
    done = []
    for (namespace, name), location in sorted((located(settings) or {}).items()):
        if is_elsewhere(settings, location):
            place = location.rsplit("/metadata/", 1)[0]
            consequence = _let_go(settings, catalog, (namespace, name), None)
            done.append(f"{namespace}.{name} lies in {place}, which stays as it is; {consequence}")
    return done


def _take_back(settings: Settings, catalog: Catalog, contract: Contract, done: list[str]) -> bool:
    """Register the newest sound metadata of a table that the catalog lacks; put its files aside where there is none."""
    from pyiceberg.exceptions import NoSuchTableError

    name = (RAW, contract.name)
    folder = f"{settings.warehouse}/{RAW}/{contract.name}"
    if name in catalog.list_tables(RAW):
        return False
    files = list(storage_at(settings, settings.warehouse).list(f"{folder}/metadata"))
    numbered = [(int(found["number"]), file.modified_at, file.uri) for file in files if (found := _metadata(file.uri))]
    for _, _, uri in sorted(numbered, reverse=True):
        with suppress(Exception):  # damage; what is registered of it is looked at next
            catalog.register_table(name, uri)
        if table_damage(settings, catalog, name, read_every_row) is None:
            return True
        with suppress(NoSuchTableError):
            catalog.drop_table(name)
    if files:
        consequence = _let_go(settings, catalog, name, contract)
        done.append(f"raw.{contract.name}: none of its metadata can be read; {consequence}")
    return False


def _metadata(uri: str) -> re.Match[str] | None:
    return METADATA.fullmatch(uri.rsplit("/", 1)[-1])


def _let_go(settings: Settings, catalog: Catalog, name: tuple[str, str], contract: Contract | None) -> str:
    """Take a table out of the catalog, and free its default folder for a new one; returns what was done.

    Objects in S3 are not renamed: the new table gets another place, and the old objects belong to no table.
    """
    from pyiceberg.exceptions import NoSuchTableError

    namespace, table = name
    folder = f"{settings.warehouse}/{namespace}/{table}"
    consequence = "it is made again"
    if not is_s3(folder) and Path(folder).exists():
        consequence = f"its folder here is {_aside(Path(folder)).name} now"
    with suppress(NoSuchTableError):
        catalog.drop_table(name)
    if is_s3(folder) and contract:
        ensure_table(catalog, contract, namespace, location=f"{folder}-{_instant()}")
        consequence = f"its files stay in {folder}, and belong to no table"
    return consequence


def _aside(path: Path) -> Path:
    target = path.with_name(f"{path.name}.damaged-{_instant()}")
    path.rename(target)
    return target


def _instant() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
