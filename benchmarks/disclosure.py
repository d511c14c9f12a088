"""A day of ERCOT's SCED disclosure of batteries, from ZIP to landed Iceberg, beside gridstatus on the same bytes.

The recorded head of a day is tiled to 324 resources and 288 runs: 93,312 rows of 198 columns. gridstatus reads the
bytes to frames in memory; it archives, checks and stores nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.child import Cost, measured

RECORDED = (
    Path(__file__).resolve().parents[2]
    / "shared/data/iso/ercot/60d_sced_np3-965-er/60d_ESR_Data_in_SCED_opday_20260708_head3.csv"
)
#: Scale → resources.
RESOURCES = {"small": 32, "full": 324}
RUNS = 288
CENTRAL = ZoneInfo("America/Chicago")
PEER = "gridstatus==0.37.0"
#: Runs in the peer's own environment; it takes the ZIP and prints its cost as JSON.
PEER_CODE = """
import json, os, resource, sys, time, zipfile
import pandas
from gridstatus import ercot_60d_utils
def cpu():
    times = os.times()
    return times.user + times.system
began, wall = cpu(), time.perf_counter()
with zipfile.ZipFile(sys.argv[1]) as archive:
    frame = pandas.read_csv(archive.open(archive.namelist()[0]))
read = cpu() - began
frame = frame.rename(columns={"SCED Time Stamp": "SCED Timestamp"})
frame["SCED Timestamp"] = pandas.to_datetime(frame["SCED Timestamp"]).dt.tz_localize(
    "US/Central", ambiguous=frame["Repeated Hour Flag"] == "N"
)
done = ercot_60d_utils.process_sced_esr(frame)
print(json.dumps({
    "cpu_s": cpu() - began, "wall_s": time.perf_counter() - wall, "result": {"read_cpu_s": read, "rows": len(done)},
    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}))
"""


def tile(folder: Path, resources: int) -> Path:
    """The recorded head, repeated over resources and runs of one day, as a ZIP that is named as published."""
    head, *rows = RECORDED.read_text().splitlines()
    columns = head.split(",")
    at, name = columns.index("SCED Time Stamp"), columns.index("Resource Name")
    lines = [head]
    for run in range(RUNS):
        stamp = datetime(2026, 7, 8, 0, 0, 15, tzinfo=CENTRAL) + timedelta(minutes=5 * run)
        for number in range(resources):
            cells = rows[number % len(rows)].split(",")
            cells[at], cells[name] = f"{stamp:%m/%d/%Y %H:%M:%S}", f"TILE{number:03d}_{cells[name]}"
            lines.append(",".join(cells))
    path = folder / "60_Day_SCED_Disclosure.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("60d_ESR_Data_in_SCED-06-SEP-26.csv", "\n".join(lines) + "\n")
    return path


def land_day(home: str, path: str, first: str) -> dict[str, object]:
    """Land the ZIP after the recorded head, which has loaded the libraries; gives the cost of the ZIP alone."""
    import time

    from benchmarks.child import cpu_s
    from ingest.registry import registry
    from lakehouse.landing.files import land_files
    from lakehouse.settings import Settings
    from lakehouse.source import LandOptions

    settings = Settings(home=Path(home))
    land_files(settings, registry(), "ercot-60d", [Path(first)], LandOptions())
    cpu, wall = cpu_s(), time.perf_counter()
    report = land_files(settings, registry(), "ercot-60d", [Path(path)], LandOptions())
    took = {"cpu_s": cpu_s() - cpu, "wall_s": time.perf_counter() - wall}
    return {**took, "rows": report.files[0].counts.new}


def peer(path: Path) -> Cost:
    """The peer's cost, in an environment of its own, which uv makes; libraries loaded."""
    found = os.environ.get("UV") or shutil.which("uv")
    uv = [found] if found else [str(Path(sys.base_prefix) / "bin" / "python3"), "-m", "uv"]
    options = ["--no-project", "--quiet", "--python", sys.executable, "--with", PEER]
    command = [*uv, "run", *options, "python", "-c", PEER_CODE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the peer failed:\n{done.stderr[-4000:]}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def measure(scale: str) -> list[dict[str, Any]]:
    """The better of two, in turn: time without loading libraries, memory with everything."""
    folder = Path(tempfile.mkdtemp(prefix="wattlake-disclosure-"))
    try:
        path = tile(folder, RESOURCES[scale])
        costs, peers = [], []
        for attempt in range(2):
            peers.append(peer(path))
            home = str(folder / f"home{attempt}")
            costs.append(measured("benchmarks.disclosure:land_day", home, str(path), str(RECORDED)))
    finally:
        shutil.rmtree(folder)
    rows = RUNS * RESOURCES[scale]
    assert all(cost.result["rows"] == rows for cost in costs)
    data = (
        f"{rows:,} rows of 198 columns: the recorded head of operating day 2026-07-08, TILED over resources and runs; "
        f"peer {PEER}, `pandas.read_csv`, its own localizing and `process_sced_esr`, frames in memory, nothing stored"
    )
    ours, theirs = (min(cost.result["cpu_s"] for cost in costs), min(cost.cpu_s for cost in peers))
    wall, their_wall = (min(cost.result["wall_s"] for cost in costs), min(cost.wall_s for cost in peers))
    reading = min(cost.result["read_cpu_s"] for cost in peers)
    memory, their_memory = (min(cost.peak_bytes for cost in found) / 2**20 for found in (costs, peers))
    table: list[tuple[str, float, float, float | None, str, str]] = [
        ("SCED day of batteries, ZIP to landed Iceberg", ours, theirs, 0.2, "s CPU", "archive, checks, Iceberg commit"),
        ("the same, wall clock", wall, their_wall, 0.2, "s", ""),
        ("the same, beside the peer's `read_csv` alone", ours, reading, None, "s CPU", ""),
        ("peak memory, libraries included", memory, their_memory, 0.5, "MiB", ""),
    ]
    return [
        {
            "name": name, "ours": mine, "peer": other, "ratio": mine / other, "target": target, "unit": unit,
            "limit_note": note, "data": data,
        }
        for name, mine, other, target, unit, note in table
    ]  # fmt: skip
