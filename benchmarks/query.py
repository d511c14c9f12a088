"""What a person waits for at the prompt: help, a query of a level, a build of nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.build import make_home
from benchmarks.child import measured

POINTS = {"small": 100_000, "full": 10_000_000}
QUERY = "SELECT asset_id, local_date, mean_time_weighted FROM marts.lod_1d ORDER BY ALL LIMIT 10"


def command(home: str, arguments: list[str]) -> None:
    """One `wattlake` command in a process of its own."""
    environment = {**os.environ, "WATTLAKE_HOME": home}
    subprocess.run(
        [sys.executable, "-m", "flows.cli.main", *arguments], env=environment, check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def bare(home: str) -> None:
    """The peer: DuckDB alone in a process of its own."""
    code = f"import duckdb; duckdb.connect('{home}/marts.duckdb', read_only=True).sql('{QUERY}').show()"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def measure(scale: str) -> list[dict[str, object]]:
    """Processor time of each command; the best of three, for the first warms the disk's cache."""
    folder = Path(tempfile.mkdtemp(prefix="wattlake-query-"))
    try:
        home, _ = make_home(folder, POINTS[scale])

        def best(function: str, *arguments: object) -> float:
            return min(measured(function, *arguments).cpu_s for _ in range(3))

        took = {
            name: best("benchmarks.query:command", home, arguments)
            for name, arguments in (
                ("help", ["--help"]),
                ("sql", ["sql", QUERY]),
                ("raw", ["sql", "SELECT count(*) FROM raw.meter_observations"]),
                ("nothing", ["build"]),
            )
        }
        peer = best("benchmarks.query:bare", home)
    finally:
        shutil.rmtree(folder)
    data = f"a home of {POINTS[scale]:,} points"
    rows = [
        ("`wattlake --help`", took["help"], None, 0.5, "Python and click"),
        ("`wattlake sql` over a level beside DuckDB alone", took["sql"], peer, 1.5, "settings (pydantic) 0.2 s"),
        ("`wattlake sql` over a raw table", took["raw"], None, None, "SQLAlchemy and Arrow imports 0.8 s"),
        ("`wattlake build` with nothing to do", took["nothing"], None, 1.5, "SQLAlchemy and Arrow imports 0.8 s"),
    ]
    return [
        {
            "name": name, "ours": ours, "peer": of_peer, "ratio": ours / of_peer if of_peer else None,
            "target": f"{target} s" if target else None, "unit": "s CPU", "data": data, "limit_note": note,
        }
        for name, ours, of_peer, target, note in rows
    ]  # fmt: skip
