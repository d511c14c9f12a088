"""The changes that a build has to work off: what the commits since the last published pins touched, as each table's
contract says it (`Contract.touches`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.catalog import RAW
from lakehouse.contract import ASSETS, SIGNALS, Contract
from lakehouse.engine import identifier
from lakehouse.marts.reads import SCANS, Range, Scan, days, disjoint, scans_of
from lakehouse.observations.reach import DAY, EPOCH, LISTED_ASSETS, ChangedSamples, changed_spans
from lakehouse.pins import Touched, touched_since

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

#: Ranges of mart rows that are told apart.
REBUILT_RANGES = 64

TABLES_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("table_name", "key_1", "key_2")),
        *((name, pa.date32()) for name in ("first_day", "last_day")),
        ("reach_days", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Changes:
    """The changes that a build has to work off.

    Args:
        everything: whether all marts are rebuilt.
        spans: Parquet file of spans of observations (`reach.SPANS_SCHEMA`).
        days: Parquet file of the calendar (time_zone, local_date, day_start, day_end).
        tables: Parquet file of the changes in tables that touch the days of keys: (table_name, key_1, key_2, first_day,
            last_day, reach_days), with the values of the contract's touch columns, and UTC days, inclusive. Without
            rows where everything is rebuilt.
        count: number of spans.
        assets: the changed assets, sorted.
        scans: what is read of observations, disjoint.
        table_ranges: what is read of tables that touch the days of keys, disjoint: every table at the days around those
            that changed in any of them, because models join them. Unless everything is rebuilt: then all of them.
        rebuilt: ranges of mart rows that may change, disjoint.
        names: raw tables that changed; empty where everything is rebuilt.
    """

    everything: bool
    spans: Path
    days: Path
    tables: Path
    count: int
    assets: tuple[str, ...]
    scans: tuple[Scan, ...]
    table_ranges: tuple[Range, ...]
    rebuilt: tuple[Range, ...]
    names: tuple[str, ...]

    @property
    def rebuild_from(self) -> datetime | None:
        """First instant of the mart rows that may change; None where they are not bounded."""
        return self.rebuilt[0].start if self.rebuilt else None

    @property
    def rebuild_to(self) -> datetime | None:
        """End of the mart rows that may change; None where they are not bounded."""
        return self.rebuilt[-1].end if self.rebuilt else None


def changes_in(
    spans: Path, days_file: Path, tables: Path, names: Sequence[str] = (), *, everything: bool = False
) -> Changes:
    """The changes that files describe.

    Args:
        spans, days_file, tables: see `Changes`.
        names: raw tables that changed.
        everything: whether all marts are rebuilt.
    """
    columns = pq.read_table(spans, columns=["asset_id", "rebuild_from", "rebuild_to"])
    whole_days = columns.select(["rebuild_from", "rebuild_to"]).group_by(["rebuild_from", "rebuild_to"]).aggregate([])
    of_spans = [Range(row["rebuild_from"], row["rebuild_to"]) for row in whole_days.to_pylist()]
    changed_days = pq.read_table(tables, columns=["first_day", "last_day", "reach_days"]).to_pylist()
    of_tables = [days(row["first_day"], row["last_day"], row["reach_days"]) for row in changed_days]
    return Changes(
        everything=everything,
        spans=spans,
        days=days_file,
        tables=tables,
        count=columns.num_rows,
        assets=tuple(sorted(pc.unique(columns["asset_id"]).to_pylist())),
        scans=scans_of(spans) if columns.num_rows else (),
        table_ranges=disjoint(of_tables, SCANS),
        rebuilt=disjoint([*of_spans, *of_tables], REBUILT_RANGES),
        names=tuple(names),
    )


def listed_assets(changes: Changes) -> tuple[str, ...] | None:
    """The changed assets, if a list of them narrows what is read; None means that every asset is read."""
    return changes.assets if not changes.everything and len(changes.assets) <= LISTED_ASSETS else None


def touched_by_table(
    catalog: Catalog, contracts: Iterable[Contract], published: Mapping[str, int | None]
) -> dict[str, list[Touched]] | None:
    """Keys and days that landed after the published pins, by table; None if unknown, so that all must be rebuilt."""
    from pyiceberg.exceptions import NoSuchTableError

    found: dict[str, list[Touched]] = {}
    for contract in contracts:
        try:
            table = catalog.load_table((RAW, contract.name))
        except NoSuchTableError:
            continue
        touched = touched_since(table, published.get(contract.name))
        if touched is None:
            return None
        found[contract.name] = list(touched)
    return found


def undeclared(connection: duckdb.DuckDBPyConnection, touched: Mapping[str, list[Touched]]) -> bool:
    """Whether an asset or a signal of the published build is no longer declared, as after a layout was mended.

    Its rows in marts are outside of every declared span, so everything is rebuilt.
    """
    for contract in (ASSETS, SIGNALS):
        keys = {key for commit in touched.get(contract.name, []) for key in commit}
        declared = connection.execute(f"SELECT {', '.join(contract.key)} FROM raw.{contract.name}").fetchall()
        if not keys <= set(declared):
            return True
    return False


def find_changes(
    connection: duckdb.DuckDBPyConnection,
    contracts: Iterable[Contract],
    touched: Mapping[str, list[Touched]] | None,
    folder: Path,
    *,
    emptied: bool = False,
) -> Changes | None:
    """Turn touched keys into changes.

    Args:
        connection: a session with the pinned views raw.<table> in the attached database `raw`.
        contracts: raw tables.
        touched: from `touched_by_table`; None rebuilds everything.
        folder: gets the Parquet files.
        emptied: whether raw tables without any rows are a change.

    Returns:
        None where nothing has changed.
    """
    of: dict[str, list[Contract]] = {}
    for contract in contracts:
        of.setdefault(contract.touches, []).append(contract)
    spans, calendar, tables = (folder / f"{name}.parquet" for name in ("changed_spans", "local_days", "changed_tables"))
    samples = [contract.name for contract in of.get("asset_days", [])]
    found, local_days = changed_spans(connection, samples, None if touched is None else _samples(of, touched))
    pq.write_table(found, spans)
    pq.write_table(local_days, calendar)
    key_days = of.get("key_days", [])
    rows = [] if touched is None else list(_key_days(key_days, touched))
    pq.write_table(pa.Table.from_pylist(rows, schema=TABLES_SCHEMA), tables)
    names = sorted(name for name, commits in (touched or {}).items() if commits)
    unbounded = [*key_days, *of.get("whole", [])] if touched is None else []
    some = rows or names or any(_has_rows(connection, contract) for contract in unbounded)
    if not found.num_rows and not some and not emptied:
        return None
    return changes_in(spans, calendar, tables, names, everything=touched is None)


def _samples(of: Mapping[str, list[Contract]], touched: Mapping[str, list[Touched]]) -> ChangedSamples:
    """What changed of observations and of their declarations."""
    runs = [
        (key[0], key[1], first, last)
        for contract in of.get("asset_days", [])
        for commit in touched.get(contract.name, [])
        for key, days_of_key in commit.items()
        for first, last in days_of_key or []
    ]
    declared = [
        (key[0], key[1] if len(key) > 1 else None)
        for contract in of.get("assets", [])
        for commit in touched.get(contract.name, [])
        for key in commit
    ]
    return ChangedSamples(runs, declared)


def _key_days(contracts: Iterable[Contract], touched: Mapping[str, list[Touched]]) -> Iterator[dict[str, Any]]:
    for contract in contracts:
        for commit in touched.get(contract.name, []):
            for key, runs in commit.items():
                names = (*key, None, None)[:2]
                for first, last in runs or []:
                    yield {
                        "table_name": contract.name, "key_1": names[0], "key_2": names[1],
                        "first_day": (EPOCH + first * DAY).date(), "last_day": (EPOCH + last * DAY).date(),
                        "reach_days": contract.reach_days,
                    }  # fmt: skip


def _has_rows(connection: duckdb.DuckDBPyConnection, contract: Contract) -> bool:
    return connection.execute(f"SELECT 1 FROM raw.{identifier(contract.name)} LIMIT 1").fetchone() is not None
