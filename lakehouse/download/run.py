"""Download → spool → land: documents of any source, planned by slices. It needs no server."""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from lakehouse.download.fetcher import WALL, Answer, Clock, Fetcher, Session
from lakehouse.download.plan import Document, Known, Planned, Request, Unobtainable, Unpack, Window
from lakehouse.download.records import Records
from lakehouse.download.report import DownloadReport
from lakehouse.download.spool import Spool, Spooled
from lakehouse.errors import UnreadableFile, WattlakeError, WrongUsage
from lakehouse.landing.documents import LocalDocument, land_documents
from lakehouse.landing.kernel import Progress
from lakehouse.ops import Ops
from lakehouse.outages import explained
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Registry

#: Documents in each commit.
BATCH_FILES = 100
#: Failed requests in a row after which the rest is left to the next run: the server is down, or refuses.
GIVE_UP_AFTER = 3
#: Age after which realtime asks again for a document that is complete but may still be corrected.
RECHECK = timedelta(hours=6)
#: How long after its time an absent document is still waited for: servers have outages and publish late.
OUTAGE = timedelta(days=3)
#: Concurrent requests over all hosts; each host has its own lower limit.
AT_ONCE = 4

#: Folder, beside those of the sources, with the spacing of requests.
TURNS = "turns"

Mode = Literal["download", "realtime", "backfill"]


def download(
    settings: Settings,
    registry: Registry,
    source: str,
    fetcher: Fetcher,
    start: date | None = None,
    end: date | None = None,
    *,
    days: int | None = None,
    mode: Mode = "download",
    simulated: bool = False,
    progress: Progress = lambda done, total, name: None,
    clock: Clock = WALL,
) -> DownloadReport:
    """Download the documents of a window of days that are not at hand, and land them.

    Args:
        settings: of the home.
        registry: every source.
        source: the source that reads the documents.
        fetcher: fetches them.
        start, end: first day, and the day after the last; by default up to the newest day that the source states.
        days: number of days before `end`, instead of `start`.
        mode: 'download' and 'backfill' take the window; 'realtime' goes on where the last run ended.
        simulated: whether the documents come from a simulator; needs a home of its own.
        progress: called with (documents done, documents in all, current one).
        clock: the time, and how to wait.

    Raises:
        WrongUsage: there is no such source, or the window makes no sense.
        TransientError, TerminalError: a listing cannot be fetched, or landing fails; fetched documents stay in the
            spool.
    """
    registry.named(source)
    ops = Ops(settings)
    with explained(), ops.alone(f"download-{source}"):
        records = Records(ops, source)
        records.close_killed()
        window = _window(fetcher, records, datetime.fromtimestamp(clock.now(), UTC), start, end, days, mode)
        request = {"source": source, "start": window.start, "end": window.end, "mode": mode}
        with ops.run("download", **request) as run:
            report = DownloadReport(source, window.start, window.end, run.id)
            work = _Work(
                settings, registry, fetcher, records, report, clock, LandOptions(simulated=simulated), progress
            )
            try:
                asyncio.run(work.run(window, RECHECK if mode == "realtime" else None))
            finally:
                run.rows = sum(outcome.counts.new + outcome.counts.replaced for outcome in report.files)
            if report.problems:
                run.error = "; ".join(f"{number} x {text}" for text, number in list(report.problems.items())[:5])
            if not report.ok:
                run.status = "failed"
    return report


