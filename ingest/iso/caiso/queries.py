"""Shared by all queries of OASIS: the form of requests, how long days are kept, and when a day is final."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ingest.http.exchange import Ask
from ingest.iso.caiso.access import Access
from lakehouse.download.plan import Document, Planned, Unobtainable, Window

ZONE = ZoneInfo("America/Los_Angeles")
#: Prices may be corrected within five business days (CAISO tariff 35); a day is final after so many days. Of load
#: the tariff says nothing, and a revised day is asked for within the same time.
FINAL_AFTER = timedelta(days=8)
#: Hours after its operating day until which an empty answer means not yet.
DUE_AFTER = timedelta(hours=12)
#: Days are kept for about 39 months.
KEPT_DAYS = 39 * 30


def days_kept(window: Window, ahead_days: int, planned: Planned) -> list[date]:
    """The days of a window that OASIS has; days that it no longer has are unobtainable."""
    oldest = window.today - timedelta(days=KEPT_DAYS)
    if window.start < oldest:
        reason = "OASIS keeps about 39 months\n  next: land files that you have of these days"
        planned.unobtainable.append(Unobtainable(window.start, min(oldest, window.end), "gone", reason))
    last = window.today + timedelta(days=ahead_days)
    return [day for day in window.days if oldest <= day <= last]


def by_finality(days: Iterable[date], window: Window) -> list[list[date]]:
    """Days that are final, that are over, and that still grow, because each kind is asked for again differently."""
    found: dict[int, list[date]] = {}
    for day in days:
        over = window.midnight(day + timedelta(days=1))
        grade = (window.now >= over + FINAL_AFTER) + (window.now >= over + DUE_AFTER)
        found.setdefault(grade, []).append(day)
    return list(found.values())


def days_of(document: Document) -> frozenset[date]:
    """The days that a document was asked for."""
    return frozenset(document.start + timedelta(days=n) for n in range((document.end - document.start).days))


def single_zip(
    access: Access, query: str, version: int, start: datetime, end: datetime, params: Mapping[str, str]
) -> Ask:
    """A request for an archive of CSV files.

    Args:
        access: of the operator.
        query, version: of OASIS, and of the form of its result.
        start, end: instants, half-open.
        params: further parameters of the query.
    """
    asked = {
        "queryname": query,
        **params,
        "startdatetime": f"{start:%Y%m%dT%H:%M}-0000",
        "enddatetime": f"{end:%Y%m%dT%H:%M}-0000",
        "version": str(version),
        "resultformat": "6",
    }
    return Ask(access.caiso, f"{access.caiso_url}/oasisapi/SingleZip", asked)
