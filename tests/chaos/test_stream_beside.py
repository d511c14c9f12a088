"""A stream that commits each second does not wait for a landing, a build, maintenance or a replay of another domain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lakehouse.catalog import open_catalog
from lakehouse.landing import holding
from lakehouse.landing.stream import land_batch, landed_offset
from lakehouse.settings import Settings
from tests.support.kills import operations
from tests.support.kills.homes import first_files, write_signal
from tests.support.kills.worker import Worker
from tests.support.probe import EPOCH, OTHER_LEVELS, SAMPLES, batch, write

FILES = 50
QUARTERS = [
    f"2024-06-{day:02d} {quarter // 4:02d}:{quarter % 4 * 15:02d}:00" for day in (3, 4) for quarter in range(96)
]
#: What the issue of a stream's batch may cost beyond the commit itself: waiting for locks, and for other commits.
WAIT_S = 2.0


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that batches have waited in this process: for a lock, or to try a commit again."""
    found: list[float] = [0.0]
    exclusive = holding.exclusive

    @contextmanager
    def locked(*arguments: Any, **more: Any) -> Iterator[Callable[[], None]]:
        asked = time.monotonic()
        with exclusive(*arguments, **more) as held:
            found[-1] += time.monotonic() - asked
            yield held

    def sleep(seconds: float) -> None:
        found[-1] += seconds
        time.sleep(seconds)

    monkeypatch.setattr(holding, "exclusive", locked)
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=sleep))
    return found


@pytest.mark.timeout(1200)
def test_a_stream_waits_for_nobody_beside_everything(tmp_path: Path, waited: list[float]) -> None:
    home = {"home": str(tmp_path / "home"), "threads": 1}
    settings = Settings(**home)
    # A file each with a refused cell: the landing commits to the quarantine, as the stream does.
    files = [
        str(
            write_signal(
                tmp_path / "many", f"m{n}", "com_ap", [(s, "x" if i == 7 else n) for i, s in enumerate(QUARTERS)]
            )
        )
        for n in range(FILES)
    ]
    levels = [[(f"o{number}", minute, number) for minute in range(500)] for number in range(10)]
    others = [str(write(tmp_path / f"o{number}.json", rows)) for number, rows in enumerate(levels)]
    with ExitStack() as stack:
        first, *_ = workers = [stack.enter_context(Worker()) for _ in range(4)]
        first.done("land", home, paths=first_files(tmp_path / "first"))
        for path in others:
            first.done("land", home, paths=[path], source="other")
        # The first batch imports what the others find imported.
        offered, number = [("p", 0, 1.0)], 1
        land_batch(settings, operations.house(), SAMPLES, batch(offered), operations.STREAM, (number,))
        pool, over = stack.enter_context(ThreadPoolExecutor(4)), threading.Event()
        jobs: list[tuple[str, dict[str, Any]]] = [
            ("land", {"paths": files}), ("build", {}), ("tend", {}), ("replay", {"tables": [OTHER_LEVELS.name]}),
        ]  # fmt: skip
        running: list[Future[Any]] = [
            pool.submit(worker.done, name, home, **arguments)
            for worker, (name, arguments) in zip(workers, jobs, strict=True)
        ]
        pool.submit(lambda: [job.exception() for job in running] and over.set())
        refused, began, took = 0, time.monotonic(), []
        while not over.is_set():
            number += 1
            rows = [("p", 10 * number + second, float(second)) for second in range(10)]
            bad = [("p", 10 * number, 2000.0)] if number % 3 == 0 else []
            waited.append(0.0)
            started = time.monotonic()
            land_batch(settings, operations.house(), SAMPLES, batch([*rows, *bad]), operations.STREAM, (number,))
            took.append(time.monotonic() - started)
            offered += rows
            refused += len(bad)
            over.wait(max(began + number - time.monotonic(), 0))
        landed, mode, _, replayed = [job.result() for job in running]
        slowest = ", ".join(f"{seconds:.2f}" for seconds in sorted(took)[-5:])
        print(f"{number} batches; waited at most {max(waited):.3f} s; the slowest took {slowest} s")
        assert (landed, mode, replayed) == (True, "full", {OTHER_LEVELS.name: "equal"})
        assert max(waited) <= WAIT_S, sorted(waited)[-5:]
        catalog = open_catalog(settings)
        rows = catalog.load_table(("raw", SAMPLES.name)).scan().to_arrow().to_pylist()
        found = [(row["probe"], int((row["ts"] - EPOCH).total_seconds()), row["power_w"]) for row in rows]
        assert sorted(found) == sorted(offered)
        assert landed_offset(settings, SAMPLES, operations.STREAM) == (number,)
        observed = catalog.load_table(("raw", "meter_observations")).scan().to_arrow()
        assert observed.num_rows == 2 * 192 + FILES * 191
        kept = catalog.load_table(("raw", "quarantine")).scan().to_arrow().column("source").to_pylist()
        assert (kept.count(operations.STREAM), kept.count("meter")) == (refused, FILES)
        replayed = first.done("replay", home, dry_run=True, tables=[SAMPLES.name, OTHER_LEVELS.name])
        assert replayed == {SAMPLES.name: "equal", OTHER_LEVELS.name: "equal"}
