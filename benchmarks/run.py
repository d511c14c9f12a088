"""Runs benchmarks and writes docs/benchmarks.md: a section each, peers measured in the same run.

A section that is not run keeps what an earlier run has written.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("costs", "landing", "growth", "levels", "appends", "planning", "disclosure", "revenue")
VERSIONS = ("duckdb", "pandas", "pyarrow", "pyiceberg", "dbt-core", "dbt-duckdb", "great-expectations")


#: Rows whose name is bold are those with a target; they are repeated at the head of the page.
HEADER = "| what | ours | peer | ratio | target | unit | limit |\n|---|---|---|---|---|---|---|"


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


def section(name: str, found: list[dict[str, object]], scale: str, before: str) -> str:
    """The rows of one benchmark in Markdown, with what they were measured on."""
    lines = [
        f"## {name}",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC at scale {scale}, commit {commit()}, on {before}; "
        f"Python {platform.python_version()}, {', '.join(f'{library} {version(library)}' for library in VERSIONS)}.",
        "",
        HEADER,
    ]
    for row in found:
        cells = [number(row.get(key)) for key in ("name", "ours", "peer", "ratio", "target", "unit", "limit_note")]
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    lines += [f"\nData: {data}." for data in dict.fromkeys(str(row["data"]) for row in found if row.get("data"))]
    return "\n".join(lines)


def page(sections: dict[str, str]) -> str:
    """The page in Markdown.

    Args:
        sections: benchmark → its section; one that is missing is named as not measured.
    """
    lines = [
        "# Benchmarks",
        "",
        "Written by `python -m benchmarks`. Ratio: ours / peer of the same run; smaller is better. Processor time",
        "(CPU) is user and system time of all processes; on a busy machine it is the figure to trust.",
        "",
        "## Targets",
        "",
        "Whole processes, start-up included. The sections below say when and on what each line was measured.",
        "",
        HEADER,
        *(line for name in MODULES if name in sections for line in sections[name].splitlines() if "| **" in line[:4]),
    ]
    found = [sections[name] for name in MODULES if name in sections]
    missing = [name for name in MODULES if name not in sections]
    if missing:
        found.append(f"Not measured: {', '.join(missing)}.")
    return "\n\n".join(["\n".join(lines), *found]) + "\n"


def sections_of(text: str) -> dict[str, str]:
    """The sections of a page that was written before."""
    parts = re.split(r"^## ", text.split("\nNot measured: ")[0], flags=re.MULTILINE)[1:]
    return {name: f"## {part.rstrip()}" for part in parts if (name := part.split("\n", 1)[0]) in MODULES}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scale", choices=["small", "full"], default="small", help="small: minutes; full: hours")
    parser.add_argument("--only", nargs="+", choices=MODULES, default=list(MODULES), help="benchmarks to run")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md", help="page to write")
    asked = parser.parse_args()
    sections = sections_of(asked.output.read_text()) if asked.output.exists() else {}
    for name in asked.only:
        print(f"… {name}", flush=True)
        before = machine()
        rows = importlib.import_module(f"benchmarks.{name}").measure(asked.scale)
        for row in rows:
            shown = (f"{key} {number(row.get(key))}" for key in ("ours", "peer", "ratio", "target"))
            print(f"  {row['name']}: {', '.join(shown)} {row['unit']}", flush=True)
        sections[name] = section(name, rows, asked.scale, before)
        asked.output.write_text(page(sections))
    print(f"wrote {asked.output}")
