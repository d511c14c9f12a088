"""A lock is a table's: landings of different domains go on side by side, and who waits says for whom."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from lakehouse.catalog import open_catalog
from lakehouse.contract import ASSETS
from lakehouse.database import exclusive, is_free
from lakehouse.landing.files import land_files
from lakehouse.landing.holding import lock_of, recover_killed
from lakehouse.landing.outcome import LandReport
from lakehouse.landing.replay import replay
from lakehouse.landing.run import Lander
from lakehouse.landing.stream import land_batch
from lakehouse.ops import RUNS, Ops
from lakehouse.settings import Settings
from lakehouse.source import LandOptions, Registry
from lakehouse.upkeep.maintain import maintain
from tests.support.probe import LEVELS, OTHER_LEVELS, PLANS, PROBES, SAMPLES, ProbeSource, batch, write


def land(settings: Settings, source: str, *paths: Path, registry: Registry = PROBES) -> LandReport:
    return land_files(settings, registry, source, paths, LandOptions())


def values(settings: Settings, table: str, column: str = "value") -> list[Any]:
    return sorted(open_catalog(settings).load_table(("raw", table)).scan().to_arrow().column(column).to_pylist())


def test_who_waits_for_a_table_says_for_whom_and_others_go_on(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lakehouse")
    waits, path = threading.Event(), write(tmp_path / "a.json", [("a", 0, 1)])
    caplog.handler.addFilter(lambda record: waits.set() or True)
    done: list[LandReport] = []
    waiting = threading.Thread(target=lambda: done.append(land(settings, "probe", path)))
    with exclusive(settings.ops_uri, lock_of(LEVELS.name), work="replay, run 0123abcd"):
        waiting.start()
        assert waits.wait(60)
        # Neither another domain, nor a stream, nor maintenance waits for it.
        assert land(settings, "other", write(tmp_path / "b.json", [("b", 0, 1)])).ok
        assert land_batch(settings, PROBES, SAMPLES, batch([("p", 0, 1)]), "s", (1,)).rows == 1
        maintain(settings, PROBES)
        assert {table.table for table in replay(settings, PROBES, tables=[OTHER_LEVELS.name]).tables} == {
            OTHER_LEVELS.name
        }
        assert not done
    waiting.join(60)
    assert done[0].ok
    (said,) = [record.getMessage() for record in caplog.records if record.name == "lakehouse.database"]
    assert said.startswith(f"replay, run 0123abcd (process {os.getpid()}, since 20")
    assert said.endswith("UTC) works at 'raw.probe_observations'; this one goes on when that has ended")
    assert is_free(settings.ops_uri, lock_of(LEVELS.name))


def test_an_asset_that_two_domains_declare_at_once_belongs_to_the_one_that_commits_first(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, alone = write(tmp_path / "both.json", [("a", 0, 1)]), write(tmp_path / "alone.json", [("b", 0, 2)])
    theirs = write(tmp_path / "theirs.json", [("a", 0, 3)])
    settled = Lander._reread

    def overtaken(self: Lander) -> Any:
        found = settled(self)
        if self.source.name == "probe":  # what it has looked at is old by now
            monkeypatch.setattr(Lander, "_reread", settled)
            assert land(settings, "other", theirs).ok
        return found

    monkeypatch.setattr(Lander, "_reread", overtaken)
    report = land(settings, "probe", both, alone)
    assert {Path(outcome.path).name: outcome.status for outcome in report.files} == {
        "both.json": "refused", "alone.json": "landed",
    }  # fmt: skip
    assert "belongs to the domain other" in str(report.refused[0].reason)
    assert (values(settings, LEVELS.name), values(settings, OTHER_LEVELS.name)) == ([2], [3])
    assets = open_catalog(settings).load_table(("raw", ASSETS.name)).scan().to_arrow().to_pylist()
    assert {row["asset_id"]: row["domain"] for row in assets} == {"a": "other", "b": "probe"}
    assert {table.outcome for table in replay(settings, PROBES, dry_run=True).tables} == {"equal"}


class Killed(BaseException):
    """Stands for the end of the process."""


def kill_before(monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    """The next landing ends before it commits to a table, and records nothing."""
    written = Lander._write

    def die(self: Lander, catalog: Any, contract: Any, anew: Any) -> Any:
        if contract.name == table:
            raise Killed
        return written(self, catalog, contract, anew)

    monkeypatch.setattr(Lander, "_write", die)


def test_who_holds_a_table_of_a_killed_landing_brings_it_to_its_end_first(settings: Settings, tmp_path: Path) -> None:
    """Two sources share a table; the killed one has another table too, which the next one takes for the settling."""

    class Two(ProbeSource):
        @property
        def contracts(self) -> tuple[Any, ...]:
            return (LEVELS, OTHER_LEVELS)

    registry = Registry({"two": Two("two", LEVELS, "probe"), "probe": ProbeSource("probe", LEVELS, "probe")})
    old, new = write(tmp_path / "old.json", [("a", 0, 1), ("b", 0, 1)]), write(tmp_path / "new.json", [("a", 0, 2)])
    with pytest.MonkeyPatch.context() as patch:
        kill_before(patch, OTHER_LEVELS.name)
        with pytest.raises(Killed):
            land(settings, "two", old, registry=registry)
    assert values(settings, LEVELS.name) == [1, 1]
    assert land(settings, "probe", new, registry=registry).ok
    # The killed one received its file first: the later received row holds, and a replay says so too.
    assert values(settings, LEVELS.name) == [1, 2]
    assert {status for (status,) in Ops(settings).query(sa.select(RUNS.c.status))} == {"done"}
    assert {table.outcome for table in replay(settings, registry, dry_run=True).tables} == {"equal"}


def test_what_lives_is_left_alone_and_what_is_dead_is_tidied(settings: Settings, tmp_path: Path) -> None:
    """A landing of another table drops neither the work folder nor the shadow of a replay that lives."""
    land(settings, "plan", write(tmp_path / "p.json", [("a", 0, 1)], [("a", 0, 60)]))
    ops = Ops(settings)
    run_id = ops.start(RUNS, kind="replay", request=f'{{"tables":["{PLANS.name}"]}}', attempt=1)
    work = settings.temporary("land", f"{run_id}-abc123")
    catalog = open_catalog(settings)
    catalog.create_namespace(f"replay_{run_id[:8]}")
    with exclusive(settings.ops_uri, lock_of(PLANS.name), work="replay"):
        land(settings, "probe", write(tmp_path / "a.json", [("a", 0, 1)]))
        maintain(settings, PROBES, sweep=True)
        recover_killed(settings, PROBES)
        assert work.is_dir() and (f"replay_{run_id[:8]}",) in catalog.list_namespaces()
        assert ops.states([run_id]) == {run_id: "running"}
    land(settings, "probe", write(tmp_path / "b.json", [("a", 1, 1)]))
    assert ops.states([run_id]) == {run_id: "running"}  # of other tables: none of its business
    recover_killed(settings, PROBES)
    assert not work.exists() and (f"replay_{run_id[:8]}",) not in catalog.list_namespaces()
    assert ops.states([run_id]) == {run_id: "failed"}
