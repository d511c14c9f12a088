"""A build whose data do not fit its memory works on disk."""

from __future__ import annotations

from pathlib import Path

from lakehouse.settings import Settings
from lakehouse.source import LandOptions
from tests.support.house import build, land, rows

POINTS_A_DAY = 86_400 // 2
DAYS = 14


def test_a_build_with_more_data_than_memory_works_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "in" / "m1" / "com_ap.csv"
    path.parent.mkdir(parents=True)
    lines = [
        f"2024-06-{d + 1:02d} {s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d},{(s * 7919 + d) % 100_003 / 1000:.3f}"
        for d in range(DAYS)
        for s in range(0, 86_400, 2)
    ]
    path.write_text("ts,com_ap\n" + "\n".join(lines) + "\n")
    settings = Settings(home=tmp_path / "home", threads=2, memory_limit="60MB")
    assert land(settings, "meter", [path], LandOptions()).ok
    assert build(settings).built
    assert rows(settings, "SELECT sum(n)::BIGINT FROM lod_1d") == [(DAYS * POINTS_A_DAY,)]