def _window(
    fetcher: Fetcher, records: Records, now: datetime, start: date | None, end: date | None, days: int | None,
    mode: Mode,
) -> Window:  # fmt: skip
    newest = now.astimezone(fetcher.zone).date() - timedelta(days=fetcher.lag_days)
    if days is not None:
        if start is not None:
            raise WrongUsage("--start and --days both say where to begin", "give one of them")
        until = end or newest + timedelta(days=1)
        start = until - timedelta(days=min(days, (until - fetcher.first_day).days + 1))
    if mode == "realtime":
        resumed = records.resumes_at()
        start = start or max(fetcher.first_day, min(resumed, newest) if resumed else newest - timedelta(days=1))
    if start is None:
        raise WrongUsage("nothing says which days to download", "give --start DAY (and --end DAY), or --days N")
    if start < fetcher.first_day:
        raise WrongUsage(f"there is nothing of days before {fetcher.first_day}", "begin later")
    end = min(end or newest + timedelta(days=1), newest + timedelta(days=2))
    if start >= end:
        raise WrongUsage(
            f"there are no days from {start} (included) to {end} (excluded)",
            f"--start must lie before --end, and the newest day there is {newest}",
        )
    return Window(start, end, now, fetcher.zone)


class _Work:
    """One download: plans, fetches and lands, batch by batch. It locks the raw tables only while it lands."""

    def __init__(
        self, settings: Settings, registry: Registry, fetcher: Fetcher, records: Records, report: DownloadReport,
        clock: Clock, options: LandOptions, progress: Progress,
    ) -> None:  # fmt: skip
        self._settings, self._registry, self._fetcher, self._records = settings, registry, fetcher, records
        self._report, self._clock, self._options, self._progress = report, clock, options, progress
        root = settings.root / "downloads"
        self._spool = Spool(root / report.source, options.simulated)
        self._turns = root / TURNS
        self._parts = settings.root / "tmp" / "download" / report.source

    async def run(self, window: Window, recheck: timedelta | None) -> None:
        shutil.rmtree(self._parts, ignore_errors=True)  # of a killed run
        for batch in _batches(self._spool.waiting()):
            await self._land(batch)
        try:
            async with self._fetcher.opened(self._parts, self._turns, self._clock) as session:
                planned = await self._planned(window, self._records.known(recheck), session)
                await self._fetch_all(planned, session, window)
        finally:
            shutil.rmtree(self._parts, ignore_errors=True)
            self._spool.tidy()

    async def _planned(self, window: Window, known: Known, session: Session) -> Planned:
        report = self._report
        try:
            planned = await session.plan(report.source, window, known)
            # Requests that failed before come last: they must not keep the others from being asked, run after run.
            planned.requests.sort(key=lambda request: any(map(known.failed, request.documents)))
        except WattlakeError as error:
            outcome = getattr(error, "outcome", "failed")
            self._records.unobtainable(report.run_id, [Unobtainable(window.start, window.end, outcome, str(error))])
            raise
        report.documents["skipped"] += planned.skipped
        report.unobtainable += planned.unobtainable
        self._records.unobtainable(report.run_id, planned.unobtainable)
        return planned

    async def _fetch_all(self, planned: Planned, session: Session, window: Window) -> None:
        total = sum(len(request.documents) for request in planned.requests)
        done = in_a_row = 0
        batch: list[Spooled] = []
        waiting = deque(planned.requests)
        answers = _answers(waiting, session, lambda: in_a_row >= GIVE_UP_AFTER)
        try:
            async for request, answer in answers:
                spooled, following = await asyncio.to_thread(self._take, request, answer, window)
                batch += spooled
                done += len(request.documents)
                if following is not None:
                    waiting.append(following)
                    total += len(following.documents)
                self._progress(done, total, request.documents[-1].name)
                failed = answer.outcome in ("failed", "throttled", "malformed")
                in_a_row = GIVE_UP_AFTER if answer.outcome == "denied" else in_a_row + 1 if failed else 0
                if len(batch) >= BATCH_FILES:
                    await self._land(batch)
                    batch = []
        finally:
            await answers.aclose()
        await self._land(batch)
        self._report.left = total - done

    def _take(self, request: Request, answer: Answer, window: Window) -> tuple[list[Spooled], Request | None]:
        """Put the documents of an answer into the spool, or record its outcome; also returns the following request."""
        if answer.path is None:
            for document in request.documents:
                self._record(document, _status(answer, document, window.now), answer)
            return [], None
        if request.unpack:
            return self._unpacked(request, request.unpack, answer, answer.path), None
        (document,) = request.documents
        following = request.following(answer.path) if request.following else None
        if following is not None:
            document = replace(document, is_final=True)
        if lacks := request.lacks(answer.path) if request.lacks else None:
            document = replace(document, is_final=False)  # it is asked for again
            self._report.incomplete += 1
            self._report.problem(lacks)
        return [self._spool.put(document, answer, answer.path, lacks)], following

    def _unpacked(self, request: Request, unpack: Unpack, answer: Answer, path: Path) -> list[Spooled]:
        """Put the documents of an answer into the spool, and record missing and damaged ones."""
        wanted = {str(document.doc_id): document for document in request.documents}
        try:
            parts = unpack(path, frozenset(wanted), path.parent)
        finally:
            path.unlink(missing_ok=True)
        spooled = []
        for doc_id, document in wanted.items():
            part = parts.get(doc_id)
            if isinstance(part, Path):
                spooled.append(self._spool.put(document, answer, part))
            elif part is not None:
                self._record(document, "malformed", _with_error(answer, part))
            else:
                missing = UnreadableFile(f"the bulk download lacks document {doc_id}", "run it again")
                self._record(document, "failed", _with_error(answer, missing))
        return spooled

    def _record(self, document: Document, status: str, answer: Answer) -> None:
        self._report.documents[status] += 1
        if answer.error:
            self._report.problem(str(answer.error))
        self._records.answered(self._report.run_id, document, status, answer)

    async def _land(self, batch: Sequence[Spooled]) -> None:
        """Land documents in one commit per table, record them, and take them out of the spool."""
        if batch:
            await asyncio.to_thread(self._land_now, batch)

    def _land_now(self, batch: Sequence[Spooled]) -> None:
        spooled = {entry.path.resolve(): entry for entry in batch}
        documents = [
            LocalDocument(path, {name: entry.origin[name] for name in _ORIGIN if entry.origin[name] is not None})
            for path, entry in spooled.items()
        ]
        landed = land_documents(self._settings, self._registry, self._report.source, documents, self._options)
        self._report.superseded += landed.superseded
        self._report.files += landed.files
        refused = {outcome.path: str(outcome.reason) for outcome in landed.refused}
        self._records.landed(
            self._report.run_id, [(spooled[Path(o.path)], o.sha256, refused.get(o.path)) for o in landed.files]
        )  # fmt: skip
        self._report.documents.update("malformed" if outcome.path in refused else "done" for outcome in landed.files)
        for reason in refused.values():
            self._report.problem(reason)
        for entry in batch:
            self._spool.drop(entry)


