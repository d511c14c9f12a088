"""From CSV to published levels beside pandas, and what one late day costs."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from benchmarks.child import cpu_s, measured
from benchmarks.lake import FIRST_S, values
from ingest.registry import registry
from ingest.time.local_time import to_wall
from lakehouse.landing.files import land_files
from lakehouse.marts.build import build
from lakehouse.settings import Settings
from lakehouse.source import LandOptions

#: Points of the small and the large house of a scale.
POINTS = {"small": (100_000, 400_000), "full": (10_000_000, 40_000_000)}
#: One file a signal of a meter.
POINTS_A_SIGNAL = 1_000_000
ZONE = "Europe/Berlin"
MAX_GAP_S = 900
RULES = {"lod_5min": "5min", "lod_15min": "15min", "lod_1h": "1h", "lod_1d": "1D"}


def write_meters(folder: Path, points: int) -> None:
    """Minute files of the reference layout, one a meter: wall-clock stamps, so that autumn repeats an hour."""
    tile, _ = values()
    count = min(points, POINTS_A_SIGNAL)
    minutes = (FIRST_S + np.arange(count, dtype=np.int64) * 60) * 1_000_000
    wall = pa.array(to_wall(minutes, ZONE) // 1_000_000, pa.timestamp("s"))
    stamps = pc.strftime(wall, "%Y-%m-%d %H:%M:%S")
    for number in range(points // count):
        value = tile[(np.arange(count) + 997 * number) % len(tile)]
        path = folder / f"m{number:03d}" / "com_ap.csv"
        path.parent.mkdir(parents=True)
        pacsv.write_csv(pa.table({"ts": stamps, "com_ap": value}), path, pacsv.WriteOptions(quoting_style="none"))


def land_and_build(home: str, inbox: str) -> dict[str, Any]:
    """Land a folder and build: processor seconds of both, wall seconds of each step of the build."""
    settings = Settings(home=Path(home), threads=2)
    began = cpu_s()
    report = land_files(settings, registry(), "meter", [Path(inbox)], LandOptions(timezone=ZONE))
    assert report.ok
    landed = cpu_s()
    built = build(settings, registry().contracts)
    assert built.built
    return {"land": landed - began, "build": cpu_s() - landed, "steps": built.durations, "rows": built.rows}


def make_home(folder: Path, points: int) -> tuple[str, dict[str, Any]]:
    """A landed and built home, and what it took."""
    write_meters(folder / "in", points)
    cost = measured("benchmarks.build:land_and_build", folder / "home", folder / "in")
    return str(folder / "home"), {**cost.result, "peak_bytes": cost.peak_bytes}


def with_pandas(inbox: str) -> dict[str, Any]:
    """The peer: the same columns at the same four levels, one file after another.

    Returns:
        `rows` by level and `cpu_s` without the import of pandas, as ours is counted without start-up.
    """
    import pandas as pd

    began = cpu_s()
    rows = dict.fromkeys(RULES, 0)
    for path in sorted(Path(inbox).glob("*/com_ap.csv")):
        frame = pd.read_csv(path)
        stamps = pd.to_datetime(frame["ts"], format="%Y-%m-%d %H:%M:%S")
        frame["at"] = stamps.dt.tz_localize(ZONE, ambiguous="infer")
        seconds = (
            frame["at"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype("int64")
        )
        for level, rule in RULES.items():
            zoned = frame["at"] if rule == "1D" else frame["at"].dt.tz_convert("UTC")
            bucket = zoned.dt.normalize() if rule == "1D" else zoned.dt.floor(rule)
            width = {"5min": 300, "15min": 900, "1h": 3600, "1D": 86_400}[rule]
            start = bucket.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype("int64")
            following = np.append(seconds[1:], seconds[-1] + MAX_GAP_S)
            valid = np.minimum(np.minimum(following - seconds, MAX_GAP_S), start + width - seconds)
            value = frame["com_ap"]
            frame = frame.assign(
                bucket=bucket, valid=valid, area=value * valid, positive=value.clip(lower=0) * valid,
                exact=(value * 1_000_000).round().astype("int64"),
            )  # fmt: skip
            grouped = frame.groupby("bucket", sort=False)
            out = grouped.agg(
                n=("com_ap", "size"), sum=("com_ap", "sum"), sum_exact=("exact", "sum"), min=("com_ap", "min"),
                max=("com_ap", "max"), mean=("com_ap", "mean"), first=("com_ap", "first"), last=("com_ap", "last"),
                first_at=("at", "first"), last_at=("at", "last"), covered_s=("valid", "sum"), area=("area", "sum"),
                positive=("positive", "sum"),
            )  # fmt: skip
            out["mean_time_weighted"], out["coverage"] = out["area"] / out["covered_s"], out["covered_s"] / width
            rows[level] += len(out)
    return {"rows": rows, "cpu_s": cpu_s() - began}


def late_day(home: str, inbox: str) -> dict[str, Any]:
    """Land one late day of one asset and build."""
    return land_and_build(home, inbox)


def _late_file(folder: Path, number: int) -> Path:
    """A day of ten-minute values of the first meter, half a minute off its own stamps, inside its history."""
    path = folder / f"late{number}" / "m000" / "com_ap.csv"
    path.parent.mkdir(parents=True)
    day = f"2020-01-{20 + number}"
    lines = [f"{day} {m // 60:02d}:{m % 60:02d}:30,0.5" for m in range(0, 1440, 10)]
    path.write_text("ts,com_ap\n" + "\n".join(lines) + "\n")
    return folder / f"late{number}"


def measure(scale: str) -> list[dict[str, object]]:
    """CSV to levels beside pandas at two sizes, and a late day at both."""
    start = _house(1_440)
    small, large = (_house(points) for points in POINTS[scale])
    source = values()[1]
    found: list[dict[str, object]] = []
    for points, house in zip(POINTS[scale], (small, large), strict=True):
        work = house["land"] + house["build"] - start["land"] - start["build"]
        found.append(
            {
                "name": f"CSV of {points:,} points to four published levels beside pandas",
                "ours": work,
                "peer": house["pandas_s"],
                "ratio": work / house["pandas_s"],
                "target": 1.0,
                "unit": "s CPU",
                "data": f"minute values of {source}",
                "limit_note": f"ours beyond start-up: land {house['land'] - start['land']:.1f} s, build "
                f"{house['build'] - start['build']:.1f} s with all marts, dbt tests, Great Expectations and Iceberg "
                f"copies; start-up apart {start['land'] + start['build']:.1f} s; peak "
                f"{house['peak_bytes'] / 2**30:.2f} GiB (limit 4), pandas {house['pandas_bytes'] / 2**30:.2f} GiB",
            }
        )
        late, fixed = house["late"], start["late"]
        copied = late["steps"].get("copy published marts", 0.0)
        steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in late["steps"].items())
        found.append(
            {
                "name": f"one late day of one asset in {points:,} points, beyond start-up",
                "ours": late["land"] + late["build"] - fixed["land"] - fixed["build"],
                "peer": None,
                "ratio": None,
                "target": "2 s",
                "unit": "s CPU",
                "data": "the same",
                "limit_note": f"start-up apart {fixed['land'] + fixed['build']:.1f} s (the same in a house of one "
                f"day); copy of the marts file {copied:.1f} s wall; steps, s wall: {steps}",
            }
        )
    return found


def _house(points: int) -> dict[str, Any]:
    """Measures of a house of so many points, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="wattlake-build-"))
    try:
        home, made = make_home(folder, points)
        peer = measured("benchmarks.build:with_pandas", folder / "in")
        if points > 1_440:
            same = {level: made["rows"][level] for level in ("lod_5min", "lod_15min", "lod_1h")}
            assert same == {level: peer.result["rows"][level] for level in same}, (
                "both sides must make the same buckets"
            )
        # The first late day pays for caches that later ones find.
        late = [measured("benchmarks.build:late_day", home, _late_file(folder, n)).result for n in (0, 1)][-1]
    finally:
        shutil.rmtree(folder)
    return {**made, "pandas_s": peer.result["cpu_s"], "pandas_bytes": peer.peak_bytes, "late": late}
