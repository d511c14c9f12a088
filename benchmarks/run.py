"""Runs every benchmark and writes docs/benchmarks.md: one table, peers measured in the same run."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("landing", "levels", "build", "query", "appends")
VERSIONS = ("duckdb", "pandas", "pyarrow", "pyiceberg", "dbt-core", "dbt-duckdb", "great-expectations")


def machine() -> str:
    """Processor, cores, memory and how busy the machine is, in one sentence."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    model = found[1] if found else platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB; load of the last minute {os.getloadavg()[0]:.1f}"


def commit() -> str:
    """The commit that was measured."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "not a checkout"


def number(value: object) -> str:
    """A cell."""
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def page(rows: dict[str, list[dict[str, object]]], absent: list[str], scale: str, before: str) -> str:
    """The page in Markdown."""
    lines = [
        "# Benchmarks",
        "",
        f"Written by `python -m benchmarks --scale {scale}`. Ratio: ours / peer of the same run; smaller is better.",
        "Processor time (CPU) is user and system time of all processes; on a busy machine it is the figure to trust.",
        "",
        f"- machine: {before}",
        f"- date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}, Python {platform.python_version()}",
        f"- versions: {', '.join(f'{name} {version(name)}' for name in VERSIONS)}",
    ]
    lines += [f"- not measured: {name}" for name in absent]
    for module, found in rows.items():
        lines += [
            "",
            f"## {module}",
            "",
            "| what | ours | peer | ratio | target | unit | limit |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in found:
            cells = [number(row.get(key)) for key in ("name", "ours", "peer", "ratio", "target", "unit", "limit_note")]
            lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
        lines += [f"\nData: {data}." for data in dict.fromkeys(str(row["data"]) for row in found if row.get("data"))]
    return "\n".join(lines) + "\n"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scale", choices=["small", "full"], default="small", help="small: minutes; full: hours")
    parser.add_argument("--only", nargs="+", choices=MODULES, default=list(MODULES), help="benchmarks to run")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md", help="page to write")
    asked = parser.parse_args()
    before = machine()
    rows: dict[str, list[dict[str, object]]] = {}
    absent = [f"{name} (not asked for)" for name in MODULES if name not in asked.only]
    for name in asked.only:
        if importlib.util.find_spec(f"benchmarks.{name}") is None:
            absent.append(f"{name} (there is no benchmarks/{name}.py)")
            continue
        print(f"… {name}", flush=True)
        rows[name] = importlib.import_module(f"benchmarks.{name}").measure(asked.scale)
        for row in rows[name]:
            shown = (f"{key} {number(row.get(key))}" for key in ("ours", "peer", "ratio", "target"))
            print(f"  {row['name']}: {', '.join(shown)} {row['unit']}", flush=True)
    asked.output.write_text(page(rows, absent, asked.scale, before))
    print(f"wrote {asked.output}")
