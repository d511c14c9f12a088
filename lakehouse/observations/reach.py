"""How far samples reach: the local days that a change of samples rebuilds, and what is read to rebuild them.

A sample reaches beyond its own instant. An instant value is carried forward for at most max_gap_s, an interval value
covers its whole interval, and a power factor changes with the power it is paired with. The energy of a counter's step
depends on the steps around it: see `counter_context`. Spans are whole local days of the asset, because days are the
unit of rebuilding.

Assets are worked off in groups, so that memory does not grow with what has landed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter

import duckdb
import pyarrow as pa
from more_itertools import constrained_batches

from lakehouse.contract import DEFAULT_MAX_POWER_KW
from lakehouse.engine import identifier, quote
from lakehouse.observations.counter_context import counter_runs, reach
from lakehouse.observations.local_days import SCHEMA as DAYS_SCHEMA
from lakehouse.observations.local_days import calendar

#: Hours by which a local day of the calendar may begin before its first sample: the longest day has 25.
OLD_DAY_H = 25
#: Seconds that are read at least around a rebuilt span: hourly buckets may reach over local midnight.
READ_MARGIN_S = 86_400 + 3_600
#: Samples of a group of assets; one asset is never divided.
ROWS_AT_ONCE = 5_000_000
#: Number of assets beyond which a list of them costs more than it prunes.
LISTED_ASSETS = 200

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_INSTANT = pa.timestamp("us", tz="UTC")
SPANS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("asset_id", "signal", "time_zone")),
        *((name, _INSTANT) for name in ("rebuild_from", "rebuild_to", "read_from", "read_to")),
    ]
)
_TOUCHED_SCHEMA = pa.schema([("asset_id", pa.string()), ("signal", pa.string()), ("t0", _INSTANT), ("t1", _INSTANT)])


@dataclass(frozen=True)
class ChangedSamples:
    """What changed of observations.

    Args:
        days: (asset_id, signal, first, last): UTC days since 1970, inclusive, in which samples appeared, changed or
            disappeared.
        declared: (asset_id, signal), or (asset_id, None) for all signals, whose declarations changed: unit, kind, zone
            and limit are in every number that was computed with them.
    """

    days: Sequence[tuple[str, str, int, int]]
    declared: Sequence[tuple[str, str | None]] = ()

    @property
    def assets(self) -> list[str]:
        """The assets that they are of, in order."""
        return sorted({row[0] for row in self.days} | {row[0] for row in self.declared})


def changed_spans(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[str],
    changed: ChangedSamples | None,
    at_once: int = ROWS_AT_ONCE,
) -> tuple[pa.Table, pa.Table]:
    """Turn changed samples into spans to rebuild.

    Args:
        connection: a session with the pinned views raw.<table> in the attached database `raw`.
        tables: raw tables of observations.
        changed: None for all samples.
        at_once: samples that are looked at together, unless one asset has more.

    Returns:
        Spans of `SPANS_SCHEMA`, disjoint for each signal, in order, and the calendar of the local days that they lie
        in. Samples whose asset or signal is not declared have no spans: what they mean has not been pinned with them,
        and a later build finds both.
    """
    found: list[pa.Table] = []
    bounds: list[tuple[datetime, datetime]] = []
    zones: set[str] = set()
    for assets in asset_groups(connection, tables, None if changed is None else changed.assets, at_once):
        _collect_samples(connection, tables, assets)
        _collect_touched(connection, changed, assets)
        _describe_signals(connection)
        _affected(connection)
        for first, last, named in connection.execute(
            "SELECT min(a0), max(a1), list(DISTINCT time_zone) FROM affected HAVING count(*) > 0"
        ).fetchall():
            connection.register("local_days", calendar(named, first - DAY, last + DAY))
            _round_out(connection)
            found.append(_spans(connection))
            bounds.append((first, last))
            zones.update(named)
    if not found:
        return SPANS_SCHEMA.empty_table(), DAYS_SCHEMA.empty_table()
    first, last = min(first for first, _ in bounds), max(last for _, last in bounds)
    return pa.concat_tables(found), calendar(zones, first - DAY, last + DAY)


def read_spans(connection: duckdb.DuckDBPyConnection, tables: Sequence[str], rebuilt: pa.Table) -> pa.Table:
    """What is read to rebuild given local days.

    Args:
        connection: as for `changed_spans`.
        tables: raw tables of observations.
        rebuilt: (asset_id, signal, rebuild_from, rebuild_to), edges at local midnights, of few assets.

    Returns:
        Spans of `SPANS_SCHEMA` with these days.
    """
    assets = sorted(set(rebuilt["asset_id"].to_pylist()))
    connection.register("rebuilt", rebuilt.select(["asset_id", "signal", "rebuild_from", "rebuild_to"]))
    _collect_samples(connection, tables, assets)
    columns = "asset_id, signal, rebuild_from AS t0, rebuild_to AS t1"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE touched AS SELECT {columns} FROM rebuilt")
    _describe_signals(connection)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE rounded AS
        SELECT r.*, d.time_zone, d.kind, d.reach_s FROM rebuilt r JOIN described d USING (asset_id, signal)
        """
    )
    return _spans(connection)


