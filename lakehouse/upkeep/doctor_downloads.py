"""The doctor's checks of downloads: recent documents that are missing, and documents that have not landed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from lakehouse.database import is_free
from lakehouse.download.records import OPEN
from lakehouse.download.run import TURNS
from lakehouse.ops import DOWNLOADS, Ops, now
from lakehouse.settings import Settings
from lakehouse.upkeep.finding import Check, Finding
from lakehouse.uris import is_postgres, sqlite_path

#: Age of the outcomes that are shown.
LATELY = timedelta(days=2)


def _lately(settings: Settings) -> Iterator[Finding]:
    """Find recent documents whose latest outcome leaves a hole."""
    if not is_postgres(settings.ops_uri) and not sqlite_path(settings.ops_uri).exists():
        return
    table = DOWNLOADS.c
    number = sa.func.row_number().over(
        partition_by=(table.source, table.document), order_by=table.finished_at.desc()
    )  # fmt: skip
    latest = sa.select(DOWNLOADS, number.label("number")).where(table.finished_at > now() - LATELY).subquery()
    bad = latest.c.status.in_([name for name in (*OPEN, "gone") if name != "not_yet"])
    query = (
        sa.select(latest.c.source, latest.c.status, sa.func.count(), sa.func.max(latest.c.error))
        .where((latest.c.number == 1) & bad)
        .group_by(latest.c.source, latest.c.status)
        .order_by(latest.c.source, latest.c.status)
    )
    for source, status, count, error in Ops(settings).query(query):
        first, _, step = (error or "").partition("\n  next: ")
        yield Finding("downloads", "warning", f"{source}: {count} {status} in two days: {first}", step)


def _spool(settings: Settings) -> Iterator[Finding]:
    """Find documents that a killed or failed run has left in the spool."""
    root = settings.root / "downloads"
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        waiting = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        if folder.name != TURNS and waiting and is_free(settings.ops_uri, f"download-{folder.name}"):
            says = f"{len(waiting)} documents of {folder.name} were downloaded and have not landed"
            yield Finding("spool", "warning", says, f"nothing is lost: the next download of {folder.name} lands them")


CHECKS: dict[str, Check] = {"downloads": _lately, "spool": _spool}
