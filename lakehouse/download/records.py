"""Rows of `ops.downloads`: what is known from earlier downloads, and what came of each document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from lakehouse.download.fetcher import Answer
from lakehouse.download.plan import Document, Known, Last, Unobtainable
from lakehouse.download.spool import Spooled
from lakehouse.ops import DOWNLOADS, RUNS, Ops

#: Outcomes after which the bytes of a document, or the fact that there are none, are at hand.
AT_HAND = ("done", "unchanged", "empty")
#: Outcomes that a later run may turn: realtime goes back to their days.
OPEN = ("failed", "throttled", "not_yet", "malformed", "denied")
#: Realtime goes back to days whose listing was short for so long.
LISTED_WITHIN = timedelta(days=3)
#: Realtime goes back no further than so many days for one of these.
LOOK_BACK = timedelta(days=45)


class Records:
    """Rows of `ops.downloads` of one source.

    Args:
        ops: the database.
        source: its name.
    """

    def __init__(self, ops: Ops, source: str) -> None:
        self._ops, self._source = ops, source

    def known(self, recheck: timedelta | None) -> Known:
        """What earlier runs have brought."""
        brought = {row.document: row for row in self._latest(DOWNLOADS.c.status.in_(AT_HAND))}
        last: dict[str, Last] = {}
        for row in self._latest():
            held = brought.get(row.document)
            last[row.document] = Last(
                row.status, row.is_final, (row.fetched_at or row.finished_at).replace(tzinfo=UTC),
                held is not None, held.etag if held else None,
            )  # fmt: skip
        return Known(_finished(brought.values()), last, recheck)

    def resumes_at(self) -> date | None:
        """The day from which something may be missing.

        It is the day before the last one that was brought, or an earlier one of which something failed, or was brought
        while it could still change, and has not become final since; or of which the source has not listed everything
        yet.
        """
        latest = self._latest()
        brought = [row for row in latest if row.status in AT_HAND]
        if not brought:
            return None
        earliest: date = min(row.first_day for row in brought)
        newest: date = max(earliest, max(row.end_day for row in brought) - timedelta(days=2))
        finished = _finished(brought)
        open_days = [
            row.first_day
            for row in latest
            if (row.status in OPEN or (row.status in AT_HAND and not row.is_final))
            and row.first_day >= newest - LOOK_BACK
            and any(_days(row) - finished.get(lane, set()) for lane in json.loads(row.lanes))
        ]
        first: date = min((newest, *open_days, *self._awaited(newest)))
        return first

    def _awaited(self, newest: date) -> list[date]:
        """Days shortly before the newest of which a listing lacked something, until that is said to be gone."""
        table = DOWNLOADS.c
        spans = sa.select(table.first_day, sa.func.max(sa.case((table.status == "gone", 1), else_=0))).where(
            (table.source == self._source) & table.document.is_(None) & table.status.in_(("not_yet", "gone"))
            & (table.end_day > newest - LISTED_WITHIN)
        )  # fmt: skip
        return [day for day, is_gone in self._ops.query(spans.group_by(table.first_day)) if not is_gone]

    def landed(self, run_id: str, documents: Iterable[tuple[Spooled, str, str | None]]) -> None:
        """Documents have landed, or could not be read: each with the hash of its bytes, and why it was refused."""
        rows = []
        for spooled, sha256, refused in documents:
            origin = spooled.origin
            rows.append(self._row(run_id, "malformed" if refused else "done", spooled.document, {
                "file": spooled.path.name, "url": origin["url"], "attempts": origin["attempts"],
                "http_status": origin["http_status"], "sha256": sha256 or None, "bytes": origin["bytes"],
                "etag": origin["etag"], "last_modified": origin["last_modified"],
                "published_at": _naive(origin["published_at"]), "fetched_at": _naive(origin["fetched_at"]),
                "error": refused or origin.get("lacks"),
            }))  # fmt: skip
        self._ops.insert({DOWNLOADS: rows})

    def answered(self, run_id: str, document: Document, status: str, answer: Answer) -> None:
        """A request brought no bytes to land."""
        row = self._row(run_id, status, document, {
            "file": document.name, "url": answer.url, "attempts": answer.attempts, "http_status": answer.http_status,
            "etag": answer.etag, "last_modified": answer.last_modified,
            "fetched_at": answer.fetched_at.replace(tzinfo=None) if answer.fetched_at else None,
            "error": str(answer.error) if answer.error else None,
        })  # fmt: skip
        self._ops.insert({DOWNLOADS: [row]})

    def unobtainable(self, run_id: str, days: Iterable[Unobtainable]) -> None:
        """Days that no request can bring; said once as long as nothing about them changes."""
        table = DOWNLOADS.c
        for span in days:
            same = (
                (table.source == self._source) & table.document.is_(None) & (table.first_day == span.start)
                & (table.end_day == span.end) & (table.status == span.outcome)
            )  # fmt: skip
            if not self._ops.query(sa.select(table.id).where(same).limit(1)):
                self._ops.insert({DOWNLOADS: [{
                    "run_id": run_id, "source": self._source, "status": span.outcome, "first_day": span.start,
                    "end_day": span.end, "error": span.reason,
                }]})  # fmt: skip

    def settle_killed(self) -> None:
        """Say of this source's downloads that still run that they were interrupted; call it while holding its lock."""
        runs = RUNS.c
        running = self._ops.query(sa.select(runs.id, runs.request).where((runs.kind == "download") & (
            runs.status == "running")))  # fmt: skip
        for run_id, request in running:
            if json.loads(request or "{}").get("source") == self._source:
                self._ops.finish(RUNS, run_id, "failed", error="interrupted")

    def _latest(self, condition: Any = None) -> list[Any]:
        """The latest row of each document."""
        table = DOWNLOADS.c
        number = sa.func.row_number().over(partition_by=table.document, order_by=table.finished_at.desc())
        chosen = sa.select(DOWNLOADS, number.label("number")).where(
            (table.source == self._source) & table.document.is_not(None)
        )
        rows = (chosen if condition is None else chosen.where(condition)).subquery()
        return self._ops.query(sa.select(rows).where(rows.c.number == 1))

    def _row(
        self, run_id: str, status: str, document: Document, values: Mapping[str, object]
    ) -> Mapping[str, object]:  # fmt: skip
        return {
            "run_id": run_id, "source": self._source, "status": status, "document": document.key,
            "first_day": document.start, "end_day": document.end, "lanes": json.dumps(document.lanes),
            "is_final": document.is_final, **values,
        }  # fmt: skip


def _days(row: Any) -> set[date]:
    return {row.first_day + timedelta(days=n) for n in range((row.end_day - row.first_day).days)}


def _finished(rows: Iterable[Any]) -> dict[str, set[date]]:
    """Lane → days of which nothing changes any more."""
    found: dict[str, set[date]] = {}
    for row in rows:
        if row.is_final:
            for lane in json.loads(row.lanes):
                found.setdefault(lane, set()).update(_days(row))
    return found


def _naive(instant: str | None) -> datetime | None:
    return datetime.fromisoformat(instant).astimezone(UTC).replace(tzinfo=None) if instant else None
