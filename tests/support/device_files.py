"""Small device files in the reference layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def write_signal(folder: Path, asset: str, signal: str, rows: Sequence[tuple[str, object]]) -> Path:
    """One file: `<folder>/<asset>/<signal>.csv`."""
    path = folder / asset / f"{signal}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"ts,{signal}\n" + "".join(f"{stamp},{value}\n" for stamp, value in rows))
    return path


def minutes(day: str, count: int, every: int = 15) -> list[str]:
    """Naive stamps from midnight of a day."""
    return [f"{day} {m // 60:02d}:{m % 60:02d}:00" for m in range(0, count * every, every)]
