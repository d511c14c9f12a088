"""Locks of raw tables: each table has its own, and its next holder recovers what a killed one has left.

A landing holds the tables of its source, a stream holds its table, a replay holds the tables that it replays. Nobody
holds the shared tables (assets, signals, quarantine): there a commit that comes second is compared again and redone.

Landings of one table come one after the other: of two files that differ, the order of arrival decides, and a replay
follows the same order.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import sqlalchemy as sa

from lakehouse.catalog import located, open_catalog
from lakehouse.database import exclusive
from lakehouse.errors import MEND, BrokenHome, Busy
from lakehouse.landing.mending import put_databases_aside, put_tables_aside
from lakehouse.landing.recover import is_recorded, recover_landing
from lakehouse.landing.shadow import drop_shadow, drop_shadows
from lakehouse.ops import OPEN, RUNS, Ops
from lakehouse.settings import Settings
from lakehouse.source import Registry

#: Folders of work in progress, `tmp/<kind>/<run>-<number>`.
WORK = ("land", "replace")


@dataclass(frozen=True)
class Held:
    """Tables that this process holds.

    Args:
        ops: the records.
        run_id: id for the run that holds them.
        tables: their names.
        mended: sentences that say what was put aside first.
    """

    ops: Ops
    run_id: str
    tables: tuple[str, ...]
    mended: tuple[str, ...] = ()


@dataclass(frozen=True)
class _OpenRun:
    """A landing or replay that has not ended: it is alive, or was killed, or failed between two commits.

    Args:
        id: of the run.
        kind: 'land' or 'replay'.
        tables: that it holds if it is alive; empty where that is unknown.
    """

    id: str
    kind: str
    tables: frozenset[str]


def lock_of(table: str) -> str:
    """The name of a raw table's lock."""
    return f"raw.{table}"


@contextmanager
def holding(
    settings: Settings, registry: Registry, tables: Collection[str], work: str, *, wait: bool = True
) -> Iterator[Held]:
    """Hold some tables, so that nobody else lands into them; killed landings of them are recovered first.

    Args:
        settings: of the home.
        registry: every source.
        tables: names of the tables.
        work: name of the work, for those who wait.
        wait: wait until the tables are free; else raise Busy.

    Raises:
        BrokenHome: one of the tables is lost, or the house is damaged or elsewhere.
        Busy: another process holds one of them, and `wait` is false.
        TransientError: a killed landing could not be finished now.
    """
    ops, run_id = Ops(settings), uuid.uuid4().hex
    wanted = frozenset(tables)
    while True:
        locks = [lock_of(table) for table in sorted(wanted)]
        with exclusive(settings.ops_uri, *locks, work=f"{work}, run {run_id[:8]}", wait=wait):
            # Whoever had these tables has ended, because this process holds the locks.
            dead = [run for run in _open_runs(ops, registry) if not run.tables or run.tables & wanted]
            more = frozenset[str]().union(*(run.tables for run in dead)) - wanted
            if not more:
                _refuse_lost(settings, ops, wanted)
                for run in dead:
                    _recover(settings, registry, ops, run)
                _tidy(settings, ops)
                yield Held(ops, run_id, tuple(sorted(tables)))
                return
        # A killed landing held these too, and it must be finished before anything lands after it.
        wanted |= more


@contextmanager
def holding_all(settings: Settings, registry: Registry, work: str) -> Iterator[Held]:
    """Hold all tables, and mend: what cannot be read is put aside first.

    Killed landings are recovered where the tables are sound. Where they are not, it is unknown what a killed landing
    had committed: its receipts stay open, and the replay lands them.
    """
    tables = tuple(sorted(contract.name for contract in registry.own))
    run_id = uuid.uuid4().hex
    with exclusive(settings.ops_uri, *map(lock_of, tables), work=f"{work}, run {run_id[:8]}"):
        done = put_databases_aside(settings)
        ops = Ops(settings, mending=True)
        done += put_tables_aside(settings, ops, registry.contracts)
        for run in _open_runs(ops, registry):
            if run.kind == "replay" or not done or is_recorded(ops, run.id):
                _recover(settings, registry, ops, run)
        drop_shadows(open_catalog(settings))
        for kind in WORK:
            shutil.rmtree(settings.root / "tmp" / kind, ignore_errors=True)
        yield Held(ops, run_id, tables, tuple(done))


def recover_killed(settings: Settings, registry: Registry) -> None:
    """Recover killed landings and replays, except of tables that somebody holds: their holder has recovered them.

    Raises:
        BrokenHome: a table is lost, or the house is damaged or elsewhere.
        TransientError: a killed landing could not be finished now.
    """
    ops = Ops(settings)
    _refuse_lost(settings, ops, {contract.name for contract in registry.own})
    for run in _open_runs(ops, registry):
        with suppress(Busy), holding(settings, registry, run.tables, f"recovering {run.kind}", wait=False):
            pass


def _open_runs(ops: Ops, registry: Registry) -> list[_OpenRun]:
    """Landings and replays that have not ended, oldest first."""
    runs = RUNS.c
    open_ones = runs.status.in_(OPEN) & runs.kind.in_(("land", "replay"))
    rows = ops.query(sa.select(runs.id, runs.kind, runs.request).where(open_ones).order_by(runs.started_at))
    return [_OpenRun(run_id, kind, frozenset(tables_of(request, kind, registry))) for run_id, kind, request in rows]


def tables_of(request: str | None, kind: str, registry: Registry | None = None) -> list[str]:
    """The tables that a run holds, from its request; requests of older versions do not name them."""
    asked = json.loads(request or "{}")
    if "tables" in asked or registry is None:
        return [str(table) for table in asked.get("tables", ())]
    if kind == "replay":
        return [contract.name for contract in registry.own]
    source = registry.sources.get(asked.get("source", ""))
    return [contract.name for contract in source.contracts] if source else []


def _recover(settings: Settings, registry: Registry, ops: Ops, run: _OpenRun) -> None:
    if run.kind == "land":
        recover_landing(settings, registry, ops, run.id)
    else:
        drop_shadow(open_catalog(settings), run.id)
        ops.finish(RUNS, run.id, "failed", error="interrupted")


def _refuse_lost(settings: Settings, ops: Ops, tables: Collection[str]) -> None:
    """Refuse to go on if the catalog has lost a table with rows: a landing would create it again, without them.

    Raises:
        BrokenHome: such a table is gone.
    """
    there = located(settings)
    if there is None or not (absent := set(tables) - {name for _, name in there}):
        return
    if gone := sorted(absent & ops.tables_with_rows()):
        raise BrokenHome(f"the catalog has lost raw.{', raw.'.join(gone)}, into which rows have landed", MEND)


def _tidy(settings: Settings, ops: Ops) -> None:
    """Drop the work in progress of runs that have ended; that of unknown runs is left to maintenance."""
    folders = [folder for kind in WORK for folder in (settings.root / "tmp" / kind).glob("*")]
    if not folders:
        return
    states = ops.states(sorted({folder.name.split("-")[0] for folder in folders}))
    for folder in folders:
        if states.get(folder.name.split("-")[0], OPEN[0]) not in OPEN:
            shutil.rmtree(folder, ignore_errors=True)
