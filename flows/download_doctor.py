"""What the doctor says of downloads: accounts that are set, what the others need, and what did not come lately."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from flows.download import TURNS
from flows.download_records import OPEN
from ingest.iso.access import ERCOT_ACCOUNT, ISONE_ACCOUNT, Access, access_of_environment
from lakehouse.database import is_free
from lakehouse.ops import DOWNLOADS, Ops, now
from lakehouse.settings import Settings
from lakehouse.upkeep.finding import Check, Finding
from lakehouse.uris import is_postgres, sqlite_path

#: Environment variables of market operators.
VARIABLES = frozenset(f"WATTLAKE_{name.upper()}" for name in Access.model_fields)
#: Outcomes of so long are told.
LATELY = timedelta(days=2)


def _accounts(settings: Settings) -> Iterator[Finding]:
    """Nothing is asked of a server: a wrong password tried too often locks an account."""
    access = access_of_environment()
    yield _account(
        "ERCOT", access.has_ercot_account,
        bool(access.ercot_username or access.ercot_password or access.ercot_subscription_key),
        "the MIS gives the last 5 to 31 days of prices, and 60-day disclosures of four years", ERCOT_ACCOUNT,
    )  # fmt: skip
    yield _account(
        "ISO-NE", access.has_isone_account, bool(access.isone_username or access.isone_password),
        "its public files are used", ISONE_ACCOUNT,
    )  # fmt: skip
    yield Finding("CAISO", "ok", f"needs no account; nodes: {', '.join(access.caiso_node_names) or 'none'}")
    yield Finding("NYISO", "ok", "needs no account")


def _account(operator: str, whole: bool, some: bool, without: str, mend: str) -> Finding:
    if whole:
        return Finding(operator, "ok", "an account is set; it was not tried")
    if some:
        return Finding(operator, "warning", f"a part of its account is set, so {without}", mend)
    return Finding(operator, "ok", f"no account is set: {without}", mend)


def _lately(settings: Settings) -> Iterator[Finding]:
    """Documents whose latest outcome leaves a hole."""
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
    """Documents that a killed or failed run has left behind."""
    root = settings.root / "downloads"
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        waiting = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        if folder.name != TURNS and waiting and is_free(settings.ops_uri, f"download-{folder.name}"):
            says = f"{len(waiting)} documents of {folder.name} were downloaded and have not landed"
            yield Finding("spool", "warning", says, f"nothing is lost: the next download of {folder.name} lands them")


CHECKS: dict[str, Check] = {"market accounts": _accounts, "downloads": _lately, "spool": _spool}
