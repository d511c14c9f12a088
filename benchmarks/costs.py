"""What a change costs, and what a person waits for: whole commands of `wattlake` beside whole scripts.

Start-up is included, and nothing is subtracted. The running service is one process that lands and builds again and
again; the others are commands in a process of their own.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.child import Cost, cpu_s, measured, run
from benchmarks.lake import values
from benchmarks.tiles import ZONE, write_late_day, write_meters
from ingest.registry import registry
from lakehouse.landing.files import land_files
from lakehouse.marts.build import build
from lakehouse.settings import Settings
from lakehouse.source import LandOptions

POINTS = {"small": 100_000, "full": 10_000_000}
QUERY = "SELECT asset_id, local_date, mean_time_weighted FROM marts.lod_1d ORDER BY ALL LIMIT 10"
#: Levels whose rows ours and pandas must have alike; a local day may begin with the first late sample.
SAME_LEVELS = ("lod_5min", "lod_15min", "lod_1h")
#: Late days that are landed before the one that is measured: the first pays for caches that later ones find.
WARM_DAYS = 2


def wattlake(home: Path, *arguments: object) -> Cost:
    """One command in a process of its own."""
    command = [sys.executable, "-m", "flows.cli.main", *map(str, arguments)]
    return run(command, {"WATTLAKE_HOME": str(home)})


def land_and_build(home: Path, folder: Path) -> list[Cost]:
    """Two commands: land a folder of meters, build."""
    return [wattlake(home, "land", "meter", folder, "--timezone", ZONE), wattlake(home, "build")]


def service(home: str, folders: list[str]) -> list[float]:
    """Land and build one folder after another in this process; processor seconds of each, dbt's process included."""
    settings, took = Settings(home=Path(home)), []
    for folder in folders:
        began = cpu_s()
        assert land_files(settings, registry(), "meter", [Path(folder)], LandOptions(timezone=ZONE)).ok
        assert build(settings, registry().contracts).built
        took.append(cpu_s() - began)
    return took


def late_day_in_service(home: Path, folder: Path, first: int) -> float:
    """Processor seconds of one late day in a service that has done others."""
    folders = [str(write_late_day(folder, first + number)) for number in range(WARM_DAYS + 1)]
    seconds: list[float] = measured("benchmarks.costs:service", home, folders).result
    return seconds[-1]


def peer(kind: str, library: str, folder: Path, output: Path) -> Cost:
    """A whole script of a peer, see `benchmarks.peers`; `result` is its rows."""
    cost = run([sys.executable, "-m", "benchmarks.peers", kind, library, str(folder), str(output)])
    return Cost(cost.cpu_s, cost.wall_s, cost.peak_bytes, json.loads(cost.result))


def mart_rows(home: Path, marts: tuple[str, ...]) -> dict[str, int]:
    """Rows of published marts."""
    counts = ", ".join(f"(SELECT count(*) FROM {mart}) AS {mart}" for mart in marts)
    cost = wattlake(home, "sql", f"SELECT {counts}", "--format", "json")
    (row,) = json.loads(cost.result)
    return {str(name): int(count) for name, count in row.items()}


def row(
    name: str, ours: float, target: str | None, note: str, peer_s: float | None = None, unit: str = "CPU s"
) -> dict[str, Any]:
    """A row of the table of targets."""
    return {
        "name": f"**{name}**", "ours": round(ours, 2), "peer": peer_s, "ratio": ours / peer_s if peer_s else None,
        "target": target, "unit": unit, "limit_note": note,
    }  # fmt: skip


def measure(scale: str) -> list[dict[str, Any]]:
    """The lines of a home of `POINTS`: full takes about five minutes."""
    folder = Path(tempfile.mkdtemp(prefix="wattlake-costs-"))
    points = POINTS[scale]
    try:
        write_meters(folder / "in", points)
        home = folder / "home"
        wattlake(home, "--help")  # Python compiles the modules once
        landed, built = land_and_build(home, folder / "in")
        rows = mart_rows(home, SAME_LEVELS)
        peers = {library: peer("levels", library, folder / "in", folder / library)
                 for library in ("pandas", "polars", "duckdb")}  # fmt: skip
        same = {level: peers["pandas"].result[level] for level in SAME_LEVELS}
        assert rows == same, f"ours and pandas must make the same buckets: {rows}, {same}"
        in_service = late_day_in_service(home, folder, 0)
        cold = [sum(cost.cpu_s for cost in land_and_build(home, write_late_day(folder, 10 + n))) for n in (0, 1)][-1]
        # The best of three, for the first warms the disk's cache.
        asked = min(wattlake(home, "sql", QUERY).cpu_s for _ in range(3))
        bare = f"import duckdb; duckdb.connect('{home}/marts.duckdb', read_only=True).sql('{QUERY}').show()"
        bare_s = min(run([sys.executable, "-c", bare]).cpu_s for _ in range(3))
        nothing = min(wattlake(home, "build").cpu_s for _ in range(3))
        raw = min(wattlake(home, "sql", "SELECT count(*) FROM raw.meter_observations").cpu_s for _ in range(3))
        shown = min(wattlake(home, "--help").cpu_s for _ in range(3))
    finally:
        shutil.rmtree(folder)
    whole = landed.cpu_s + built.cpu_s
    home_of = f"home of {points:,} points"
    peaks = ", ".join(
        f"{name} {cost.peak_bytes / 2**30:.2f} GiB" for name, cost in (("land", landed), ("build", built))
    )
    found = [
        row("late day, land and build, in the running service", in_service, "≤ 4", f"144 rows into a {home_of}"),
        row("the same by two cold commands", cold, "≤ 9", "`wattlake land`, `wattlake build`"),
        *(
            row(f"CSV of {points:,} points to published levels beside {library}", whole, target,
                f"land {landed.cpu_s:.1f}, build {built.cpu_s:.1f}; every mart and check, Iceberg copies; {peaks}, "
                f"{library} {cost.peak_bytes / 2**30:.2f} GiB", cost.cpu_s)
            for (library, cost), target in zip(peers.items(), ("≤ 2.5 x", None, None), strict=True)
        ),
        row("`wattlake sql` on a level, beside DuckDB alone", asked, "≤ 0.2", home_of, bare_s),
        row("`wattlake build` with nothing to do", nothing, "≤ 0.4", home_of),
        row("`wattlake sql` on a raw table", raw, None, home_of),
        row("`wattlake --help`", shown, None, "Python and click"),
    ]  # fmt: skip
    return [{**line, "data": f"minute values of {values()[1]}; start-up included everywhere"} for line in found]
