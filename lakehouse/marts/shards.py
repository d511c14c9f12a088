"""Shards of a build: what changed is built in parts whose rows fit into memory, one after the other.

The memory of a build grows with the rows that it reads at once, and beyond the limit DuckDB spills them to disk. Shards
keep it level, however much has landed. Observations are cut into groups of assets, because an asset's signals are
joined day by day; an asset that is larger than a shard is cut into runs of its local days. Other tables are cut into
runs of UTC days.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from more_itertools import constrained_batches

from lakehouse.contract import Contract
from lakehouse.engine import identifier, quote
from lakehouse.marts.changes import TABLES_SCHEMA, Changes, changes_in
from lakehouse.marts.reads import Scan, select_scans
from lakehouse.observations.reach import DAY, READ_MARGIN_S, SPANS_SCHEMA, read_spans

#: Memory that a build takes for each sample that it reads: 10 million at a limit of 2 GB take 1.8 GiB.
SAMPLE_BYTES = 200
#: Memory for each row of other tables: the month of 340 batteries has 4 million and takes 2.6 GiB.
ROW_BYTES = 800
#: Rows below which it does not pay to start dbt once more, however small the memory.
FEWEST_SAMPLES, FEWEST_ROWS = 500_000, 100_000
#: Local days on each side of rebuilt ones that samples are read of: the margin, and a day for the other signals.
_DAYS_AROUND = -(-READ_MARGIN_S // 86_400)


@dataclass(frozen=True)
class AtOnce:
    """How much one shard reads.

    Args:
        samples: number of samples; a local day of an asset is never divided.
        rows: number of rows of tables that touch the days of keys; a UTC day is never divided.
    """

    samples: int
    rows: int


def fitting(memory_limit: str) -> AtOnce:
    """What fits into the memory that DuckDB may use (`Settings.memory_limit`)."""
    number, prefix, binary = re.findall(r"([\d.]+) ?([KMGT])(i?)B", memory_limit)[0]
    memory = float(number) * (1024 if binary else 1000) ** ("KMGT".index(prefix) + 1)
    return AtOnce(max(int(memory / SAMPLE_BYTES), FEWEST_SAMPLES), max(int(memory / ROW_BYTES), FEWEST_ROWS))


def shards(
    connection: duckdb.DuckDBPyConnection,
    contracts: Iterable[Contract],
    changes: Changes,
    folder: Path,
    at_once: AtOnce,
) -> list[Changes]:
    """Cut changes into shards, to be built one after the other; small changes are one shard.

    Args:
        connection: a session with the pinned views raw.<table> in the attached database `raw`.
        contracts: raw tables.
        changes: of the build.
        folder: gets Parquet files.
        at_once: rows that a shard reads.

    Returns:
        First the changes of observations and of all tables that are read whole, if there are any; then runs of UTC days
        of the other tables, oldest first.
    """
    contracts = list(contracts)
    samples = [contract.name for contract in contracts if contract.touches == "asset_days"]
    others = [contract for contract in contracts if contract.touches == "key_days"]
    parts = _of_samples(connection, samples, changes, at_once.samples)
    days = _rows_by_day(connection, others, changes)
    if len(parts) <= 1 and sum(days.values()) <= at_once.rows:
        return [changes]
    names = [name for name in changes.names if name not in {contract.name for contract in others}]
    no_tables = _write(folder / "no_tables" / changes.tables.name, TABLES_SCHEMA.empty_table())
    found = []
    for number, spans in enumerate(parts, start=1):
        path = _write(folder / f"samples_{number}" / changes.spans.name, spans)
        found.append(changes_in(path, changes.days, no_tables, names))
    no_spans = _write(folder / "no_spans" / changes.spans.name, SPANS_SCHEMA.empty_table())
    if not found and (changes.everything or names):
        found.append(changes_in(no_spans, changes.days, no_tables, names))
    rows = _everything(others, days) if changes.everything else pq.read_table(changes.tables).to_pylist()
    around = max((contract.reach_days for contract in others), default=0)
    for number, run in enumerate(_runs(days, _changed_days(rows, days, changes), around, at_once.rows), start=1):
        within = _clipped(rows, run[0], run[-1])
        tables = pa.Table.from_pylist(within, schema=TABLES_SCHEMA)
        path = _write(folder / f"tables_{number}" / changes.tables.name, tables)
        found.append(changes_in(no_spans, changes.days, path, sorted({row["table_name"] for row in within})))
    return found


def _of_samples(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[str], changes: Changes, at_once: int
) -> list[pa.Table]:
    """Spans of each part: groups of whole assets, and runs of local days of assets that are larger."""
    spans = pq.read_table(changes.spans)
    if not spans.num_rows:
        return []
    if not tables or _samples_at_most(connection, tables, changes) <= at_once:
        return [spans]
    counted = connection.execute(
        f"SELECT asset_id, count(*) FROM ({_scanned(tables, changes.scans)}) GROUP BY asset_id"
    ).fetchall()
    counts = dict(counted)
    found: list[pa.Table] = []
    sized = ((asset, counts.get(asset, 0)) for asset in changes.assets)
    for group in constrained_batches(sized, at_once, get_len=itemgetter(1), strict=False):
        own = _of_assets(spans, [asset for asset, _ in group])
        if group[0][1] > at_once:  # an asset that is larger than a part is alone in its group
            found += _of_local_days(connection, tables, changes, own, at_once)
        else:
            found.append(own)
    return found


def _samples_at_most(connection: duckdb.DuckDBPyConnection, tables: Sequence[str], changes: Changes) -> int:
    """The number of samples that are read, or of all that there are where Iceberg knows it and all are read."""
    counted = [f"SELECT count(*) AS n FROM raw.{identifier(table)}" for table in tables]
    if not changes.everything:
        counted = [f"SELECT count(*) AS n FROM ({_scanned(tables, changes.scans)})"]
    found = connection.execute(f"SELECT sum(n)::BIGINT FROM ({' UNION ALL '.join(counted)})").fetchall()
    return int(found[0][0] or 0)


def _scanned(tables: Sequence[str], scans: Sequence[Scan]) -> str:
    """SQL of asset and instant of all samples that are read."""
    return " UNION ALL ".join(
        f"SELECT asset_id, ts FROM ({select_scans(f'FROM raw.{identifier(table)}', 'ts', scans)})" for table in tables
    )


def _of_assets(spans: pa.Table, assets: Sequence[str]) -> pa.Table:
    return spans.filter(pc.is_in(spans["asset_id"], value_set=pa.array(assets, pa.string())))


def _of_local_days(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[str], changes: Changes, spans: pa.Table, at_once: int
) -> list[pa.Table]:
    """The spans of one asset, cut at local midnights, the same for all of its signals; whole where these lie inside of
    hours."""
    connection.register("own_spans", spans)
    asset = spans["asset_id"][0].as_py()
    own = [Scan(scan.within, frozenset({asset})) for scan in changes.scans if asset in (scan.assets or {asset})]
    days = connection.execute(
        f"""
        WITH days AS (
            SELECT local_date, day_start, day_end FROM read_parquet({quote(str(changes.days))})
            SEMI JOIN own_spans USING (time_zone)
        ),
        counted AS (
            SELECT days.local_date, count(*) AS n
            FROM ({_scanned(tables, own)}) s ASOF JOIN days ON s.ts >= days.day_start
            GROUP BY ALL
        )
        SELECT local_date, day_start, day_end, coalesce(n, 0),
            EXISTS (FROM own_spans WHERE rebuild_from <= day_start AND rebuild_to >= day_end)
        FROM days LEFT JOIN counted USING (local_date) ORDER BY day_start
        """
    ).fetchall()
    starts = {day: start for day, start, _, _, _ in days}
    if any(start.minute for start in starts.values()):
        return [spans]  # an hour that reaches over midnight is of one day, and its quarters of two
    ends = {day: end for day, _, end, _, _ in days}
    counts = {day: count for day, _, _, count, _ in days}
    changed = [day for day, _, _, _, is_rebuilt in days if is_rebuilt]
    runs = [
        {"part": part, "part_from": starts[run[0]], "part_to": ends[run[-1]]}
        for part, run in enumerate(_runs(counts, changed, _DAYS_AROUND, at_once))
    ]
    connection.register("runs", pa.Table.from_pylist(runs))
    clipped = connection.execute(
        """
        SELECT part, asset_id, signal, greatest(rebuild_from, part_from) AS rebuild_from,
            least(rebuild_to, part_to) AS rebuild_to
        FROM own_spans JOIN runs ON rebuild_from < part_to AND rebuild_to > part_from
        """
    ).to_arrow_table()
    # Once for all parts: to know how far counters reach, all of their samples are looked at.
    connection.register("read_spans", read_spans(connection, tables, clipped))
    return [
        connection.execute(
            f"""
            SELECT {", ".join(SPANS_SCHEMA.names)} FROM read_spans, runs
            WHERE part = {run["part"]} AND rebuild_from >= part_from AND rebuild_to <= part_to ORDER BY ALL
            """
        )
        .to_arrow_table()
        .cast(SPANS_SCHEMA)
        for run in runs
    ]


def _rows_by_day(
    connection: duckdb.DuckDBPyConnection, others: Sequence[Contract], changes: Changes
) -> dict[date, int]:
    """Number of rows that are read of all tables that touch the days of keys, by UTC day, in order."""
    if not others or not (changes.everything or changes.table_ranges):
        return {}
    stamps = []
    for contract in others:
        rows = f"SELECT {contract.time_column} AS ts FROM raw.{identifier(contract.name)}"
        if not changes.everything:
            rows = select_scans(rows, "ts", [Scan(within) for within in changes.table_ranges])
        stamps.append(rows)
    day = "DATE '1970-01-01' + (epoch_us(ts) // 86400000000)::INTEGER"
    counted = connection.execute(f"SELECT {day}, count(*) FROM ({' UNION ALL '.join(stamps)}) GROUP BY 1 ORDER BY 1")
    return dict(counted.fetchall())


def _everything(others: Sequence[Contract], days: Mapping[date, int]) -> list[dict[str, Any]]:
    """All days of all tables as changes."""
    if not days:
        return []
    return [
        {
            "table_name": contract.name, "key_1": None, "key_2": None, "first_day": min(days), "last_day": max(days),
            "reach_days": contract.reach_days,
        }
        for contract in others
    ]  # fmt: skip


def _changed_days(rows: Sequence[Mapping[str, Any]], counts: Mapping[date, int], changes: Changes) -> list[date]:
    """The days that are rebuilt, in order: those that changed, which may have lost their rows; or all with rows."""
    if changes.everything:
        return sorted(counts)
    spans = {(row["first_day"], row["last_day"]) for row in rows}
    return sorted({first + i * DAY for first, last in spans for i in range((last - first).days + 1)})


def _runs(counts: Mapping[date, int], changed: Sequence[date], around: int, at_once: int) -> Iterator[list[date]]:
    """Cut changed days into runs that read at most `at_once` rows, or of one day.

    Args:
        counts: rows by day.
        changed: days that are rebuilt, in order.
        around: days that are read on each side of one.
        at_once: rows that a run reads.
    """
    run: list[date] = []
    held = 0
    for day in changed:
        read = [day + i * DAY for i in range(-around, around + 1)]
        if run:
            more = sum(counts.get(one, 0) for one in read if one > run[-1] + around * DAY)
            if held + more <= at_once:
                run.append(day)
                held += more
                continue
            yield run
        run, held = [day], sum(counts.get(one, 0) for one in read)
    if run:
        yield run


def _clipped(rows: Iterable[Mapping[str, Any]], first: date, last: date) -> list[dict[str, Any]]:
    """The rows that lie in a run of days, cut to it."""
    return [
        {**row, "first_day": max(row["first_day"], first), "last_day": min(row["last_day"], last)}
        for row in rows
        if row["first_day"] <= last and row["last_day"] >= first
    ]


def _write(path: Path, rows: pa.Table) -> Path:
    path.parent.mkdir(exist_ok=True)
    pq.write_table(rows, path)
    return path
