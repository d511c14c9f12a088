"""A simulated fleet of ERCOT batteries, from raw rows to what each earned a month.

Rows go straight into the raw tables (`ingest.simulate.fleet.tables`): reading documents is measured by `disclosure`.
Each quarter of an hour of each battery must be in the result, or nothing is measured.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.child import measured
from benchmarks.costs import row
from ingest.registry import registry
from ingest.simulate.fleet import simulate_fleet
from ingest.simulate.fleet.tables import tables
from lakehouse.catalog import open_catalog
from lakehouse.marts import build as building
from lakehouse.marts.build import build
from lakehouse.marts.published import open_marts
from lakehouse.settings import Settings
from lakehouse.writing.staging import Staging
from lakehouse.writing.writer import merge

#: Batteries and days by scale; ERCOT had about 340 batteries in 2026.
FLEETS = {"small": (340, 84), "full": (340, 365)}
#: So many days are built first: what a row costs in a long history is compared with what it costs in these.
FIRST_DAYS = 28
FIRST_DAY = date(2026, 1, 1)
#: Days that are simulated at once, so that a year needs no more memory than a week, and days of a landing.
CHUNK_DAYS, LANDING_DAYS = 7, 28
DATA = "simulated fleet (SIM_…), five-minute telemetry"
#: What a part of the wall clock means here.
THREADS = "added up over dbt's two threads: 200 % would be both at work all the time"
#: Models that make revenue of raw rows, by how their names begin.
MODELS = (
    "int_bess",
    "int_market",
    "int_price",
    "int_as_price",
    "iso_prices",
    "as_prices",
    "market_findings",
    "bess_dam",
    "bess_revenue",
    "bess_soc",
)


def measure(scale: str) -> list[dict[str, Any]]:
    """Raw rows to monthly revenue: time, rows a second, and the part of it that DuckDB works.

    Args:
        scale: a key of `FLEETS`.
    """
    batteries, days = FLEETS[scale]
    folder = Path(tempfile.mkdtemp(prefix="wattlake-revenue-"))
    try:
        home = folder / "home"
        landed = [measured("benchmarks.revenue:land_fleet", home, batteries, 0, FIRST_DAYS)]
        month = measured("benchmarks.revenue:build_revenue", home, batteries, FIRST_DAYS)
        landed.append(measured("benchmarks.revenue:land_fleet", home, batteries, FIRST_DAYS, days))
        cost = measured("benchmarks.revenue:build_revenue", home, batteries, days)
        late = measured("benchmarks.revenue:build_late_day", home, batteries, days)
    finally:
        shutil.rmtree(folder)
    few, rows = landed[0].result, landed[0].result + landed[1].result
    found, what = cost.result, f"{batteries} batteries, {days} days, {rows:,} raw rows"
    return [
        _row(f"raw rows to monthly revenue: {what}", cost.cpu_s, "s CPU",
             f"build of everything in a house of nothing else, {found['runs']} runs of dbt, checks and Iceberg copies "
             f"included; wall {cost.wall_s:.1f} s, peak {cost.peak_bytes / 2**30:.2f} GiB"),
        _row(f"the same of the first {FIRST_DAYS} days, {few:,} raw rows", month.cpu_s, "s CPU",
             f"{month.result['runs']} run of dbt; wall {month.wall_s:.1f} s, peak {month.peak_bytes / 2**30:.2f} GiB"),
        _row(f"a row of {days} days beside a row of {FIRST_DAYS}", cost.cpu_s / rows * few / month.cpu_s,
             "times the CPU", ""),
        _row("raw rows a second of the build", rows / cost.wall_s, "rows/s", "wall clock"),
        _row("raw rows a second of processor time", rows / cost.cpu_s, "rows/s", "all of the build"),
        _row("raw rows a second of DuckDB", rows / found["models_s"], "rows/s",
             "execution times of the models of prices and revenue"),
        _row("DuckDB's part of the build: models", 100 * found["models_s"] / cost.wall_s, "% of wall", THREADS),
        _row("DuckDB's part of the build: tests", 100 * found["tests_s"] / cost.wall_s, "% of wall", THREADS),
        {**row("one late day of one battery", late.cpu_s, "≤ 8",
               f"wall {late.wall_s:.1f} s; into {what}; models {late.result['models_s']:.1f} s"), "data": DATA},
        _row("apart: simulating and landing", sum(part.cpu_s for part in landed), "s CPU",
             f"peak {max(part.peak_bytes for part in landed) / 2**30:.2f} GiB"),
    ]  # fmt: skip


def _row(name: str, ours: float, unit: str, note: str) -> dict[str, Any]:
    return {"name": name, "ours": round(ours, 2), "peer": None, "ratio": None, "unit": unit, "limit_note": note,
            "data": DATA}  # fmt: skip


def _parts(batteries: int, begin: int, end: int) -> Iterator[dict[str, pa.Table]]:
    for start in range(begin, end, CHUNK_DAYS):
        length = min(CHUNK_DAYS, end - start)
        yield tables(simulate_fleet(FIRST_DAY + timedelta(days=start), length, batteries, faults=False))


def land_fleet(home: str, batteries: int, begin: int, end: int) -> int:
    """Land the fleet's rows of days since the first, `end` not included, one commit a table every four weeks.

    Returns:
        How many rows there are.
    """
    settings = Settings(home=Path(home), threads=2)
    rows, staged, staging = 0, 0, _staging(settings)
    for number, part in enumerate(_parts(batteries, begin, end)):
        for contract in registry().contracts:
            if contract.name in part:
                staging.add(contract, number, part[contract.name])
                rows += part[contract.name].num_rows
        staged += CHUNK_DAYS
        if staged % LANDING_DAYS == 0:
            _commit(settings, staging)
            staging = _staging(settings)
    _commit(settings, staging)
    return rows


def _staging(settings: Settings) -> Staging:
    return Staging(settings.temporary("land", uuid.uuid4().hex))


def _commit(settings: Settings, staging: Staging) -> None:
    properties = {"wattlake.run": uuid.uuid4().hex, "wattlake.source": "benchmark", "wattlake.objects": "0" * 64}
    for contract in registry().contracts:
        if contract.name != "assets" and staging.files(contract):
            merge(settings, open_catalog(settings), contract, staging, properties=properties)


def build_revenue(home: str, batteries: int, days: int, whole: bool = True) -> dict[str, float]:
    """Build everything, or what has landed since the last build.

    Returns:
        What dbt took: seconds of `models_s` and `tests_s`, and `runs`.
    """
    spent = {"models_s": 0.0, "tests_s": 0.0, "runs": 0}
    run_dbt = building.run_dbt

    def watched(*given: Any, **named: Any) -> Any:
        nodes = run_dbt(*given, **named)
        spent["runs"] += 1
        for node in nodes:
            if node.resource == "model" and node.name.startswith(MODELS):
                spent["models_s"] += node.seconds
            elif node.resource == "test":
                spent["tests_s"] += node.seconds
        return nodes

    building.run_dbt = watched
    try:
        settings = Settings(home=Path(home), threads=2)
        assert build(settings, registry().contracts, full_refresh=whole).built
    finally:
        building.run_dbt = run_dbt
    connection = open_marts(settings)
    try:
        counted = connection.execute("SELECT count(*) FROM marts.bess_revenue_15min").fetchone()
    finally:
        connection.close()
    first = simulate_fleet(FIRST_DAY, days, 1, faults=False)
    assert counted == (batteries * len(first.calendar.quarters),), counted
    return spent


def build_late_day(home: str, batteries: int, days: int) -> dict[str, float]:
    """Land one day of one battery again, published later and with other telemetry, and build."""
    settings = Settings(home=Path(home), threads=2)
    name = "ercot_sced_esr_resources"
    contract = next(contract for contract in registry().contracts if contract.name == name)
    rows = tables(simulate_fleet(FIRST_DAY + timedelta(days=days // 2), 1, 1, seed=8, faults=False))[name]
    later = pa.array(
        [moment + timedelta(days=30) for moment in rows["published_at"].to_pylist()], rows["published_at"].type
    )
    staging = _staging(settings)
    staging.add(
        contract,
        0,
        rows.set_column(rows.schema.get_field_index("published_at"), rows.schema.field("published_at"), later),
    )
    _commit(settings, staging)
    return build_revenue(home, batteries, days, whole=False)


if __name__ == "__main__":
    import json
    import sys

    for row in measure(sys.argv[1] if len(sys.argv) > 1 else "small"):
        print(json.dumps(row))
