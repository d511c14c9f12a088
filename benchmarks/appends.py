"""Many small landings: what an append, a plan and the metadata cost as they grow, and after maintenance.

Ours: a landing of 10 signals with one sample each through the writer (compare with what is stored, sort, commit).
Peer: `Table.append` of pyiceberg with the same rows into a plain table, which compares nothing. CPU time (user and
system) is compared, because it does not depend on who else uses the machine.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakehouse.catalog import open_catalog
from lakehouse.contract import observations
from lakehouse.settings import Settings
from lakehouse.writing.staging import Staging
from lakehouse.writing.writer import merge
from tests.support.house import maintain

if TYPE_CHECKING:
    from pyiceberg.table import Table

#: Landings by scale; at one landing in 5 minutes 300 are a day and an hour.
LANDINGS = {"small": 40, "full": 300}
#: Appends at the beginning and at the end of which the median is taken.
MEASURED = 10
CONTRACT = observations("probe", "Ten signals that come every 5 minutes.")
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def measure(scale: str) -> list[dict[str, Any]]:
    """Rows of the benchmark table.

    Args:
        scale: 'small' or 'full'.

    Returns:
        {name, ours, peer, ratio, unit, note} by measure; peer and ratio are None where there is no peer.
    """
    count = LANDINGS[scale]
    with tempfile.TemporaryDirectory(prefix="wattlake-appends-") as folder:
        settings = Settings(home=Path(folder) / "home", threads=2, snapshot_days=0)
        catalog = open_catalog(settings)
        peer = catalog.create_table("raw.peer", CONTRACT.arrow_schema)
        ours = [_cpu_ms(_lander(settings, _rows(number))) for number in range(count)]
        theirs = [_cpu_ms(_appender(peer, _rows(number))) for number in range(count)]
        table = catalog.load_table(("raw", CONTRACT.name))
        plans = [_plan_ms(table), _plan_ms(peer)]
        metadata = [_metadata_bytes(table), _metadata_bytes(peer)]
        maintain(settings, tables=[f"raw.{CONTRACT.name}"], sweep=True, older_than=timedelta(0))
        table.refresh()
        after = [_cpu_ms(_lander(settings, _rows(count + number))) for number in range(MEASURED)]
        note = f"{count} landings of 10 rows"
        return [
            _row("append, first", _median(ours[:MEASURED]), _median(theirs[:MEASURED]), "ms CPU", "empty table"),
            _row("append, last", _median(ours[-MEASURED:]), _median(theirs[-MEASURED:]), "ms CPU", note),
            _row("append after maintenance", _median(after), None, "ms CPU", note),
            _row("plan of a scan", plans[0], plans[1], "ms CPU", note),
            _row("plan of a scan after maintenance", _plan_ms(table), None, "ms CPU", note),
            _row("metadata", metadata[0], metadata[1], "bytes", note),
            _row("metadata after maintenance", _metadata_bytes(table), None, "bytes", note),
        ]


def _row(name: str, ours: float, peer: float | None, unit: str, note: str) -> dict[str, Any]:
    ratio = round(ours / peer, 2) if peer else None
    return {"name": name, "ours": ours, "peer": peer, "ratio": ratio, "unit": unit, "note": note}


def _rows(number: int) -> pa.Table:
    """One sample of each of ten signals."""
    sample = {"asset_id": "house", "ts": FIRST + timedelta(minutes=5 * number), "interval_end": None,
              "value": float(number), "value_exact": None, "text": None, "source_object": "0" * 64}  # fmt: skip
    rows = [{**sample, "signal": f"signal_{line}", "line": line} for line in range(10)]
    return pa.Table.from_pylist(rows, schema=CONTRACT.arrow_schema)


def _lander(settings: Settings, rows: pa.Table) -> Callable[[], object]:
    def land() -> None:
        staging = Staging(settings.temporary("land", uuid.uuid4().hex))
        staging.add(CONTRACT, 0, rows)
        properties = {"wattlake.run": uuid.uuid4().hex, "wattlake.source": "probe", "wattlake.objects": "0" * 64}
        merge(settings, open_catalog(settings), CONTRACT, staging, properties=properties)

    return land


def _appender(table: Table, rows: pa.Table) -> Callable[[], object]:
    return lambda: table.append(rows)


def _cpu_ms(work: Callable[[], object]) -> float:
    before = os.times()
    work()
    after = os.times()
    return 1000 * (after.user + after.system - before.user - before.system)


def _plan_ms(table: Table) -> float:
    return round(_median([_cpu_ms(lambda: list(table.scan().plan_files())) for _ in range(MEASURED)]), 1)


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 1)


def _metadata_bytes(table: Table) -> int:
    return sum(path.stat().st_size for path in Path(f"{table.location()}/metadata").iterdir())


if __name__ == "__main__":
    import json
    import sys

    for row in measure(sys.argv[1] if len(sys.argv) > 1 else "small"):
        print(json.dumps(row))