def asset_groups(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[str], assets: Sequence[str] | None, at_once: int
) -> Iterator[list[str]]:
    """Cut assets, in order, into groups of at most `at_once` samples, or of one asset.

    Args:
        connection: as for `changed_spans`.
        tables: raw tables of observations.
        assets: in order; None for all that have samples.
        at_once: number of samples.
    """
    if assets is not None and len(assets) <= 1:
        yield from [list(assets)] if assets else []
        return
    counts = dict.fromkeys(assets or (), 0)
    within = "" if assets is None else f" WHERE {among(assets)}"
    ids = " UNION ALL ".join(f"SELECT asset_id FROM raw.{identifier(table)}{within}" for table in tables)
    for asset, count in connection.execute(f"SELECT asset_id, count(*) FROM ({ids}) GROUP BY 1 ORDER BY 1").fetchall():
        if assets is None or asset in counts:
            counts[asset] = count
    for group in constrained_batches(counts.items(), at_once, get_len=itemgetter(1), strict=False):
        yield [asset for asset, _ in group]


def among(assets: Sequence[str]) -> str:
    """SQL condition that prunes to some assets, which are in order: a list, or of many the range that they lie in."""
    if len(assets) > LISTED_ASSETS:
        return f"asset_id BETWEEN {quote(assets[0])} AND {quote(assets[-1])}"
    return f"asset_id IN ({', '.join(quote(asset) for asset in assets) or 'NULL'})"


def _collect_samples(connection: duckdb.DuckDBPyConnection, tables: Sequence[str], assets: Sequence[str]) -> None:
    """`samples`: of a group of assets only, so that Iceberg opens no file and no row group of others."""
    union = " UNION ALL ".join(
        f"SELECT asset_id, signal, ts, interval_end, value_exact FROM raw.{identifier(table)} WHERE {among(assets)}"
        for table in tables
    )
    connection.execute(f"CREATE OR REPLACE TEMP VIEW samples AS {union}")


def _collect_touched(
    connection: duckdb.DuckDBPyConnection, changed: ChangedSamples | None, assets: Sequence[str]
) -> None:
    """`touched(asset_id, signal, t0, t1)`: half-open ranges in which rows appeared, changed or disappeared."""
    history = "max(ts) + INTERVAL 1 MICROSECOND AS t1 FROM samples"
    if changed is None:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE touched AS SELECT asset_id, signal, min(ts) AS t0, {history} GROUP BY ALL"
        )
        return
    group = set(assets)
    rows = [
        {"asset_id": asset, "signal": signal, "t0": EPOCH + first * DAY, "t1": EPOCH + (last + 1) * DAY}
        for asset, signal, first, last in changed.days
        if asset in group
    ]
    connection.register("touched_runs", pa.Table.from_pylist(rows, schema=_TOUCHED_SCHEMA))
    connection.execute("CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT * FROM touched_runs")
    redeclared = [{"asset_id": asset, "signal": signal} for asset, signal in changed.declared if asset in group]
    if redeclared:
        keys = pa.schema([("asset_id", pa.string()), ("signal", pa.string())])
        connection.register("redeclared", pa.Table.from_pylist(redeclared, schema=keys))
        connection.execute(
            f"""
            INSERT INTO touched
            SELECT asset_id, signal, min(ts) - INTERVAL {OLD_DAY_H} HOUR, {history}
            WHERE asset_id IN (SELECT asset_id FROM redeclared WHERE signal IS NULL)
               OR (asset_id, signal) IN (SELECT (asset_id, signal) FROM redeclared WHERE signal IS NOT NULL)
            GROUP BY ALL
            """
        )


def _describe_signals(connection: duckdb.DuckDBPyConnection) -> None:
    """`described`: the declarations of the touched signals; a signal and its pair change together."""
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE paired AS
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
        CREATE OR REPLACE TEMP TABLE described AS
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
        CREATE OR REPLACE TEMP TABLE affected AS
        SELECT t.asset_id, t.signal, d.time_zone, d.kind, d.reach_s,
            least(t.t0 - to_microseconds((d.reach_s * 1e6)::BIGINT), r.reach_from) AS a0,
            greatest(t.t1 + to_microseconds((d.reach_s * 1e6)::BIGINT), r.reach_to) AS a1
        FROM touched t
        JOIN described d USING (asset_id, signal)
        LEFT JOIN touched_reach r USING (asset_id, signal, t0, t1)
        """
    )


def _round_out(connection: duckdb.DuckDBPyConnection) -> None:
    """`rounded`: affected ranges rounded out to whole local days and merged."""
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE rounded AS
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


def _spans(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """The days of `rounded`, with the range to read for each."""
    reach(connection, "rounded", "rebuild_from", "rebuild_to", "rebuilt_reach")
    found = connection.execute(
        f"""
        WITH around AS (
            SELECT *, to_microseconds(((greatest(reach_s, 0) + {READ_MARGIN_S}) * 1e6)::BIGINT) AS margin FROM rounded
        )
        SELECT x.asset_id, x.signal, x.time_zone, x.rebuild_from, x.rebuild_to,
            least(x.rebuild_from - x.margin, r.reach_from) AS read_from,
            greatest(x.rebuild_to + x.margin, r.reach_to) AS read_to
        FROM around x
        LEFT JOIN rebuilt_reach r USING (asset_id, signal, rebuild_from, rebuild_to)
        ORDER BY ALL
        """
    )
    return found.to_arrow_table().cast(SPANS_SCHEMA)
