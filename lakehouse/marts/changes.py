"""The changes that a build has to work off: local days of signals, and days of other tables, that changed since the
last published pins.

A sample reaches beyond its own instant. An instant value is carried forward for at most max_gap_s, an interval value
covers its whole interval. The energy of a counter's step depends on the steps around it: see `counter_context`. Changed
spans are whole local days of the asset, because days are the unit of rebuilding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.catalog import RAW
from lakehouse.contract import ASSETS, DEFAULT_MAX_POWER_KW, SIGNALS, Contract
from lakehouse.engine import quote
from lakehouse.observations.counter_context import counter_runs, reach
from lakehouse.observations.local_days import calendar
from lakehouse.pins import Touched, touched_since

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

#: Hours by which a local day of the calendar may begin before its first sample: the longest day has 25.
OLD_DAY_H = 25
#: Seconds that are read at least around a rebuilt span: hourly buckets may reach over local midnight.
READ_MARGIN_S = 86_400 + 3_600

#: Number of changed assets beyond which a list of them costs more than it prunes.
LISTED_ASSETS = 200

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Days that are read of other tables around their changed UTC days: the local days that these touch, and one more.
TABLE_MARGIN = 2 * DAY

_INSTANT = pa.timestamp("us", tz="UTC")
SPANS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("asset_id", "signal", "time_zone")),
        *((name, _INSTANT) for name in ("rebuild_from", "rebuild_to", "read_from", "read_to")),
    ]
)
TABLES_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("table_name", "key_1", "key_2")),
        *((name, pa.date32()) for name in ("first_day", "last_day")),
    ]
)


@dataclass(frozen=True)
class Changes:
    """The changes that a build has to work off.

    Args:
        everything: whether all marts are rebuilt.
        spans: Parquet file of (asset_id, signal, time_zone, rebuild_from, rebuild_to, read_from, read_to).
        days: Parquet file of the calendar (time_zone, local_date, day_start, day_end).
        tables: Parquet file of the changes in tables that hold no observations: (table_name, key_1, key_2, first_day,
            last_day), with the values of the contract's touch columns, and UTC days, inclusive. Without rows where
            everything is rebuilt.
        count: number of spans.
        read_from, read_to: overall range of samples that are read; None without spans.
        tables_from, tables_to: range that is read of the other tables; None where they are read whole.
        assets: the changed assets, sorted.
        rebuild_from, rebuild_to: overall range of the mart rows that may change; None where it is not bounded.
        names: raw tables that changed; empty where everything is rebuilt.
    """

    everything: bool
    spans: Path
    days: Path
    tables: Path
    count: int
    read_from: datetime | None
    read_to: datetime | None
    tables_from: datetime | None
    tables_to: datetime | None
    assets: tuple[str, ...]
    rebuild_from: datetime | None
    rebuild_to: datetime | None
    names: tuple[str, ...]


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
    observations: Iterable[Contract],
    touched: Mapping[str, list[Touched]] | None,
    folder: Path,
    others: Iterable[Contract] = (),
    *,
    emptied: bool = False,
) -> Changes | None:
    """Turn touched keys into spans to rebuild.

    Args:
        connection: a session with the pinned views raw.<table> in the attached database `raw`.
        observations: contracts of long observations (asset_id, signal, ts).
        touched: from `touched_by_table`; None rebuilds everything.
        folder: gets the Parquet files.
        others: contracts of other tables over time.
        emptied: whether raw tables without any rows are a change.

    Returns:
        None where nothing has changed.
    """
    spans, days, tables = (folder / f"{name}.parquet" for name in ("changed_spans", "local_days", "changed_tables"))
    count = _find_spans(connection, list(observations), touched, spans, days)
    rows = [] if touched is None else list(_changed_tables(others, touched))
    pq.write_table(pa.Table.from_pylist(rows, schema=TABLES_SCHEMA), tables)
    some = rows if touched is not None else any(_has_rows(connection, contract) for contract in others)
    names = tuple(sorted(name for name, commits in (touched or {}).items() if commits))
    if not count and not some and not emptied:
        return None
    columns = "min(rebuild_from), max(rebuild_to), min(read_from), max(read_to)"
    found = connection.execute(f"SELECT {columns} FROM read_parquet({quote(str(spans))})").fetchall()[0]
    assets = connection.execute(
        f"SELECT DISTINCT asset_id FROM read_parquet({quote(str(spans))}) ORDER BY 1"
    ).fetchall()
    first = last = None
    if rows:
        first = midnight(min(row["first_day"] for row in rows)) - TABLE_MARGIN
        last = midnight(max(row["last_day"] for row in rows)) + DAY + TABLE_MARGIN
    return Changes(
        everything=touched is None,
        spans=spans,
        days=days,
        tables=tables,
        count=count,
        read_from=found[2],
        read_to=found[3],
        tables_from=first,
        tables_to=last,
        assets=tuple(asset for (asset,) in assets),
        rebuild_from=min((at for at in (found[0], first) if at), default=None),
        rebuild_to=max((at for at in (found[1], last) if at), default=None),
        names=names,
    )


def _find_spans(
    connection: duckdb.DuckDBPyConnection,
    observations: list[Contract],
    touched: Mapping[str, list[Touched]] | None,
    spans: Path,
    days: Path,
) -> int:
    """Write the spans and their calendar; returns the number of spans."""
    calendar_rows = calendar([], EPOCH, EPOCH)
    _collect_samples(connection, observations, touched)
    _collect_touched(connection, touched, [contract.name for contract in observations])
    if _scalar(connection, "SELECT count(*) FROM touched"):
        _describe_signals(connection)
        _affected(connection)
        # Without any, what those rows mean has not been pinned with them; the next build finds both.
        if _scalar(connection, "SELECT count(*) FROM affected"):
            first, last = connection.execute("SELECT min(a0), max(a1) FROM affected").fetchall()[0]
            zones = [row[0] for row in connection.execute("SELECT DISTINCT time_zone FROM affected").fetchall()]
            calendar_rows = calendar(zones, first - DAY, last + DAY)
    pq.write_table(calendar_rows, days)
    if not calendar_rows.num_rows:
        pq.write_table(SPANS_SCHEMA.empty_table(), spans)
        return 0
    connection.register("local_days", calendar_rows)
    _spans(connection)
    pq.write_table(connection.execute("SELECT * FROM spans ORDER BY ALL").to_arrow_table(), spans)
    return _scalar(connection, "SELECT count(*) FROM spans")


def _changed_tables(others: Iterable[Contract], touched: Mapping[str, list[Touched]]) -> Iterator[dict[str, Any]]:
    for contract in others:
        for commit in touched.get(contract.name, []):
            for key, runs in commit.items():
                names = (*key, None, None)[:2]
                for first, last in runs or []:
                    yield {
                        "table_name": contract.name, "key_1": names[0], "key_2": names[1],
                        "first_day": (EPOCH + first * DAY).date(), "last_day": (EPOCH + last * DAY).date(),
                    }  # fmt: skip


def _has_rows(connection: duckdb.DuckDBPyConnection, contract: Contract) -> bool:
    return connection.execute(f"SELECT 1 FROM raw.{contract.name} LIMIT 1").fetchone() is not None


def midnight(day: date) -> datetime:
    """The instant at which a UTC day begins."""
    return datetime.combine(day, time(0), tzinfo=UTC)


def _scalar(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _collect_samples(
    connection: duckdb.DuckDBPyConnection, observations: list[Contract], touched: Mapping[str, list[Touched]] | None
) -> None:
    """`samples`: of the touched assets only, so that Iceberg opens no file and no row group of others."""
    assets = sorted({key[0] for commits in (touched or {}).values() for commit in commits for key in commit})
    where = ""
    if touched is not None and len(assets) <= LISTED_ASSETS:
        where = f" WHERE asset_id IN ({', '.join(quote(asset) for asset in assets) or 'NULL'})"
    union = " UNION ALL ".join(
        f"SELECT asset_id, signal, ts, interval_end, value_exact FROM raw.{contract.name}{where}"
        for contract in observations
    )
    connection.execute(f"CREATE TEMP VIEW samples AS {union}")


def _collect_touched(
    connection: duckdb.DuckDBPyConnection, touched: Mapping[str, list[Touched]] | None, names: list[str]
) -> None:
    """`touched(asset_id, signal, t0, t1)`: half-open ranges in which rows appeared, changed or disappeared."""
    connection.execute("CREATE TEMP TABLE touched (asset_id VARCHAR, signal VARCHAR, t0 TIMESTAMPTZ, t1 TIMESTAMPTZ)")
    history = "min(ts), max(ts) + INTERVAL 1 MICROSECOND FROM samples"
    if touched is None:
        connection.execute(f"INSERT INTO touched SELECT asset_id, signal, {history} GROUP BY ALL")
        return
    rows = [
        {"asset_id": key[0], "signal": key[1], "t0": EPOCH + first * DAY, "t1": EPOCH + (last + 1) * DAY}
        for name in names
        for commit in touched.get(name, [])
        for key, runs in commit.items()
        for first, last in runs or []
    ]
    instants = pa.timestamp("us", tz="UTC")
    schema = pa.schema([("asset_id", pa.string()), ("signal", pa.string()), ("t0", instants), ("t1", instants)])
    connection.register("touched_runs", pa.Table.from_pylist(rows, schema=schema))
    connection.execute("INSERT INTO touched SELECT DISTINCT * FROM touched_runs")
    # A changed declaration (unit, kind, zone, limit) changes every number that was computed with it.
    redeclared = [{"asset_id": key[0], "signal": None} for commit in touched.get(ASSETS.name, []) for key in commit]
    redeclared += [{"asset_id": key[0], "signal": key[1]} for commit in touched.get(SIGNALS.name, []) for key in commit]
    if redeclared:
        keys = pa.schema([("asset_id", pa.string()), ("signal", pa.string())])
        connection.register("redeclared", pa.Table.from_pylist(redeclared, schema=keys))
        connection.execute(
            f"""
            INSERT INTO touched
            SELECT asset_id, signal, min(ts) - INTERVAL {OLD_DAY_H} HOUR, max(ts) + INTERVAL 1 MICROSECOND FROM samples
            WHERE asset_id IN (SELECT asset_id FROM redeclared WHERE signal IS NULL)
               OR (asset_id, signal) IN (SELECT (asset_id, signal) FROM redeclared WHERE signal IS NOT NULL)
            GROUP BY ALL
            """
        )


def _describe_signals(connection: duckdb.DuckDBPyConnection) -> None:
    """`described`: the declarations of the touched signals; a signal and its pair change together."""
    connection.execute(
        """
        CREATE TEMP TABLE paired AS
        SELECT DISTINCT t.asset_id, other.signal, t.t0, t.t1
        FROM touched t
        JOIN raw.signals own ON own.asset_id = t.asset_id AND own.signal = t.signal
        JOIN raw.signals other ON other.asset_id = t.asset_id
            AND (other.pair_signal = t.signal OR own.pair_signal = other.signal)
        """
    )
    connection.execute("INSERT INTO touched SELECT * FROM paired")
    connection.execute(
        f"""
        CREATE TEMP TABLE described AS
        WITH longest AS (
            SELECT asset_id, signal, max(epoch(interval_end - ts)) AS interval_s
            FROM samples
            SEMI JOIN (SELECT asset_id, signal FROM raw.signals WHERE kind LIKE 'interval%') USING (asset_id, signal)
            SEMI JOIN touched USING (asset_id, signal)
            GROUP BY ALL
        )
        SELECT DISTINCT t.asset_id, t.signal, a.time_zone, s.kind, s.unit, s.max_gap_s,
            coalesce(a.max_power_kw, {DEFAULT_MAX_POWER_KW}) AS limit_kw,
            greatest(s.max_gap_s, coalesce(s.expected_interval_s, 0), coalesce(l.interval_s, 0)) AS reach_s
        FROM touched t
        JOIN raw.assets a USING (asset_id)
        JOIN raw.signals s USING (asset_id, signal)
        LEFT JOIN longest l USING (asset_id, signal)
        """
    )
    counter_runs(connection)


def _affected(connection: duckdb.DuckDBPyConnection) -> None:
    """`affected(…, a0, a1)`: ranges whose buckets may change."""
    reach(connection, "touched", "t0", "t1", "touched_reach")
    connection.execute(
        """
        CREATE TEMP TABLE affected AS
        SELECT t.asset_id, t.signal, d.time_zone, d.kind, d.reach_s,
            least(t.t0 - to_microseconds((d.reach_s * 1e6)::BIGINT), r.reach_from) AS a0,
            greatest(t.t1 + to_microseconds((d.reach_s * 1e6)::BIGINT), r.reach_to) AS a1
        FROM touched t
        JOIN described d USING (asset_id, signal)
        LEFT JOIN touched_reach r USING (asset_id, signal, t0, t1)
        """
    )


def _spans(connection: duckdb.DuckDBPyConnection) -> None:
    """`spans`: affected ranges rounded out to whole local days and merged, with the range to read for each."""
    connection.execute(
        """
        CREATE TEMP TABLE rounded AS
        WITH rounded AS (
            SELECT a.asset_id, a.signal, a.time_zone, a.kind, a.reach_s,
                f.day_start AS rebuild_from, l.day_end AS rebuild_to
            FROM affected a
            ASOF JOIN local_days f ON f.time_zone = a.time_zone AND f.day_start <= time_bucket(INTERVAL 1 HOUR, a.a0)
            ASOF JOIN local_days l ON l.time_zone = a.time_zone AND l.day_start <= a.a1
        ),
        marked AS (
            SELECT *, rebuild_from > max(rebuild_to) OVER (
                PARTITION BY asset_id, signal ORDER BY rebuild_from, rebuild_to
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS apart
            FROM rounded
        ),
        islands AS (
            SELECT *, sum(coalesce(apart, true)::INT) OVER (
                PARTITION BY asset_id, signal ORDER BY rebuild_from, rebuild_to
            ) AS island
            FROM marked
        )
        SELECT asset_id, signal, any_value(time_zone) AS time_zone, any_value(kind) AS kind,
            any_value(reach_s) AS reach_s, min(rebuild_from) AS rebuild_from, max(rebuild_to) AS rebuild_to
        FROM islands GROUP BY asset_id, signal, island
        """
    )
    reach(connection, "rounded", "rebuild_from", "rebuild_to", "rebuilt_reach")
    connection.execute(
        f"""
        CREATE TEMP TABLE spans AS
        WITH around AS (
            SELECT *, to_microseconds(((greatest(reach_s, 0) + {READ_MARGIN_S}) * 1e6)::BIGINT) AS margin FROM rounded
        )
        SELECT x.asset_id, x.signal, x.time_zone, x.rebuild_from, x.rebuild_to,
            least(x.rebuild_from - x.margin, r.reach_from) AS read_from,
            greatest(x.rebuild_to + x.margin, r.reach_to) AS read_to
        FROM around x
        LEFT JOIN rebuilt_reach r USING (asset_id, signal, rebuild_from, rebuild_to)
        """
    )
