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
from flows.transform import build
from ingest.registry import contracts
from ingest.simulate.fleet import simulate_fleet
from ingest.simulate.fleet.tables import tables
from lakehouse import build as building
from lakehouse.catalog import open_catalog
from lakehouse.publish import open_marts
from lakehouse.settings import Settings
from lakehouse.staging import Staging
from lakehouse.writer import merge

#: Batteries and days by scale; ERCOT had about 340 batteries in 2026.
FLEETS = {"small": (340, 28), "full": (340, 365)}
FIRST_DAY = date(2026, 1, 1)
#: Days that are simulated at once, so that a year needs no more memory than a week, and days of a landing.
CHUNK_DAYS, LANDING_DAYS = 7, 28
#: Models that make revenue of raw rows, by how their names begin.
MODELS = (
    "int_bess",
    "int_market",
    "int_price",
    "int_as_price",
    "iso_prices",
    "as_prices",
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
        rows = measured("benchmarks.revenue:land_fleet", folder / "home", batteries, days).result
        cost = measured("benchmarks.revenue:build_revenue", folder / "home", batteries, days)
        late = measured("benchmarks.revenue:build_late_day", folder / "home", batteries, days)
    finally:
        shutil.rmtree(folder)
    found, what = cost.result, f"{batteries} batteries, {days} days, {rows:,} raw rows"
    return [
        _row(f"raw rows to monthly revenue: {what}", cost.cpu_s, None, "s CPU",
             f"build of a house of nothing else, checks and Iceberg copies included; wall {cost.wall_s:.1f} s, peak "
             f"{cost.peak_bytes / 2**30:.2f} GiB"),
        _row("raw rows a second of the build", rows / cost.wall_s, None, "rows/s", "wall clock"),
        _row("raw rows a second of DuckDB", rows / found["models_s"], None, "rows/s",
             "execution times of the models of prices and revenue in dbt's run_results"),
        _row("DuckDB's part of the build: models", 100 * found["models_s"] / cost.wall_s, None, "% of wall", what),
        _row("DuckDB's part of the build: tests", 100 * found["tests_s"] / cost.wall_s, None, "% of wall", what),
        _row("one late day of one battery", late.cpu_s, None, "s CPU",
             f"wall {late.wall_s:.1f} s; into {what}; models {late.result['models_s']:.1f} s"),
    ]  # fmt: skip


def _row(name: str, ours: float, peer: float | None, unit: str, note: str) -> dict[str, Any]:
    return {"name": name, "ours": round(ours, 2), "peer": peer, "ratio": None, "unit": unit, "limit_note": note,
            "data": "simulated fleet (SIM_…), five-minute telemetry"}  # fmt: skip


def _parts(batteries: int, days: int) -> Iterator[dict[str, pa.Table]]:
    for start in range(0, days, CHUNK_DAYS):
        length = min(CHUNK_DAYS, days - start)
        yield tables(simulate_fleet(FIRST_DAY + timedelta(days=start), length, batteries, faults=False))


def land_fleet(home: str, batteries: int, days: int) -> int:
    """Land the fleet's rows, one commit a table every four weeks; gives how many rows there are."""
    settings = Settings(home=Path(home), threads=2)
    rows, staged, staging = 0, 0, _staging(settings)
    for number, part in enumerate(_parts(batteries, days)):
        for contract in contracts():
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
    for contract in contracts():
        if contract.name != "assets" and staging.files(contract):
            merge(settings, open_catalog(settings), contract, staging, properties=properties)


def build_revenue(home: str, batteries: int, days: int) -> dict[str, float]:
    """Build, and say what dbt's nodes took: `models_s`, `tests_s`."""
    spent = {"models_s": 0.0, "tests_s": 0.0}
    run_dbt = building.run_dbt

    def watched(*given: Any, **named: Any) -> Any:
        nodes = run_dbt(*given, **named)
        for node in nodes:
            if node.resource == "model" and node.name.startswith(MODELS):
                spent["models_s"] += node.seconds
            elif node.resource == "test":
                spent["tests_s"] += node.seconds
        return nodes

    building.run_dbt = watched
    try:
        settings = Settings(home=Path(home), threads=2)
        assert build(settings).built
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
    contract = next(contract for contract in contracts() if contract.name == name)
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
    return build_revenue(home, batteries, days)


if __name__ == "__main__":
    import json
    import sys

    for row in measure(sys.argv[1] if len(sys.argv) > 1 else "small"):
        print(json.dumps(row))
