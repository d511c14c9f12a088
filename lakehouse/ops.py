"""The records of operations: every fetch, slice, run, check, build and download is a row in the catalog's database.

Rows are inserted when work starts (status 'running') and updated when it ends, so a killed process leaves a trace.
Ops is not in Iceberg, because sixty commits here cost 0.01 s and sixty Iceberg appends 2.2 s.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from lakehouse.archive import open_archive
from lakehouse.database import create_tables, exclusive, open_engine
from lakehouse.errors import MEND, BrokenHome
from lakehouse.outages import explain, explained
from lakehouse.settings import Settings
from lakehouse.uris import shown

METADATA = sa.MetaData()
#: States of a run that is not finished.
OPEN = ("running", "interrupted")
#: Values in one IN list: SQLite takes 32,766.
BATCH_ROWS = 1000


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """An ops table: all have id, started_at, finished_at (UTC), status and error."""
    return sa.Table(
        name,
        METADATA,
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("error", sa.String),
        *columns,
    )


RUNS = _table(
    "runs",
    sa.Column("kind", sa.String, nullable=False),  # land, build, replay, backfill, check, maintain, download
    sa.Column("request", sa.String),  # JSON
    sa.Column("attempt", sa.Integer, nullable=False, default=1),
    sa.Column("rows", sa.BigInteger),
    sa.Column("seconds", sa.Float),
)
FETCHES = _table(
    "fetches",
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("path", sa.String),
    sa.Column("sha256", sa.String),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("attempt", sa.Integer, nullable=False, default=1),
    sa.Column("layout", sa.String),
)
SLICES = _table(
    "slices",
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("table_name", sa.String, nullable=False),
    sa.Column("sha256", sa.String, nullable=False, index=True),
    sa.Column("file", sa.String, index=True),
    sa.Column("sequence", sa.Integer, nullable=False),  # order of arrival in the run
    sa.Column("assets", sa.String, nullable=False),  # JSON: asset_ids of the rows
    sa.Column("request", sa.String, nullable=False),  # canonical JSON: with sha256 it identifies a landing
    sa.Column("layout", sa.String),
    sa.Column("dialect", sa.String),  # JSON
    sa.Column("rows_read", sa.BigInteger),
    sa.Column("rows_empty", sa.BigInteger),
    sa.Column("rows_quarantined", sa.BigInteger),  # with rows that a later line of the file contradicts
    sa.Column("rows_new", sa.BigInteger),
    sa.Column("rows_replaced", sa.BigInteger),
    sa.Column("rows_equal", sa.BigInteger),
    sa.Column("rows_superseded", sa.BigInteger),
    sa.Column("conflicts", sa.BigInteger),
    sa.Column("snapshot_id", sa.BigInteger),
)
CHECKS = _table(
    "checks",
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("build_id", sa.String),
    sa.Column("engine", sa.String, nullable=False),  # dbt or gx
    sa.Column("name", sa.String, nullable=False),
    sa.Column("rows_failed", sa.BigInteger),
    sa.Column("sample", sa.String),  # JSON rows
    sa.Column("seconds", sa.Float),
)
BUILDS = _table(
    "builds",
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("mode", sa.String),  # full or incremental
    sa.Column("pins", sa.String),  # JSON: table -> snapshot id
    sa.Column("changed_spans", sa.BigInteger),
    sa.Column("changed_from", sa.DateTime),
    sa.Column("changed_to", sa.DateTime),
    sa.Column("durations", sa.String),  # JSON: step -> seconds
    sa.Column("code_version", sa.String),
)
#: status: done (landed, or had landed), unchanged (the server has nothing newer), empty (the server has nothing),
#: not_yet, gone (no longer kept), denied, throttled, malformed (no document, or an unreadable one), failed.
DOWNLOADS = _table(
    "downloads",
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False, index=True),
    sa.Column("document", sa.String),  # its identity in the source; NULL: days without a known document
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("end_day", sa.Date, nullable=False),  # exclusive
    sa.Column("lanes", sa.String),  # JSON: the parts of these days that it holds
    sa.Column("file", sa.String),
    sa.Column("url", sa.String),  # without secrets
    sa.Column("is_final", sa.Boolean, nullable=False, default=False),  # it will not change any more
    sa.Column("attempts", sa.Integer),
    sa.Column("http_status", sa.Integer),
    sa.Column("sha256", sa.String),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("etag", sa.String),
    sa.Column("last_modified", sa.String),
    sa.Column("published_at", sa.DateTime),
    sa.Column("fetched_at", sa.DateTime),  # when the answer arrived
)
TABLES = (RUNS, FETCHES, SLICES, CHECKS, BUILDS, DOWNLOADS)


def now() -> datetime:
    """The present instant, naive UTC as the ops tables store it."""
    return datetime.now(UTC).replace(tzinfo=None)


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal requests give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


class Ops:
    """Reads and writes the ops tables in the catalog's database.

    Args:
        settings: of the home.
        mending: open it even if the records of landings are lost.

    Raises:
        BrokenHome: the database is damaged, or has no landing although the archive has some.
    """

    def __init__(self, settings: Settings, *, mending: bool = False) -> None:
        settings.root.mkdir(parents=True, exist_ok=True)
        with explained():
            self.uri = settings.ops_uri
            self.engine = open_engine(self.uri)
            create_tables(self.engine, METADATA)
            self._archive = open_archive(settings)
            if not mending and self.is_lost():
                raise BrokenHome(
                    f"{shown(self.uri)} has no record of a landing, but the archive {settings.archive} has some: the "
                    "database was lost, or the settings name another one",
                    f"mend WATTLAKE_CATALOG_URI and WATTLAKE_OPS_URI if they are wrong; else {MEND}",
                )
        self._latest: datetime | None = None

    def is_lost(self) -> bool:
        """Whether the archive has receipts and ops has no landing: a landing records itself before it archives."""
        landings = sa.select(sa.literal(1)).where(RUNS.c.kind == "land").limit(1)
        return not self.query(landings) and self._archive.holds_receipts()

    def instant(self) -> datetime:
        """The present, or just after the latest recorded end of a run: a clock that steps back reverses no order.

        It orders landings, also during a replay. It follows the clock again once that is ahead.
        """
        if self._latest is None:
            known = self.query(sa.select(sa.func.max(RUNS.c.started_at), sa.func.max(RUNS.c.finished_at)))[0]
            self._latest = max((at for at in known if at is not None), default=now())
        self._latest = max(now(), self._latest + timedelta(microseconds=1))
        return self._latest

    def start(self, table: sa.Table, **values: object) -> str:
        """Insert a row with status 'running'; returns its id."""
        row_id = str(values.pop("id", None) or uuid.uuid4().hex)
        with self.engine.begin() as connection:
            connection.execute(
                table.insert().values(
                    id=row_id, started_at=self.instant(), status=values.pop("status", "running"), **values
                )
            )
        return row_id

    def finish(self, table: sa.Table, row_id: str, status: str, **values: object) -> None:
        """Set the end, the status and other values of a row."""
        end = table.update().where(table.c.id == row_id).values(finished_at=self.instant(), status=status, **values)
        try:
            self._commit(end)
        except Exception:
            raise
        except BaseException:  # a second signal: Prefect may send a run that it cancels SIGTERM twice
            self._commit(end)
            raise

    def _commit(self, statement: sa.Update) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement)

    def tables_with_rows(self) -> set[str]:
        """Raw tables into which rows have landed."""
        some = (SLICES.c.rows_new + SLICES.c.rows_replaced) > 0
        return {str(name) for (name,) in self.query(sa.select(SLICES.c.table_name).where(some).distinct())}

    def insert(self, batches: Mapping[sa.Table, Sequence[Mapping[str, object]]]) -> None:
        """Insert finished rows of several tables in one commit; fills id and the two instants where missing."""
        instant = self.instant()
        fresh = {"started_at": instant, "finished_at": instant}
        with self.engine.begin() as connection:
            for table, rows in batches.items():
                if rows:
                    connection.execute(table.insert(), [{"id": uuid.uuid4().hex, **fresh, **row} for row in rows])

    def restore(
        self,
        runs: Sequence[Mapping[str, object]],
        fetches: Sequence[Mapping[str, object]],
        slices: Sequence[Mapping[str, object]],
    ) -> None:
        """Replace the rows of some runs, with those of their files and slices, in one transaction."""
        with self.engine.begin() as connection:
            for table, rows in ((RUNS, runs), (FETCHES, fetches), (SLICES, slices)):
                ids = [str(row["id" if table is RUNS else "run_id"]) for row in rows]
                of_run = RUNS.c.id if table is RUNS else table.c.run_id
                for start in range(0, len(ids), BATCH_ROWS):
                    batch = sorted(set(ids[start : start + BATCH_ROWS]))
                    connection.execute(table.delete().where(of_run.in_(batch)))
            for table, rows in ((RUNS, runs), (FETCHES, fetches), (SLICES, slices)):
                if rows:
                    connection.execute(table.insert(), [{"id": uuid.uuid4().hex, **row} for row in rows])

    @contextmanager
    def alone(self, work: str) -> Iterator[Callable[[], None]]:
        """Hold the lock of some work on this database, over all machines; waits for its holder.

        Args:
            work: 'build', 'check', 'backfill', 'maintain' or 'download-' and the source. A killed process loses the
                lock, so its holder may mark rows that are still 'running' as interrupted.
        """
        with exclusive(self.uri, work, work=work) as held:
            yield held

    def interrupted(self, kind: str) -> list[str]:
        """Ids of the runs that a killed process left running, or that failed between two commits, oldest first."""
        condition = RUNS.c.status.in_(OPEN) & (RUNS.c.kind == kind)
        return [row[0] for row in self.query(sa.select(RUNS.c.id).where(condition).order_by(RUNS.c.started_at))]

    def states(self, run_ids: Sequence[str]) -> dict[str, str]:
        """The status of some runs; one that is not recorded is left out."""
        return dict(map(tuple, self.query(sa.select(RUNS.c.id, RUNS.c.status).where(RUNS.c.id.in_(run_ids)))))

    def mark_interrupted(self, kind: str) -> None:
        """Mark runs that a killed process has left running as failed; call it inside `alone`."""
        dead = self.interrupted(kind)
        values = {"status": "failed", "error": "interrupted", "finished_at": self.instant()}
        with self.engine.begin() as connection:
            connection.execute(RUNS.update().where(RUNS.c.id.in_(dead)).values(**values))
            running = (BUILDS.c.status == "running") & BUILDS.c.run_id.in_(dead)
            connection.execute(BUILDS.update().where(running).values(**values))

    def query(self, statement: Any) -> list[Any]:
        """All rows of a SELECT."""
        with self.engine.connect() as connection:
            return list(connection.execute(statement))

    @contextmanager
    def run(self, kind: str, run_id: str | None = None, /, **request: object) -> Iterator[Run]:
        """Record a run around a block of work; an exception marks the run as failed and is raised again.

        Args:
            kind: see `RUNS`.
            run_id: of the run, if it has one already.
            request: recorded with the run.
        """
        run = Run(self, self.start(RUNS, id=run_id, kind=kind, request=canonical(request), attempt=1))
        began = time.perf_counter()
        try:
            yield run
        except BaseException as error:
            explained = explain(error) or error
            seconds = time.perf_counter() - began
            values = {"error": f"{type(explained).__name__}: {explained}", "rows": run.rows, "seconds": seconds}
            # If the database is gone too, the row stays 'running', and the next run of the kind recovers it.
            with suppress(sa.exc.OperationalError):
                self.finish(RUNS, run.id, run.on_error, **values)
            if explained is error:
                raise
            raise explained from error
        seconds = time.perf_counter() - began
        self.finish(RUNS, run.id, run.status, error=run.error, rows=run.rows, seconds=seconds)


class Run:
    """A run in progress: set `rows`, `status` and `error` before it ends.

    `on_error` is its status after an exception: 'failed', or 'interrupted' if the next run must recover it.
    """

    def __init__(self, ops: Ops, run_id: str) -> None:
        self.ops = ops
        self.id = run_id
        self.rows: int | None = None
        self.status = "done"
        self.on_error = "failed"
        self.error: str | None = None
