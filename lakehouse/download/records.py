"""Rows of `ops.downloads`: the outcome of each document, and what earlier downloads have fetched."""

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

#: Outcomes after which the bytes of a document are at hand, or it is known that there are none.
AT_HAND = ("done", "unchanged", "empty")
#: Outcomes that may be different in a later run: realtime goes back to their days.
OPEN = ("failed", "throttled", "not_yet", "malformed", "denied")
#: How long realtime goes back to days whose listing was incomplete.
LISTED_WITHIN = timedelta(days=3)
#: Number of days that realtime goes back at most for one of these.
LOOK_BACK = timedelta(days=45)


class Records:
    """Rows of `ops.downloads` of one source.

    Args:
        ops: the database.
        source: name of the source.
    """

    def __init__(self, ops: Ops, source: str) -> None:
        self._ops, self._source = ops, source

    def known(self, recheck: timedelta | None) -> Known:
        """The results of earlier runs."""
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

        It is the day before the last fetched one; or an earlier day with a document that failed or that was fetched
        before it was final, and that has not become final since; or an earlier day of which the source has not listed
        everything yet.
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
        """Days shortly before the newest one whose listing was incomplete, until the missing documents are gone."""
        table = DOWNLOADS.c
        spans = sa.select(table.first_day, sa.func.max(sa.case((table.status == "gone", 1), else_=0))).where(
            (table.source == self._source) & table.document.is_(None) & table.status.in_(("not_yet", "gone"))
            & (table.end_day > newest - LISTED_WITHIN)
        )  # fmt: skip
        return [day for day, is_gone in self._ops.query(spans.group_by(table.first_day)) if not is_gone]

    def landed(self, run_id: str, documents: Iterable[tuple[Spooled, str, str | None]]) -> None:
        """Record documents that landed or were refused, each with the hash of its bytes and the reason of a refusal."""
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
        """Record an answer without bytes to land."""
        row = self._row(run_id, status, document, {
            "file": document.name, "url": answer.url, "attempts": answer.attempts, "http_status": answer.http_status,
            "etag": answer.etag, "last_modified": answer.last_modified,
            "fetched_at": answer.fetched_at.replace(tzinfo=None) if answer.fetched_at else None,
            "error": str(answer.error) if answer.error else None,
        })  # fmt: skip
        self._ops.insert({DOWNLOADS: [row]})

    def unobtainable(self, run_id: str, days: Iterable[Unobtainable]) -> None:
        """Record days that no request can fetch, once as long as nothing about them changes."""
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

    def close_killed(self) -> None:
        """Mark downloads of this source that a kill has left running as interrupted; the caller holds its lock."""
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
    """Lane → days that are final."""
    found: dict[str, set[date]] = {}
    for row in rows:
        if row.is_final:
            for lane in json.loads(row.lanes):
                found.setdefault(lane, set()).update(_days(row))
    return found


def _naive(instant: str | None) -> datetime | None:
    return datetime.fromisoformat(instant).astimezone(UTC).replace(tzinfo=None) if instant else None
