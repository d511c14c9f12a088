"""Landing speed and memory beside DuckDB and polars, which bring the same files one by one to sorted Parquet in UTC."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.child import measured
from benchmarks.costs import peer, row
from benchmarks.tiles import RECORDED, tile_meters

#: Scale → signals of a million points each.
SIGNALS = {"small": 10, "full": 100}
ROWS_A_SIGNAL = 1_000_000
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
    """Measure whole processes, peers and product in turn: full takes about four minutes.

    Args:
        scale: a key of `SIGNALS`.

    Returns:
        Rows of a benchmark; the shares of a landing follow as rows without peer.
    """
    with tempfile.TemporaryDirectory(prefix="landing-") as name:
        folder = Path(name)
        tile_meters(folder / "files", ROWS_A_SIGNAL, SIGNALS[scale])
        peers = {}
        for library in ("duckdb", "polars"):
            peers[library] = peer("land", library, folder / "files", folder / "peer")
            shutil.rmtree(folder / "peer")
            assert peers[library].result["rows"] == ROWS_A_SIGNAL * SIGNALS[scale]
        ours = measured("benchmarks.landing:land", folder)
        late = measured("benchmarks.landing:land_late", folder)
        shutil.rmtree(folder / "home")
        single = [_one_file(folder, rows) for rows in (2_500_000, 10_000_000)]
    points = f"{SIGNALS[scale]} million points"
    tiled = "one file a signal; archive, checks and commit included, which the peer does without"
    gib = 2**30
    rows = [
        *(
            row(f"landing {points} beside {library}, file by file", ours.cpu_s, target,
                f"{tiled}; peak {ours.peak_bytes / gib:.2f} GiB (≤ 0.7), {library} {cost.peak_bytes / gib:.2f} GiB; "
                f"wall {ours.wall_s:.1f} s, {library} {cost.wall_s:.1f} s", cost.cpu_s)
            for (library, cost), target in zip(peers.items(), ("≤ 1.0 x", None), strict=True)
        ),
        {
            "name": "land one late day of one signal", "ours": late.cpu_s, "unit": "CPU s",
            "limit_note": f"into {points}",
        },
        {
            "name": "peak memory, one file four times as long", "ours": single[1] / gib, "peer": single[0] / gib,
            "ratio": single[1] / single[0], "target": 1.25, "unit": "GiB",
            "limit_note": "10 against 2.5 million points in one file",
        },
    ]  # fmt: skip
    shares = {**ours.result, "the rest, with start-up": ours.cpu_s - sum(ours.result.values())}
    rows += [{"name": f"share: {label}", "ours": seconds, "unit": "CPU s"} for label, seconds in shares.items()]
    return [{**line, "data": f"{RECORDED.parent.name}/{RECORDED.name}, recorded, tiled"} for line in rows]


def _one_file(folder: Path, rows: int) -> int:
    """Peak memory of landing one file of so many points."""
    shutil.rmtree(folder / "files")
    tile_meters(folder / "files", rows, 1)
    found = measured("benchmarks.landing:land", folder)
    shutil.rmtree(folder / "home")
    return found.peak_bytes


def land(folder: str) -> dict[str, float]:
    """Land the files of a folder; processor seconds by share."""
    shares: dict[str, float] = {}
    _time_shares(shares)
    _land(Path(folder))
    return shares


def land_late(folder: str) -> None:
    """Land one day of one signal into what has landed."""
    _late(Path(folder))


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
