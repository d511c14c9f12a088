"""Large inputs by tiling a recorded minute file: real values, real digits, made-up length."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from benchmarks.lake import FIRST_S, values
from ingest.time.local_time import to_wall

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "data" / "meter" / "p1mon" / "p1mon_minute.csv"
ZONE = "Europe/Berlin"
#: 2020-01-01 00:00 in UTC; a minute file of a million rows spans nearly two years, four changes of the clocks.
FIRST_MINUTE = 26_297_280
MINUTE_US = 60_000_000
#: Day of the first late file.
FIRST_LATE_DAY = date(2020, 1, 20)
#: Points of one meter, which has one file.
POINTS_A_SIGNAL = 1_000_000


def tile_meters(folder: Path, rows: int, signals: int) -> list[Path]:
    """Write minute files in the reference layout, two signals a meter, one file a signal.

    Args:
        folder: takes `m000/com_ap.csv`, `m000/pos_ae.csv`, `m001/…`.
        rows: minutes a signal; stamps are wall-clock readings of Europe/Berlin, so autumn repeats an hour.
        signals: files to write.

    Returns:
        The files in the order of their paths.
    """
    recorded = pacsv.read_csv(RECORDED)
    power = recorded["ACT_VERBR_KW_170"].cast(pa.float64()).to_numpy()
    steps = np.diff(recorded["VERBR_KWH_181"].cast(pa.float64()).to_numpy(), prepend=np.nan).clip(0, 1)
    steps[0] = 0
    wall = to_wall((FIRST_MINUTE + np.arange(rows, dtype=np.int64)) * MINUTE_US, ZONE)
    stamps = pc.strftime(pa.array(wall // 1_000_000, pa.timestamp("s")), "%Y-%m-%d %H:%M:%S")
    paths = []
    for number in range(signals):
        at = (np.arange(rows) + 997 * number) % len(power)
        name = ("com_ap", "pos_ae")[number % 2]
        values = power[at].round(4) if name == "com_ap" else (15_000 + np.cumsum(steps[at])).round(3)
        path = folder / f"m{number // 2:03d}" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        pacsv.write_csv(pa.table({"ts": stamps, name: values}), path, pacsv.WriteOptions(quoting_style="none"))
        paths.append(path)
    return sorted(paths)


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


def write_late_day(folder: Path, number: int) -> Path:
    """A day of ten-minute values of the first meter, half a minute off its own stamps, inside its history.

    Args:
        folder: takes a folder of its own for each number.
        number: from 0 to 599; each is another day.
    """
    path = folder / f"late{number:04d}" / "m000" / "com_ap.csv"
    path.parent.mkdir(parents=True)
    day = FIRST_LATE_DAY + timedelta(days=number)
    lines = [f"{day} {minute // 60:02d}:{minute % 60:02d}:30,0.5" for minute in range(0, 1440, 10)]
    path.write_text("ts,com_ap\n" + "\n".join(lines) + "\n")
    return path.parents[1]
