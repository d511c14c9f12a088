"""Where a replay lands: tables beside the raw ones, in a namespace of its own, until they are compared."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

_SHADOW = re.compile(r"replay_[0-9a-f]{8}")


def shadow_of(run_id: str) -> str:
    """The namespace of a replay's tables."""
    return f"replay_{run_id[:8]}"


def is_shadow(namespace: str) -> bool:
    """Whether a namespace, or a folder of the warehouse, is a replay's."""
    return _SHADOW.fullmatch(namespace) is not None


def drop_shadows(catalog: Catalog) -> None:
    """Drop the shadow tables of all replays; the caller holds all tables."""
    for namespace, *_ in catalog.list_namespaces():
        if is_shadow(namespace):
            _drop(catalog, namespace)


def drop_shadow(catalog: Catalog, run_id: str) -> None:
    """Drop the shadow tables of one replay, if there are any."""
    if (shadow_of(run_id),) in catalog.list_namespaces():
        _drop(catalog, shadow_of(run_id))


def _drop(catalog: Catalog, shadow: str) -> None:
    """Drop tables with their files; the files of an unreadable table are left to the sweep of orphans."""
    from pyiceberg.exceptions import NoSuchTableError

    for table in catalog.list_tables(shadow):
        try:
            catalog.purge_table(table)
        except Exception:  # noqa: BLE001  whatever is wrong with the table, nobody needs it any more
            with suppress(NoSuchTableError):
                catalog.drop_table(table)
    catalog.drop_namespace(shadow)
