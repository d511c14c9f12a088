"""Landing speed and memory beside DuckDB's own CSV → sorted Parquet of the same files.

`python -m benchmarks.landing [small|full]` prints the rows. Inputs are a recorded minute file, tiled.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.tiles import tile_meters

#: Scale → signals of a million points each.
SIGNALS = {"small": 10, "full": 100}
ROWS_A_SIGNAL = 1_000_000
#: Landing, archive and checks included, against DuckDB's sort alone.
TARGET_RATIO = 2.0
#: What is measured of a landing: label → (module, function).
SHARES = {
    "hash and zstd": ("lakehouse.archive", "Archive.receive"),
    "parse: CSV": ("ingest.layouts.engine.table", "read_typed"),
    "parse: local to UTC": ("ingest.layouts.engine.intervals", "to_utc"),
    "contract checks": ("lakehouse.landing.tally", "check"),
    "staging": ("lakehouse.writing.staging", "Staging.write"),
    "proof of no duplicates": ("lakehouse.writing.append_only", "only_adding"),
    "sorted files": ("lakehouse.writing.append_only", "_write_file"),
    "commit": ("lakehouse.writing.writer", "commit"),
}


def measure(scale: str) -> list[dict[str, Any]]:
    """Measure in child processes, peer and product in turn.

    Args:
        scale: a key of `SIGNALS`.

    Returns:
        Rows of name, ours, peer, ratio, target, unit, limit_note; the shares of a landing follow as rows without peer.
    """
    with tempfile.TemporaryDirectory(prefix="landing-") as name:
        folder = Path(name)
        tile_meters(folder / "files", ROWS_A_SIGNAL, SIGNALS[scale])
        peer = _child("peer", folder)
        ours = _child("land", folder)
        late = _child("late", folder)
        shutil.rmtree(folder / "home")
        single = [_one_file(folder, rows) for rows in (2_500_000, 10_000_000)]
    points = f"{SIGNALS[scale]} million points"
    tiled = "recorded minute file, tiled, one file a signal; archive, checks and commit included"
    rows = [
        _row(f"land {points}", ours["cpu_s"], peer["cpu_s"], TARGET_RATIO, "CPU s", tiled),
        _row(f"land {points}, wall clock", ours["wall_s"], peer["wall_s"], TARGET_RATIO, "s", tiled),
        _row(f"peak memory, land {points}", ours["peak_gib"], peer["peak_gib"], None, "GiB", "target: below 4 GiB"),
        _row("land one late day of one signal", late["cpu_s"], None, None, "CPU s", f"into {points}"),
        _row(
            "peak memory, one file four times as long", single[1]["peak_gib"], single[0]["peak_gib"], 1.25, "GiB",
            "10 against 2.5 million points in one file",
        ),
    ]  # fmt: skip
    rows += [
        _row(f"share of {points}: {label}", seconds, None, None, "CPU s", "")
        for label, seconds in ours["shares"].items()
    ]
    return rows


def _row(
    name: str, ours: float, peer: float | None, target: float | None, unit: str, limit_note: str
) -> dict[str, Any]:
    ratio = None if peer is None else round(ours / peer, 2)
    return {
        "name": name, "ours": round(ours, 2), "peer": peer if peer is None else round(peer, 2), "ratio": ratio,
        "target": target, "unit": unit, "limit_note": limit_note,
    }  # fmt: skip


def _one_file(folder: Path, rows: int) -> dict[str, Any]:
    shutil.rmtree(folder / "files")
    tile_meters(folder / "files", rows, 1)
    found = _child("land", folder)
    shutil.rmtree(folder / "home")
    return found


def _child(what: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.landing", "--child", what, str(folder)]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _peer(folder: Path) -> None:
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads={os.cpu_count()}")
    connection.execute("SET preserve_insertion_order=false")
    connection.execute(f"SET temp_directory='{folder}/spill'")
    connection.execute(
        f"""
        COPY (
            SELECT filename, ts, value FROM read_csv(
                '{folder}/files/*/*.csv', header=false, skip=1, filename=true,
                columns={{'ts': 'TIMESTAMP', 'value': 'DOUBLE'}}
            ) ORDER BY filename, ts
        ) TO '{folder}/peer.parquet' (FORMAT parquet, COMPRESSION zstd)
        """
    )


def _land(folder: Path) -> None:
    from ingest.registry import registry
    from lakehouse.landing.files import land_files
    from lakehouse.settings import Settings
    from lakehouse.source import LandOptions

    report = land_files(Settings(home=folder / "home"), registry(), "meter", [folder / "files"], LandOptions())
    broken = [outcome.reason for outcome in report.files if outcome.status != "landed" or outcome.rows_quarantined]
    if broken:
        raise SystemExit(f"not all files landed whole: {broken[:3]}")


def _late(folder: Path) -> None:
    shutil.rmtree(folder / "files")
    path = folder / "files" / "m000" / "com_ap.csv"
    path.parent.mkdir(parents=True)
    minutes = [f"2020-06-15 {minute // 60:02d}:{minute % 60:02d}:00,1.25\n" for minute in range(1440)]
    path.write_text("ts,com_ap\n" + "".join(minutes))
    _land(folder)


def _time_shares(shares: dict[str, float]) -> None:
    """Add up the CPU time of the threads inside each of `SHARES`."""
    import importlib

    for label, (module, name) in SHARES.items():
        holder: Any = importlib.import_module(module)
        *owners, attribute = name.split(".")
        for owner in owners:
            holder = getattr(holder, owner)
        setattr(holder, attribute, _watched(getattr(holder, attribute), label, shares))


def _watched(function: Callable[..., Any], label: str, shares: dict[str, float]) -> Callable[..., Any]:
    def watched(*given: Any, **named: Any) -> Any:
        begin = time.thread_time()
        try:
            return function(*given, **named)
        finally:
            shares[label] = shares.get(label, 0.0) + time.thread_time() - begin

    return watched


def _run_child(what: str, folder: Path) -> None:
    shares: dict[str, float] = {}
    body = {"peer": _peer, "land": _land, "late": _late}[what]
    begin, before = time.monotonic(), os.times()
    if what == "land":
        _time_shares(shares)
    body(folder)
    after, wall_s = os.times(), time.monotonic() - begin
    cpu_s = after.user + after.system - before.user - before.system
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if shares:
        shares["the rest"] = cpu_s - sum(shares.values())
    print(json.dumps({"cpu_s": cpu_s, "wall_s": wall_s, "peak_gib": peak_gib, "shares": shares}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _run_child(sys.argv[2], Path(sys.argv[3]))
    else:
        for found in measure(sys.argv[1] if len(sys.argv) > 1 else "small"):
            print(found)
