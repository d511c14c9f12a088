"""Whether a late day costs the same in a large house, and after a thousand others; and what the whole house costs."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.child import measured
from benchmarks.costs import land_and_build, late_day_in_service, row, service
from benchmarks.lake import values
from benchmarks.tiles import write_late_day, write_meters
from ingest.registry import registry
from lakehouse.settings import Settings
from lakehouse.upkeep.maintain import maintain

#: Points of the usual, the middle and the large house.
POINTS = {"small": (100_000, 200_000, 400_000), "full": (10_000_000, 40_000_000, 160_000_000)}
#: Late days that a house lives through, each built, and how often it is maintained meanwhile.
LATE_DAYS = {"small": 6, "full": 1_000}
MAINTAINED_EVERY = 50
#: Late days that have a day of their own in the history of the first meter.
DAYS = 500


def live(home: str, folder: str, days: int) -> None:
    """Land and build late days one after another, with maintenance; the same days come again with other values."""
    settings = Settings(home=Path(home))
    for number in range(days):
        place = write_late_day(Path(folder) / f"round{number // DAYS}", 20 + number % DAYS)
        path = place / "m000" / "com_ap.csv"
        path.write_text(path.read_text().replace(",0.5\n", f",{1 + number // DAYS}.25\n"))
        service(home, [str(place)])
        if number % MAINTAINED_EVERY == MAINTAINED_EVERY - 1:
            maintain(settings, registry(), sweep=True)


def measure(scale: str) -> list[dict[str, Any]]:
    """A late day at three sizes and after many others: full takes two to three hours, most of it the many days."""
    folder = Path(tempfile.mkdtemp(prefix="wattlake-growth-"))
    found = []
    try:
        usual = 0.0
        for points in POINTS[scale]:
            place = folder / str(points)
            write_meters(place / "in", points)
            landed, built = land_and_build(place / "home", place / "in")
            late = late_day_in_service(place / "home", place, 0)
            usual = usual or late
            peaks = f"peaks {landed.peak_bytes / 2**30:.2f} and {built.peak_bytes / 2**30:.2f} GiB"
            found.append(
                row(f"full build of {points:,} points", built.cpu_s, None, f"land {landed.cpu_s:.1f}; {peaks}")
            )
            if late is not usual:
                note = f"ratio to {POINTS[scale][0]:,} points"
                found.append(row(f"late day in a home of {points:,} points", late, "≤ 1.25 x", note, usual))
                shutil.rmtree(place)
        place, days = folder / str(POINTS[scale][0]), LATE_DAYS[scale]
        measured("benchmarks.growth:live", place / "home", place, days)
        late = late_day_in_service(place / "home", place, 10)
        note = f"maintained every {MAINTAINED_EVERY}; ratio to the first"
        found.append(row(f"late day after {days:,} late days", late, "≤ 1.25 x", note, usual))
    finally:
        shutil.rmtree(folder)
    return [{**line, "data": f"minute values of {values()[1]}"} for line in found]
