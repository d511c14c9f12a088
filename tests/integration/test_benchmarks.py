"""The benchmark command runs, compares equal work, and writes its table. Timings are never asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_measures_ours_and_the_peer_and_writes_the_table(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(
        "# Benchmarks\n\n## Targets\n\n| **old** |\n\n## growth\n\n| **late day** | 1.0 |\n\n"
        "Not measured: levels, appends.\n"
    )
    command = [sys.executable, "-m", "benchmarks", "--scale", "small", "--only", "levels", "--output", str(page)]
    # It fails by itself where ours and the peer make different buckets.
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    text = page.read_text()
    rows = [line for line in text.split("## levels")[1].splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 2
    for row in rows:
        ours, peer, ratio = (float(cell) for cell in row.split(" | ")[1:4])
        assert ours > 0 and peer > 0 and abs(ratio - ours / peer) < 0.05
    assert "Not measured: costs, landing, appends" in text
    # What is not run stays; its rows with a target are at the head of the page, too.
    assert text.count("## growth") == 1 and text.count("| **late day** | 1.0 |") == 2 and "**old**" not in text
    assert "1,000,000 points" in text