_ORIGIN = ("url", "http_status", "etag", "last_modified", "fetched_at", "published_at", "doc_id")


async def _answers(
    waiting: deque[Request], session: Session, stop: Callable[[], bool]
) -> AsyncGenerator[tuple[Request, Answer], None]:
    """Yield answers as they arrive, with a few requests at a time; after a stop, requests in progress are dropped.

    Args:
        waiting: requests; the caller may add to them.
        session: asks them.
        stop: returns whether to stop asking.
    """
    running: dict[asyncio.Task[Answer], Request] = {}
    try:
        while True:
            while waiting and len(running) < AT_ONCE:
                request = waiting.popleft()
                running[asyncio.create_task(session.fetch(request))] = request
            if not running or stop():
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield running.pop(task), task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _batches(spooled: Sequence[Spooled]) -> list[Sequence[Spooled]]:
    return [spooled[first : first + BATCH_FILES] for first in range(0, len(spooled), BATCH_FILES)]


def _status(answer: Answer, document: Document, now: datetime) -> str:
    """The outcome to record: an absent document is `not_yet` until the source should have it, even if it is late."""
    if answer.outcome in ("absent", "empty"):
        if now < document.due_at + OUTAGE:
            return "not_yet"
        return "gone" if answer.outcome == "absent" else "empty"
    return answer.outcome


def _with_error(answer: Answer, error: WattlakeError) -> Answer:
    return replace(answer, error=error)
